"""Errors of what is no compiler: the tree's Python, its make, its check of the size. Pure."""

import itertools
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic

_LENGTH_MAX = 512
#: `qmk` puts its sign for an error before the line, if the terminal can show it.
_EXCEPTION = re.compile(
    r"^(?:\u2612 )?(?:[a-z_]\w*\.)*(?P<kind>[A-Z]\w*(?:Error|Exception)): (?P<text>\S.*)$",
    re.MULTILINE,
)
_INVALID = re.compile(
    r"^(?:\u2612 )?(?P<text>Invalid JSON (?:keymap|encountered).*)$", re.MULTILINE
)
_NO_MODULE = re.compile(r"Module (?:not found: )?'?(?P<name>[^\s']+)'?(?: not found\.?)?")
#: What `parse_configurator_json` puts between: the file's own name tells nothing.
_FILE_NAME = re.compile(r"(?<=: )\S*keymap\.json : ?")
#: make: "builddefs/converters.mk:10: *** Converting to 'x' not possible!.  Stop."
_STOPPED = re.compile(
    r"^(?:g?make(?:\[\d+\])?|(?P<file>[^\s:]+):(?P<line>\d{1,9})): \*\*\* (?P<text>[^\[\n].*?)\.?"
    r"  Stop\.$",
    re.MULTILINE,
)
_TOO_LARGE = re.compile(
    r"^ \* The firmware is too large! (?P<used>\d{1,9})/(?P<limit>\d{1,9})"
    r" \((?P<over>\d{1,9}) bytes over\)",
    re.MULTILINE,
)
_FIELD_OF = {"Module": "modules: ", "Converting": "converter: "}


def diagnostics(log: str, said: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Such errors in a log and in what programs said in it, in the order that a build has."""
    for found in itertools.islice(_INVALID.finditer(said), DIAGNOSTICS_MAX):
        text = _FILE_NAME.sub("", found["text"])
        field = _field(request, text.partition(": ")[2])
        yield _error(f"{field}: {text}" if field else text)
    modules: set[str] = set()
    for found in _EXCEPTION.finditer(said):
        # Two parts of the tree look for a module, each with words of its own.
        if module := _NO_MODULE.fullmatch(found["text"]):
            if module["name"] in modules:
                continue
            modules.add(module["name"])
        missing = found["kind"] == "KeyError"
        text = f"the firmware's generator misses {found['text']}" if missing else found["text"]
        yield _error(_with_field(text))
    for found in _STOPPED.finditer(said):
        line = int(found["line"]) if found["line"] else None
        yield _error(_with_field(found["text"]), found["file"], line)
    for found in _TOO_LARGE.finditer(log):
        yield _error(
            f"the firmware has {found['used']} bytes, {found['over']} more than the "
            f"{found['limit']} that fit"
        )


def _field(request: Mapping[str, Any], text: str) -> str | None:
    """The first field whose value a message of jsonschema begins with, as "config.tapping.term"."""
    names = (name for name in sorted(request) if not name.startswith("layers"))
    open_: deque[tuple[str, Any]] = deque((name, request[name]) for name in names)
    while open_:
        path, value = open_.popleft()
        if value and text.startswith(f"{value!r} "):
            return path
        if isinstance(value, Mapping):
            open_ += [(f"{path}.{name}", item) for name, item in value.items()]
        elif isinstance(value, list):
            open_ += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return None


def _with_field(text: str) -> str:
    return _FIELD_OF.get(text.split(" ", 1)[0], "") + text


def _error(text: str, file: str | None = None, line: int | None = None) -> Diagnostic:
    return Diagnostic("error", text[:_LENGTH_MAX], file, line)
