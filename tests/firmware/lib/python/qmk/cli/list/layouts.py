"""`qmk list-layouts`."""

from milc import cli

from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder


@cli.argument(
    "-kb",
    "--keyboard",
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard whose layouts to list.",
)
@cli.subcommand("List the community layouts of a keyboard.")
def list_layouts(cli):
    """Prints the name of every layout a keyboard shares with others."""
    if not cli.config.list_layouts.keyboard:
        cli.log.error("Missing required arguments: --keyboard")
        return False
    for name in sorted(info_json(cli.config.list_layouts.keyboard).get("community_layouts", [])):
        print(name)
    return True
