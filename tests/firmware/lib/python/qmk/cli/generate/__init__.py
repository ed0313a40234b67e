"""Subcommands that write generated files."""
