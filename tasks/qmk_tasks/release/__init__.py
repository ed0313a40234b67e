"""What a refresh does for its release: old commits removed, favourites built."""
