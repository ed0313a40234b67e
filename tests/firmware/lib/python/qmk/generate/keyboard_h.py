"""default_keyboard.h: a keyboard's layout macros."""

from qmk.constants import GENERATED_HEADER_C_LIKE


def keyboard_h(info, include=None):
    """Returns the lines of default_keyboard.h, which includes the keyboard's own header, if any."""
    lines = [GENERATED_HEADER_C_LIKE, "#pragma once", "", '#include "quantum.h"']
    if include:
        lines.append(f'#include "{include}"')
    for name, layout in info["layouts"].items():
        lines += ["", *_layout_macro(name, layout["layout"], info["matrix_size"])]
    for alias, target in info.get("layout_aliases", {}).items():
        lines += ["", f"#define {alias} {target}"]
    return lines


def _layout_macro(name, keys, size):
    names = [f"k{row:02}{col:02}" for row, col in (key["matrix"] for key in keys)]
    matrix = [["KC_NO"] * size["cols"] for _ in range(size["rows"])]
    for argument, key in zip(names, keys, strict=True):
        row, col = key["matrix"]
        matrix[row][col] = argument
    rows = ", ".join("{" + ", ".join(row) + "}" for row in matrix)
    return [f"#define {name}({', '.join(names)}) \\", f"    {{{rows}}}"]
