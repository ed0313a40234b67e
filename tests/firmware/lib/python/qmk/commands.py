"""What several subcommands share."""

import os
import shutil
import sys

from milc import cli

from qmk.json_schema import json_load, validate
from qmk.keyboard import resolve_alias

# What a JSON keymap may ask of QMK, and this tree cannot give.
_UNSUPPORTED_FIELDS = ("converter", "encoders", "host_language", "modules")


def find_make():
    """Returns the name of GNU make on this machine."""
    return os.environ.get("MAKE") or ("gmake" if shutil.which("gmake") else "make")


def get_make_parallel_args(parallel=1):
    """Returns make's arguments for a number of jobs; 0 means without a limit."""
    if parallel == 1:
        return []
    jobs = "--jobs" if parallel < 1 else f"--jobs={parallel}"
    return [jobs, "--output-sync=target"]


def parse_configurator_json(configurator_file):
    """Returns a JSON keymap, checked, its keyboard's alias resolved; exits when it is invalid."""
    from jsonschema import ValidationError

    user_keymap = json_load(configurator_file)
    try:
        validate(user_keymap, "qmk.keymap.v1")
    except ValidationError as error:
        raise SystemExit(f"Invalid JSON keymap: {configurator_file} : {error.message}") from error
    unsupported = [name for name in _UNSUPPORTED_FIELDS if user_keymap.get(name)]
    if unsupported:
        raise SystemExit(
            f"Invalid JSON keymap: {configurator_file} : this tree has no {', '.join(unsupported)}"
        )
    user_keymap["keyboard"] = resolve_alias(user_keymap["keyboard"])
    return user_keymap


def build_environment(args):
    """Returns make variables from `NAME=VALUE` arguments; others are named and left out."""
    variables = {}
    for argument in args:
        name, equals, value = argument.partition("=")
        if equals:
            variables[name] = value
        else:
            cli.log.warning("Invalid environment variable: %s", argument)
    return variables


def dump_lines(output_file, lines, quiet=True):
    """Writes lines to a file, making its folder, or to standard output without one."""
    text = "\n".join(lines) + "\n"
    if output_file is None or output_file.name == "-":
        sys.stdout.write(text)
        return
    output_file.parent.mkdir(parents=True, exist_ok=True)
    output_file.write_text(text, encoding="utf-8")
    if not quiet:
        cli.log.info("Wrote %s to %s.", output_file.name, output_file)
