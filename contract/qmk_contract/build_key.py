"""Identity of a build: same key, same bytes.

The key is the SHA-256 of canonical JSON, as the first 26 characters (130 bits) of lower-case
base32: valid as a Kubernetes name, a label value, an S3 key part and a file name.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from qmk_contract.keymap import Keymap
from qmk_contract.patterns import KEY_PATTERN, NAME_PATTERN
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME

SCHEMA = 1
_JOB_ID = re.compile(rf"(?P<key>{KEY_PATTERN})(?:\.(?P<name>{NAME_PATTERN}))?")
#: Where the keymap's name ends up in the firmware: the keycode that types the make command
#: (two spellings), and the macro itself.
_NAME_IN_FIRMWARE = re.compile(r"\b(?:QK_MAKE|QK_MAK|QMK_KEYMAP)\b")


@dataclass(frozen=True)
class JobId:
    """What clients call a job: the build key, and the keymap name for their file names."""

    key: str
    keymap_name: str | None = None

    def __str__(self) -> str:
        return self.key if self.keymap_name is None else f"{self.key}.{self.keymap_name}"


def parse_job_id(text: str) -> JobId | None:
    """Read a job id; None if it is not one (checked before any use of the text)."""
    match = _JOB_ID.fullmatch(text)
    return JobId(match["key"], match["name"]) if match else None


def keymap_name_in_build(keymap: Keymap, keymap_name: str) -> str:
    """The name that the build runs under.

    One constant for all, so that a name changes no firmware; the user's own where a keycode
    puts the name into the binary.
    """
    text = json.dumps(keymap.to_body())
    return keymap_name if _NAME_IN_FIRMWARE.search(text) else INTERNAL_KEYMAP_NAME


def build_key(
    *, firmware_commit: str, toolchain_digest: str, keyboard: str, keymap: Keymap, keymap_name: str
) -> str:
    """The key of a build of a normalised keymap for a keyboard whose alias is resolved."""
    return digest_key(
        {
            "schema": SCHEMA,
            "firmwareCommit": firmware_commit,
            "toolchainDigest": toolchain_digest,
            "keyboard": keyboard,
            "keymap": keymap.to_body(),
            "keymapName": keymap_name_in_build(keymap, keymap_name),
        }
    )


def canonical_json(value: Any) -> bytes:
    """One byte string for one JSON value, whatever order its keys came in."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def digest_key(value: Any) -> str:
    digest = hashlib.sha256(canonical_json(value)).digest()
    return base64.b32encode(digest).decode().lower()[:26]


def request_document(keyboard: str, keymap: Keymap, keymap_name: str) -> dict[str, Any]:
    """The keymap JSON that ``qmk compile`` takes, without a word about its author."""
    return {
        "version": 1,
        "keyboard": keyboard,
        "keymap": keymap_name_in_build(keymap, keymap_name),
        **keymap.to_body(),
    }
