"""From values in info.json to the macros and make variables they are known as."""

from pathlib import Path

from qmk.json_schema import json_load

MAPPINGS = Path("data/mappings")


def mapped_values(mapping_file, info):
    """Yields (name, value, value type) for everything in `info` that a mapping names."""
    for name, entry in json_load(MAPPINGS / mapping_file).items():
        value = _find(info, entry["info_key"].split("."))
        if value is not None:
            yield name, value, entry.get("value_type", "raw")


def _find(info, keys):
    for key in keys:
        if not isinstance(info, dict) or key not in info:
            return None
        info = info[key]
    return info
