"""What the developer-side commands say when they cannot go on."""


class LocalError(Exception):
    """A failure with one sentence for the person at the keyboard: what, why, what to do."""
