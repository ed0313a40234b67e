"""Reading JSON and HJSON, and checking them against the tree's schemas."""

import json
from functools import cache
from pathlib import Path

SCHEMAS = Path("data/schemas")


def json_load(json_file):
    """Returns what is in a JSON or HJSON file.

    `json_file` is a path, or an open text file. Names the file and exits when it is neither
    JSON nor HJSON, or when an object has one key twice.
    """
    try:
        text = json_file.read_text("utf-8") if isinstance(json_file, Path) else json_file.read()
        return _parse(text)
    except (ValueError, OSError) as error:
        raise SystemExit(
            f"Invalid JSON encountered attempting to load {json_file}: {error}"
        ) from error


def _parse(text):
    # The standard library is many times faster; only files with comments need the other one.
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError:
        import hjson

        return hjson.loads(text, object_pairs_hook=_without_duplicates)


def _without_duplicates(pairs):
    result = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"duplicate key: {key!r}")
        result[key] = value
    return result


def deep_update(target, changes):
    """Merges `changes` into the dictionary `target`, key by key, and returns `target`."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            deep_update(target[key], value)
        else:
            target[key] = value
    return target


@cache
def compile_schema_store():
    """Returns every schema of the tree by its `$id`."""
    schemas = (json_load(path) for path in sorted(SCHEMAS.glob("*.jsonschema")))
    return {schema["$id"]: schema for schema in schemas}


@cache
def create_validator(schema):
    """Returns the validator for the schema with this `$id`."""
    # Most subcommands check nothing, and these two cost as much as the rest of the start.
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    store = compile_schema_store()
    registry = Registry().with_resources(
        (name, Resource.from_contents(content)) for name, content in store.items()
    )
    return Draft202012Validator(store[schema], registry=registry)


def validate(data, schema):
    """Checks `data` against the schema with this `$id`.

    Raises jsonschema.ValidationError with the most telling of the faults.
    """
    from jsonschema.exceptions import best_match

    error = best_match(create_validator(schema).iter_errors(data))
    if error is not None:
        raise error
