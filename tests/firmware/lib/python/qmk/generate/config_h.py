"""config.h: what the C code must know of a keyboard or a keymap."""

import json

from qmk.constants import GENERATED_HEADER_C_LIKE
from qmk.generate.mapping import mapped_values


def keyboard_config_h(info):
    """Returns the lines of info_config.h for a keyboard."""
    lines = _header()
    lines += [f"#define MATRIX_ROWS {info['matrix_size']['rows']}"]
    lines += [f"#define MATRIX_COLS {info['matrix_size']['cols']}"]
    lines += [f"#define DIODE_DIRECTION_{info['diode_direction']}"]
    return lines + [f"#define {name} {value}" for name, value in _macros(info)]


def keymap_config_h(keymap_json):
    """Returns the lines of config.h for a keymap; they win over those of its keyboard."""
    lines = _header()
    for name, value in _macros(keymap_json.get("config", {})):
        lines += [f"#undef {name}", f"#define {name} {value}"]
    return lines


def _header():
    return [GENERATED_HEADER_C_LIKE, "#pragma once", ""]


def _macros(info):
    for name, value, value_type in mapped_values("info_config.hjson", info):
        yield name, _C_VALUES[value_type](value)


def _bcd_version(version):
    major, minor, patch = (int(part) for part in version.split("."))
    return f"0x{major:02}{minor}{patch}"


_C_VALUES = {"raw": str, "int": str, "str": json.dumps, "bcd_version": _bcd_version}
