"""JSON documents that a firmware tree's own code wrote: anything may be in them."""

import json
from typing import Any

#: Of QMK's own tree, the largest that the service itself reads takes 110 KB. Reading half a MiB
#: holds the interpreter for milliseconds, tens of them where it is made to be slow.
DOCUMENT_BYTES_MAX = 512 << 10


def read_document(content: bytes, bytes_max: int = DOCUMENT_BYTES_MAX) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is larger than that, no JSON, or nested deeper than can be parsed.
    """
    if len(content) > bytes_max:
        raise ValueError(f"larger than {bytes_max} bytes")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
