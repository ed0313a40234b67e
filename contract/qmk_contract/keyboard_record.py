"""The record of a keyboard: what a trusted build keeps, so that others need not make it again.

A record holds compiled objects that are linked into every user's firmware. So only a build whose
request has no word of a user in it may leave one: the plain keymap below.
"""

import hashlib
from collections.abc import Iterable

from qmk_contract.build_key import canonical_json
from qmk_contract.keyboards import Keyboard
from qmk_contract.keymap import Keymap
from qmk_contract.record_pointer import SCHEMA
from qmk_contract.snapshot import Layer


def record_digest(layers: Iterable[Layer], toolchain_digest: str) -> str:
    """What a record depends on beside its keyboard, as 64 hexadecimal digits.

    The toolchain image holds compilers, generator and runner; its digest stands for all of them.
    """
    parts = {
        "schema": SCHEMA,
        "toolchainDigest": toolchain_digest,
        "layers": [layer.sha256 for layer in layers],
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def plain_keymap(keyboard: Keyboard) -> Keymap | None:
    """The one keymap that records are made with: no key does anything.

    None for a keyboard without a layout that has keys.
    """
    for layout, keys in sorted(keyboard.layouts.items()):
        if keys:
            return Keymap(layout, (("KC_NO",) * keys,))
    return None


def is_plain(keyboard: Keyboard, keymap: Keymap) -> bool:
    """Whether a request is the one whose build may leave a record."""
    return keymap == plain_keymap(keyboard)
