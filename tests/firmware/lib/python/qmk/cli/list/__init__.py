"""Subcommands that list what the tree has."""
