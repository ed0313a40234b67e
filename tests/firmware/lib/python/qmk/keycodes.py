"""The tables of keycodes."""

from pathlib import Path

from qmk.json_schema import deep_update, json_load, validate

KEYCODES = Path("data/constants/keycodes")
_PREFIX = "keycodes_"


def list_versions():
    """Returns the versions of the keycodes, sorted."""
    stems = (path.stem.removeprefix(_PREFIX) for path in KEYCODES.glob(f"{_PREFIX}*.hjson"))
    return sorted({stem.split("_")[0] for stem in stems})


def load_spec(version):
    """Returns all keycodes of one version as one table.

    Raises ValueError when there is no such version, or when a name is given twice.
    """
    files = sorted(KEYCODES.glob(f"{_PREFIX}{version}*.hjson"))
    if not files:
        raise ValueError(f"Invalid version: {version}")
    spec = {"ranges": {}, "keycodes": {}}
    for path in files:
        part = json_load(path)
        validate(part, "qmk.keycodes.v1")
        deep_update(spec, part)
    _reject_duplicate_names(spec["keycodes"])
    return {**spec, "version": version}


def _reject_duplicate_names(keycodes):
    seen = set()
    for entry in keycodes.values():
        for name in (entry["key"], *entry.get("aliases", [])):
            if name in seen:
                raise ValueError(f"the keycode {name} is defined twice")
            seen.add(name)
