"""A build as it goes on: events and its log."""
