"""The files that list all keyboards, made of what is known of each. Pure.

They come out as QMK's ``generate-api`` writes them, in the same order. What else is in them is
taken from what it writes of a tree without keyboards.
"""

import json
from collections.abc import Mapping
from typing import Any

from qmk_tasks.metadata.keyboard_entry import SEPARATORS, Entry

KEYBOARDS = "v1/keyboards.json"
LIST = "v1/keyboard_list.json"
#: All that change with the keyboards.
LISTS = (KEYBOARDS, LIST, "v1/keyboard_metadata.json", "v1/usb.json")
TIME = "last_updated"


def lists(empty: Mapping[str, Mapping[str, Any]], entries: Mapping[str, Entry]) -> dict[str, str]:
    """The text of each list; ``empty`` has them without keyboards, ``entries`` all keyboards."""
    names = sorted(entries)
    texts = {
        "usb": json.dumps(_devices(names, entries), separators=SEPARATORS),
        "keyboards": "{" + ",".join(f"{json.dumps(n)}:{entries[n].text}" for n in names) + "}",
    }
    listed = json.dumps(names, separators=SEPARATORS)
    written = {}
    for path, document in empty.items():
        fields = []
        for key, value in document.items():
            text = listed if key == "keyboards" and isinstance(value, list) else texts.get(key)
            fields.append(f"{json.dumps(key)}:{text or json.dumps(value, separators=SEPARATORS)}")
        written[path] = "{" + ",".join(fields) + "}"
    return written


def without_time(content: bytes) -> Any:
    """A document but for the time when it was made; what is no JSON, as it is."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    return {**document, TIME: None} if isinstance(document, dict) else document


def _devices(names: list[str], entries: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """USB devices by vendor, product and keyboard."""
    devices: dict[str, dict[str, Any]] = {}
    for name in names:
        usb = entries[name].usb
        if usb is not None and "vid" in usb:
            products = devices.setdefault(usb["vid"], {})
            if "pid" in usb:
                products.setdefault(usb["pid"], {})[name] = usb
    return devices
