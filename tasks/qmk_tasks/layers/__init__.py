"""Files of a tree by layer, and the archives that they become."""
