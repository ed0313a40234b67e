"""The command that a firmware is the product of, whatever path made it."""


def words(keymap: str, make_jobs: int) -> tuple[str, ...]:
    """The tree's own ``qmk compile``; SKIP_VERSION keeps the time of the build out of firmware."""
    return (
        *("qmk", "--no-color", "compile", "-j", str(make_jobs)),
        *("-e", "SKIP_VERSION=yes", keymap),
    )
