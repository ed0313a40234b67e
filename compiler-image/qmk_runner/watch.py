"""What is looked at while a build runs."""

from typing import Protocol


class Watch(Protocol):
    """Looks after one thing of which a build may take so much and no more."""

    def excess(self) -> str | None:
        """What the build took too much of, as a sentence; None: it keeps within its bounds.

        Called several times a second, so it should take well under a millisecond.
        """
