"""Layouts of Keyboard Layout Editor."""
