"""The keyboards of the tree and their other names."""

from functools import cache
from pathlib import Path

import qmk.path
from qmk.constants import KEYBOARDS
from qmk.json_schema import json_load

ALIASES = Path("data/mappings/keyboard_aliases.hjson")


@cache
def keyboard_alias_definitions():
    """Returns `{old name: {"target": name}}`; a target may itself be an old name."""
    return json_load(ALIASES)


def resolve_alias(keyboard):
    """Follows a keyboard's aliases to their end, and stops where they turn in a circle."""
    aliases = keyboard_alias_definitions()
    seen = set()
    while keyboard in aliases and keyboard not in seen:
        seen.add(keyboard)
        keyboard = aliases[keyboard]["target"]
    return keyboard


def keyboard_folder(keyboard):
    """Returns the name of the folder a keyboard, or an alias, stands for.

    Raises ValueError when the tree has none.
    """
    folder = resolve_alias(keyboard)
    if not qmk.path.is_keyboard(folder):
        raise ValueError(f"Invalid keyboard: {keyboard}")
    return folder


def list_keyboards():
    """Returns the names of all keyboards, sorted."""
    found = KEYBOARDS.glob("**/keyboard.json")
    return sorted(
        path.parent.relative_to(KEYBOARDS).as_posix()
        for path in found
        if "keymaps" not in path.parts
    )


def find_readme(keyboard):
    """Returns the readme nearest to a keyboard, going up, or None."""
    levels = reversed(qmk.path.keyboard_levels(keyboard))
    return next((level / "readme.md" for level in levels if (level / "readme.md").is_file()), None)


def keyboard_completer(prefix, action, parser, parsed_args):
    """Returns the keyboards for completion in the shell."""
    return list_keyboards()
