"""Files that one step of a refresh leaves for those that follow."""
