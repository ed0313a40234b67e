"""What storage has of a channel: its pointer, its flag, its status."""
