"""`qmk generate-keyboard-h`."""

from milc import cli

from qmk.commands import dump_lines
from qmk.generate import keyboard_h
from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.path import normpath


@cli.argument("-i", "--include", nargs="?", arg_only=True, help="A header to include")
@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument(
    "-kb",
    "--keyboard",
    arg_only=True,
    type=keyboard_folder,
    completer=keyboard_completer,
    required=True,
    help="Keyboard to generate keyboard.h for.",
)
@cli.subcommand("Used by the make system to generate keyboard.h.", hidden=True)
def generate_keyboard_h(cli):
    """Writes a keyboard's default_keyboard.h."""
    lines = keyboard_h(info_json(cli.args.keyboard), cli.args.include)
    dump_lines(cli.args.output, lines, cli.args.quiet)
