"""What a layout's gist is called by people, and what GitHub tells of one."""

import json
import re
from collections.abc import Mapping
from typing import Any

from qmk_api.converting.kle_raw import TEXT_BYTES_MAX
from qmk_api.ports import UnfitGist

#: How Keyboard Layout Editor ends the names of its files.
SUFFIX = ".kbd.json"
#: An id, or an address as people copy it: of a gist, of a file or a revision of it, of its raw
#: content or its repository, or of the layout in the editor. What looks like two ids in a row is a
#: user and an id, but an id and a revision where the second is a commit.
REFERENCE_PATTERN = (
    r"(?:(?:https?://gist\.github(?:usercontent)?\.com/"
    r"(?:[A-Za-z0-9_-]{1,64}/(?![0-9a-f]{40}(?:[/?#]|$)))?"
    r"|https?://(?:www\.)?keyboard-layout-editor\.com/#/gists/)"
    r"([0-9a-f]{1,64})(?:\.git)?(?:[/?#][!-~]{0,1000})?"
    r"|([0-9a-f]{1,64})/?)"
)


def gist_id(reference: str) -> str | None:
    """The id in what people give: an id, or the address of a gist or of a layout."""
    match = re.fullmatch(REFERENCE_PATTERN, reference.strip())
    return match and (match[1] or match[2])


def raw_data(content: bytes) -> str:
    """The layout in a gist, as GitHub's API tells of gists.

    Raises:
        UnfitGist: it holds several files, or too much.
        ValueError: that is not what GitHub's API tells.
    """
    try:
        files = json.loads(content)["files"]
        return _text(_file(files))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not the form of a gist") from error


def _file(files: Mapping[str, Any]) -> Mapping[str, Any]:
    layouts = [name for name in files if name.endswith(SUFFIX)]
    names = layouts or list(files)
    if len(names) != 1:
        raise UnfitGist(f"the gist must have one file, or one whose name ends in {SUFFIX}")
    file: Mapping[str, Any] = files[names[0]]
    return file


def _text(file: Mapping[str, Any]) -> str:
    text: str = file["content"]
    if file["truncated"] or len(text.encode()) > TEXT_BYTES_MAX:
        raise UnfitGist(f"the gist's file is larger than {TEXT_BYTES_MAX} bytes")
    return text
