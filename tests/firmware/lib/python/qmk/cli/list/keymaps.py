"""`qmk list-keymaps`."""

from milc import cli

import qmk.keymap
from qmk.keyboard import keyboard_completer, keyboard_folder


@cli.argument(
    "-kb",
    "--keyboard",
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard whose keymaps to list.",
)
@cli.subcommand("List the keymaps of a keyboard.")
def list_keymaps(cli):
    """Prints the name of every keymap of a keyboard."""
    if not cli.config.list_keymaps.keyboard:
        cli.log.error("Missing required arguments: --keyboard")
        return False
    print("\n".join(qmk.keymap.list_keymaps(cli.config.list_keymaps.keyboard)))
    return True
