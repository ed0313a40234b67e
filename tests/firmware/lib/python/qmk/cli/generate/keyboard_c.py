"""`qmk generate-keyboard-c`."""

from milc import cli

from qmk.commands import dump_lines
from qmk.generate import keyboard_c
from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.path import normpath


@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument(
    "-kb",
    "--keyboard",
    arg_only=True,
    type=keyboard_folder,
    completer=keyboard_completer,
    required=True,
    help="Keyboard to generate keyboard.c for.",
)
@cli.subcommand("Used by the make system to generate keyboard.c.", hidden=True)
def generate_keyboard_c(cli):
    """Writes a keyboard's default_keyboard.c."""
    dump_lines(cli.args.output, keyboard_c(info_json(cli.args.keyboard)), cli.args.quiet)
