"""Keymaps: where they are, and the keymap.c of one that is JSON."""

import json
import re

import qmk.path

_MAKE_KEYCODE = re.compile(r"\bQK_MAKE\b")


def locate_keymap(keyboard, keymap):
    """Returns the file of a keymap, or None; the most specific folder wins."""
    for level in reversed(qmk.path.keyboard_levels(keyboard)):
        for name in ("keymap.json", "keymap.c"):
            path = level / "keymaps" / keymap / name
            if path.is_file():
                return path
    return None


def list_keymaps(keyboard, c=True, json=True, fullpath=False):
    """Returns the keymaps of a keyboard, sorted: names, or folders with `fullpath`.

    `c` and `json` say whether keymaps written in that language count.
    """
    wanted = [name for name, is_wanted in (("keymap.c", c), ("keymap.json", json)) if is_wanted]
    folders = {
        path.parent.name: path.parent
        for level in qmk.path.keyboard_levels(keyboard)
        for name in wanted
        for path in level.glob(f"keymaps/*/{name}")
    }
    return sorted(folders.values()) if fullpath else sorted(folders)


def generate_c(keymap_json):
    """Returns the keymap.c of a JSON keymap.

    One layer is one line, its keys in the order of the layout, so that a place the compiler
    names can be traced back to a key.
    """
    lines = ["#include QMK_KEYBOARD_H", '#include "keymap.h"', ""]
    layers = keymap_json.get("layers")
    if layers is not None:
        lines += ["const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {"]
        for number, layer in enumerate(layers):
            keys = ", ".join(_strip_any(key) for key in layer)
            lines.append(f"    [{number}] = {keymap_json['layout']}({keys}),")
        lines += ["};", ""]
    lines += _macros(keymap_json.get("macros") or [])
    if any(_MAKE_KEYCODE.search(key) for layer in layers or [] for key in layer):
        lines += _make_command()
    return "\n".join(lines)


def _strip_any(key):
    """`ANY(text)` is how a graphical editor marks a keycode the user typed by hand."""
    return key[4:-1] if key.startswith("ANY(") and key.endswith(")") else key


def _make_command():
    # Only here does the keymap's name become part of the firmware.
    command = '"qmk compile -kb " QMK_KEYBOARD " -km " QMK_KEYMAP "\\n"'
    return ["void type_make_command(void) {", f"    send_string_P(PSTR({command}));", "}", ""]


def _macros(macros):
    if not macros:
        return []
    lines = ["void play_macro(uint8_t number) {", "    switch (number) {"]
    for number, macro in enumerate(macros):
        lines.append(f"        case {number}:")
        lines += [f"            {statement}" for step in macro for statement in _macro_step(step)]
        lines.append("            break;")
    return [*lines, "    }", "}", ""]


def _macro_step(step):
    if isinstance(step, str):
        return [f"send_string_P(PSTR({_c_string(step)}));"]
    keycodes = [f"KC_{keycode}" for keycode in step.get("keycodes", [])]
    match step["action"]:
        case "delay":
            return [f"wait_ms({step['duration']});"]
        case "down":
            return [f"register_code({keycode});" for keycode in keycodes]
        case "up":
            return [f"unregister_code({keycode});" for keycode in keycodes]
        case "tap":
            down = [f"register_code({keycode});" for keycode in keycodes]
            return down + [f"unregister_code({keycode});" for keycode in reversed(keycodes)]
    raise ValueError(f"unknown macro action: {step['action']}")


def _c_string(text):
    # A JSON string of plain ASCII is a C string, once the form \u00xx is not needed.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not all(character in "\n\t" or " " <= character <= "~" for character in text):
        raise SystemExit(f"Invalid JSON keymap: a macro can type ASCII only, not {text!r}")
    return json.dumps(text).replace("??", "?\\?")
