"""`qmk generate-config-h`."""

from milc import cli

from qmk.commands import dump_lines, parse_configurator_json
from qmk.generate import keyboard_config_h, keymap_config_h
from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.path import FileType, normpath


@cli.argument("filename", nargs="?", arg_only=True, type=FileType("r"), help="A keymap in JSON.")
@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.argument("-q", "--quiet", arg_only=True, action="store_true", help="Only show errors.")
@cli.argument(
    "-kb",
    "--keyboard",
    arg_only=True,
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard to generate config.h for.",
)
@cli.subcommand("Used by the make system to generate config.h.", hidden=True)
def generate_config_h(cli):
    """Writes the config.h of a keymap, or of a keyboard."""
    if cli.args.filename:
        lines = keymap_config_h(parse_configurator_json(cli.args.filename))
    elif cli.args.keyboard:
        lines = keyboard_config_h(info_json(cli.args.keyboard))
    else:
        cli.log.error("You must supply a keymap in JSON or `--keyboard`.")
        return False
    dump_lines(cli.args.output, lines, cli.args.quiet)
    return True
