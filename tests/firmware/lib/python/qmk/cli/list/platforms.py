"""`qmk list-platforms`."""

from pathlib import Path

from milc import cli

# Looked up as the module is loaded, so that only a whole tree can load every subcommand.
PLATFORMS = sorted(path.name for path in Path("platforms").iterdir() if path.is_dir())


@cli.subcommand("List the platforms that firmware can be built for.")
def list_platforms(cli):
    """Prints the name of every platform."""
    for name in PLATFORMS:
        print(name)
    return True
