"""`qmk info`: show what is known about a keyboard."""

import json

from milc import cli

from qmk.info import info_json
from qmk.keyboard import keyboard_completer, keyboard_folder
from qmk.keymap import list_keymaps


@cli.argument(
    "-kb",
    "--keyboard",
    type=keyboard_folder,
    completer=keyboard_completer,
    help="Keyboard to show.",
)
@cli.argument(
    "-f",
    "--format",
    default="friendly",
    arg_only=True,
    choices=["friendly", "text", "json"],
    help="How to show it.",
)
@cli.subcommand("Show what is known about a keyboard.")
def info(cli):
    """Shows a keyboard's description for people, or all of it as JSON."""
    keyboard = cli.config.info.keyboard
    if not keyboard:
        cli.log.error("Missing parameter: --keyboard")
        return False
    data = info_json(keyboard)
    if cli.args.format == "json":
        print(json.dumps(data, indent=4, sort_keys=True))
        return True
    print(f"Keyboard: {data['keyboard_name']} ({data['keyboard_folder']})")
    print(f"Maintainer: {data['maintainer']}")
    print(f"Processor: {data['processor']}, bootloader {data['bootloader']}")
    print(f"Matrix: {data['matrix_size']['rows']} rows, {data['matrix_size']['cols']} columns")
    for name, layout in data["layouts"].items():
        print(f"Layout: {name} ({len(layout['layout'])} keys)")
    print(f"Keymaps: {', '.join(list_keymaps(keyboard))}")
    return True
