"""`qmk list-keyboards`."""

from milc import cli

import qmk.keyboard


@cli.subcommand("List the keyboards of this tree.")
def list_keyboards(cli):
    """Prints the name of every keyboard."""
    print("\n".join(qmk.keyboard.list_keyboards()))
