"""What the metadata of one keyboard says, as far as the lists of all keyboards need it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEPARATORS = (",", ":")
_USB_IDS = ("vid", "pid")


@dataclass(frozen=True)
class Entry:
    """A keyboard's information as compact JSON, and what is read from it.

    ``usb`` is what it says of its USB device; ``keymaps`` are the paths of its keymaps' files in
    the site; ``faults`` is what the tree finds wrong with it.
    """

    text: str
    usb: Mapping[str, Any] | None
    keymaps: tuple[str, ...]
    faults: tuple[str, ...]

    def files(self, name: str) -> frozenset[str]:
        """Paths in the site of all that a whole run writes about the keyboard, if it has them."""
        readme = f"v1/keyboards/{name}/readme.md"
        return frozenset({information_path(name), readme, *self.keymaps})


def information_path(name: str) -> str:
    """Where a site has what a keyboard says of itself."""
    return f"v1/keyboards/{name}/info.json"


def entry(information: Any) -> Entry:
    """Read what an ``info.json`` or ``keyboards.json`` has under a keyboard's name.

    Raises:
        ValueError: it has another shape.
    """
    if not isinstance(information, Mapping):
        raise ValueError("it does not describe the keyboard")
    keymaps, usb = information.get("keymaps") or {}, information.get("usb")
    if not isinstance(keymaps, Mapping) or not all(
        isinstance(keymap, Mapping) for keymap in keymaps.values()
    ):
        raise ValueError("keymaps is no object of objects")
    if isinstance(usb, Mapping) and not all(isinstance(usb.get(i, ""), str) for i in _USB_IDS):
        raise ValueError("an identifier in usb is no text")
    paths = (keymap.get("path") for keymap in keymaps.values())
    errors = information.get("parse_errors")
    return Entry(
        text=json.dumps(information, separators=SEPARATORS),
        usb=usb if isinstance(usb, Mapping) else None,
        keymaps=tuple(f"v1/{path}" for path in paths if isinstance(path, str)),
        faults=tuple(map(_fault, errors)) if isinstance(errors, list) else (),
    )


def _fault(error: object) -> str:
    return error if isinstance(error, str) else "a fault that is no text"
