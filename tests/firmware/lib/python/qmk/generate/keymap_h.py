"""keymap.h: the keycodes that a keymap declares for itself."""

from qmk.constants import GENERATED_HEADER_C_LIKE


def keymap_h(keymap_json):
    """Returns the lines of keymap.h for a keymap."""
    lines = [GENERATED_HEADER_C_LIKE, "#pragma once", ""]
    for number, keycode in enumerate(keymap_json.get("keycodes", [])):
        names = [keycode["key"], *keycode.get("aliases", [])]
        lines += [f"#define {name} QK_USER_{number}" for name in names]
    return lines
