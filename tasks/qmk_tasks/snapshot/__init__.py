"""What is published of a firmware tree, made where its own code runs."""
