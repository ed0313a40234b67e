"""Everything known about a keyboard, in one dictionary."""

import qmk.path
from qmk.constants import AVR_PROCESSORS
from qmk.json_schema import deep_update, json_load, validate

# A row of the matrix is kept in the bits of one number.
_MAX_MATRIX_COLS = 32


def info_json(keyboard):
    """Returns the description of a keyboard, all derived values filled in.

    Faults that a build survives are listed under `parse_errors`; exits when the data is not
    what the schemas ask for.
    """
    info = {
        "keyboard_name": str(keyboard),
        "keyboard_folder": str(keyboard),
        "keymaps": {},
        "layouts": {},
        "parse_errors": [],
        "parse_warnings": [],
        "maintainer": "qmk",
    }
    for level in qmk.path.keyboard_levels(keyboard):
        for path in (level / "info.json", level / "keyboard.json"):
            if path.is_file():
                deep_update(info, _checked(json_load(path), "qmk.keyboard.v1", path))
    for layout in info["layouts"].values():
        layout["c_macro"] = False
        layout["json_layout"] = True
    _describe_processor(info)
    info["matrix_size"] = {side: len(info["matrix_pins"][side]) for side in ("cols", "rows")}
    info["parse_errors"] += _matrix_errors(info)
    return _checked(info, "qmk.api.keyboard.v1", keyboard)


def _checked(data, schema, origin):
    from jsonschema import ValidationError

    try:
        validate(data, schema)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "top level"
        raise SystemExit(f"{origin}: {place}: {error.message}") from error
    return data


def _describe_processor(info):
    if info.get("processor") not in AVR_PROCESSORS:
        raise SystemExit(f"{info['keyboard_folder']}: unknown processor {info.get('processor')!r}")
    info["platform"] = "unknown"
    info["platform_key"] = "avr"
    info["processor_type"] = "avr"
    info["protocol"] = "UART"


def _matrix_errors(info):
    rows, cols = info["matrix_size"]["rows"], info["matrix_size"]["cols"]
    errors = []
    if cols > _MAX_MATRIX_COLS:
        errors.append(f"the matrix has {cols} columns, at most {_MAX_MATRIX_COLS} are possible")
    for name, layout in info["layouts"].items():
        used = set()
        for index, key in enumerate(layout["layout"]):
            row, col = position = tuple(key["matrix"])
            if row >= rows or col >= cols:
                errors.append(f"{name}: key {index} is outside the matrix: {row}, {col}")
            if position in used:
                errors.append(f"{name}: key {index} uses a matrix position twice: {row}, {col}")
            used.add(position)
    for alias, target in info.get("layout_aliases", {}).items():
        if target not in info["layouts"]:
            errors.append(f"the layout alias {alias} points to the unknown layout {target}")
    return errors
