"""Compiler messages, with the layer and key of the keymap where they point into one. Pure.

GCC writes "file:line:column: severity: text"; json2c writes a layer as one line
"[n] = LAYOUT(key, key, …)", so a column there is a key.
"""

import re
from collections.abc import Iterator, Sequence

from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic

_MESSAGE_LENGTH_MAX = 512
#: Source that the compiler quotes: a stranger's text, which may look like a message. GCC 5 indents
#: it, newer ones put "12 |" before it; the tree puts " | " before all of the compiler's lines.
_TREES_PREFIX = re.compile(r"^ \| ?(?=\S)")
_QUOTED = re.compile(r"\s|\d+ ?\||\| ")
#: The tree prints what it compiles and what the compiler says on one line, hence no "^".
_GCC = re.compile(
    r"(?:^|\s)(?P<file>[^\s:]+):(?P<line>\d{1,9}):(?P<column>\d{1,9}):"
    r" (?P<severity>fatal error|error|warning): (?P<message>.+)$",
    re.MULTILINE,
)
_LINKER = re.compile(
    r"(?:^|: )(?P<message>undefined reference to .+|multiple definition of .+"
    r"|region \S{1,64} overflowed by \d{1,9} bytes)$",
    re.MULTILINE,
)
_KEYMAP_C = re.compile(r"(?:^|/)src/keymap\.c$")
_LAYER = re.compile(r"\s*\[(?P<layer>\d+)\] = \w+\(")


def parse(
    log: str, keymap_c: bytes, layers: Sequence[Sequence[str | None] | None]
) -> tuple[Diagnostic, ...]:
    """The messages of a log, errors first, at most DIAGNOSTICS_MAX.

    ``keymap_c`` is the generated source, ``layers`` the keycodes it was generated from.
    """
    source = keymap_c.decode("utf-8", "replace").splitlines()
    log = spoken(log)
    found = dict.fromkeys((*_from_gcc(log, source, layers), *_from_linker(log)))
    errors = [item for item in found if item.severity == "error"]
    others = [item for item in found if item.severity != "error"]
    return tuple((errors + others)[:DIAGNOSTICS_MAX])


def spoken(log: str) -> str:
    """What programs say in a log, without the source text that they quote."""
    lines = (_TREES_PREFIX.sub("", line) for line in log.splitlines())
    return "\n".join(line for line in lines if not _QUOTED.match(line))


def _from_gcc(
    log: str, source: Sequence[str], layers: Sequence[Sequence[str | None] | None]
) -> Iterator[Diagnostic]:
    for match in _GCC.finditer(log):
        file = match["file"].removeprefix("./")
        line, column = int(match["line"]), int(match["column"])
        layer = key = keycode = None
        if _KEYMAP_C.search(file):
            file = "keymap.c"
            layer, key = _place(source[line - 1] if line <= len(source) else "", column)
            keycode = _keycode(layers, layer, key)
        yield Diagnostic(
            severity="error" if match["severity"] == "fatal error" else match["severity"],
            message=match["message"][:_MESSAGE_LENGTH_MAX],
            file=file,
            line=line,
            column=column,
            layer=layer,
            key=key,
            keycode=keycode,
        )


def _from_linker(log: str) -> Iterator[Diagnostic]:
    for match in _LINKER.finditer(log):
        yield Diagnostic(severity="error", message=match["message"][:_MESSAGE_LENGTH_MAX])


def _place(line: str, column: int) -> tuple[int | None, int | None]:
    """Layer and key that a column (from 1, in bytes) of a line of keymap.c is in."""
    start = _LAYER.match(line)
    if start is None:
        return None, None
    layer = int(start["layer"])
    before = line.encode()[: column - 1].decode("utf-8", "ignore")[start.end() :]
    if column - 1 < start.end():
        return layer, None
    plain = re.sub(r"'(?:\\.|[^'\\])'", "0", before)
    depth = key = 0
    for character in plain:
        depth += (character in "([") - (character in ")]")
        key += character == "," and depth == 0
    closes = depth == 0 and line.encode()[column - 1 : column] == b")"
    return (layer, None) if depth < 0 or closes else (layer, key)


def _keycode(
    layers: Sequence[Sequence[str | None] | None], layer: int | None, key: int | None
) -> str | None:
    if layer is None or key is None or layer >= len(layers):
        return None
    row = layers[layer] or ()
    return row[key] if key < len(row) else None
