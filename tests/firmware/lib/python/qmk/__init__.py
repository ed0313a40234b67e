"""What this firmware tree adds to the `qmk` launcher."""
