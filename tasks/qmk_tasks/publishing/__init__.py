"""A snapshot's objects into storage, and channels moved to it."""
