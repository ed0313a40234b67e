"""Paths of keyboards, and paths the user typed."""

import argparse
import os
import re
import sys
from pathlib import Path

from qmk.constants import KEYBOARDS

_KEYBOARD_NAME = re.compile(r"[0-9a-z][0-9a-z_]*(/[0-9a-z][0-9a-z_]*){0,4}")


def is_keyboard(keyboard_name):
    """Tells whether the tree has a keyboard of exactly this name."""
    name = str(keyboard_name or "")
    return (
        _KEYBOARD_NAME.fullmatch(name) is not None and (keyboard(name) / "keyboard.json").is_file()
    )


def keyboard(keyboard_name):
    """Returns the folder of a keyboard, relative to the tree."""
    return KEYBOARDS / keyboard_name


def keyboard_levels(keyboard_name):
    """Returns the folders that describe a keyboard, the most general one first."""
    folder = keyboard(keyboard_name)
    return [parent for parent in reversed(folder.parents) if KEYBOARDS in parent.parents] + [folder]


def normpath(path):
    """Returns a path as the user meant it: relative to where the command was typed."""
    path = Path(path)
    return path if path.is_absolute() else Path(os.environ["ORIG_CWD"]) / path


class FileType:
    """An argparse type for a file that is read: a path, or `-` for standard input."""

    def __init__(self, mode="r"):
        if mode != "r":
            raise ValueError(f"only reading is supported, not {mode!r}")

    def __call__(self, argument):
        """Returns the path, or standard input; raises ArgumentTypeError for a file not there."""
        if argument == "-":
            return sys.stdin
        path = normpath(argument)
        if not path.is_file():
            raise argparse.ArgumentTypeError(f"No such file: {path}")
        return path
