"""`qmk generate-info-json`."""

import json

from milc import cli

from qmk.commands import dump_lines
from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.path import normpath


@cli.argument(
    "-kb",
    "--keyboard",
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard to describe.",
)
@cli.argument("-o", "--output", arg_only=True, type=normpath, help="File to write to")
@cli.subcommand("Generate an info.json for a keyboard.", hidden=True)
def generate_info_json(cli):
    """Writes everything known about a keyboard as JSON."""
    if not cli.config.generate_info_json.keyboard:
        cli.log.error("Missing parameter: --keyboard")
        return False
    data = info_json(cli.config.generate_info_json.keyboard)
    dump_lines(cli.args.output, [json.dumps(data, indent=4, sort_keys=True)])
    return True
