"""Compiler output for a reader: plain text, without colours or paths of the pod. Pure."""

import re
from collections.abc import Callable
from pathlib import Path

#: ECMA-48: CSI sequences (colours), OSC strings, and two-character escapes.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
#: What makes a URL a presigned one (AWS Signature Version 4 in a query).
_SIGNED = re.compile(rb"(?i)\b(X-Amz-[A-Za-z-]{1,40}=)[^\s&'\"]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

Clean = Callable[[bytes], bytes]


def cleaner(tree: Path, scratch: Path, temporary: Path) -> Clean:
    """A function that cleans one line, without its line feed, and gives valid UTF-8.

    Paths below ``tree`` become relative to it; the compiler's temporary files and anything else
    below ``scratch`` lose their folder and their random part.
    """
    inside = re.compile(
        rb"(?P<tree>%b(?:/\.)*(?:/|(?![\w.-])))"
        rb"|%b/(?P<temporary>\w+?)[A-Za-z0-9]{6}(?P<rest>\.[\w.]+)?(?![\w.])"
        rb"|%b/(?:[\w.-]+/)*" % tuple(re.escape(bytes(p)) for p in (tree, temporary, scratch))
    )

    def clean(line: bytes) -> bytes:
        line = _CONTROLS.sub(b"", _ESCAPES.sub(b"", line))
        line = _SIGNED.sub(rb"\1...", inside.sub(_relative, line))
        return line.decode("utf-8", "replace").rstrip().encode()

    return clean


def _relative(match: "re.Match[bytes]") -> bytes:
    if match["tree"]:
        return b"" if match["tree"].endswith(b"/") else b"."
    if match["temporary"]:
        return match["temporary"] + (match["rest"] or b"")
    return b""
