"""The text of the files that a build generates."""

from qmk.generate.config_h import keyboard_config_h, keymap_config_h
from qmk.generate.keyboard_c import keyboard_c
from qmk.generate.keyboard_h import keyboard_h
from qmk.generate.keycodes_h import keycodes_h
from qmk.generate.keymap_h import keymap_h
from qmk.generate.rules_mk import keyboard_rules_mk, keymap_rules_mk
from qmk.generate.version_h import version_h

__all__ = [
    "keyboard_c",
    "keyboard_config_h",
    "keyboard_h",
    "keyboard_rules_mk",
    "keycodes_h",
    "keymap_config_h",
    "keymap_h",
    "keymap_rules_mk",
    "version_h",
]
