"""keycodes.h: the table of keycodes as C."""

from qmk.constants import GENERATED_HEADER_C_LIKE


def keycodes_h(spec):
    """Returns the lines of keycodes.h for a table from qmk.keycodes.load_spec."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        GENERATED_HEADER_C_LIKE,
        "#pragma once",
        "",
        "enum keycode_ranges {",
    ]
    for bounds, entry in spec["ranges"].items():
        first, mask = (int(number, 16) for number in bounds.split("/"))
        lines.append(f"    {entry['define']} = 0x{first:04X},")
        lines.append(f"    {entry['define']}_MAX = 0x{first + mask:04X},")
    lines += ["};", "", "enum keycodes {"]
    for code, entry in sorted(spec["keycodes"].items()):
        lines.append(f"    {entry['key']} = {code},")
        lines += [f"    {alias} = {entry['key']}," for alias in entry.get("aliases", [])]
    return [*lines, "};"]
