"""The child in which everything runs that can touch a stranger's text: the three build paths."""
