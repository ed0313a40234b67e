"""What ``refresh`` and a build's pod leave in S3, written by the test."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import zstandard

from qmk_contract import artifacts
from qmk_contract.build_key import build_key
from qmk_contract.codec import to_body
from qmk_contract.keymap import normalise_keymap
from qmk_contract.phases import Reason
from qmk_contract.result import Artifact, BuildResult, Diagnostic, Firmware, Memory, Usage
from qmk_contract.site import SiteFile, SiteIndex, content_type
from qmk_contract.snapshot import Channel, Layer, Manifest
from tests.integration.operator_process import TOOLCHAIN_DIGEST
from tests.integration.s3_server import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMIT = "c" * 40
KEYBOARD = "demo/pad3"
ALIAS = "demo/oldpad"
LAYOUT = "LAYOUT"
FIRMWARE = b":00000001FF\n"
LAST_UPDATED = "2026-11-24 09:00:00 GMT"
#: Of the published files, these are so large that they have copies by content coding.
LARGE = ("v1/keyboards.json",)
FAULTS = {KEYBOARD: ("no maintainer",)}


def keymap(*codes: str) -> dict[str, Any]:
    """A keymap of one layer; other keycodes make another build."""
    return {"layout": LAYOUT, "layers": [[*codes, "KC_A", "KC_B", "KC_C"][:3]]}


def key_of(body: dict[str, Any], commit: str = COMMIT) -> str:
    """The build key that API and operator give this keymap."""
    return build_key(
        firmware_commit=commit,
        toolchain_digest=TOOLCHAIN_DIGEST,
        keyboard=KEYBOARD,
        keymap=normalise_keymap(body),
        keymap_name="keymap",
    )


def publish(
    s3: "S3Client",
    commit: str = COMMIT,
    channel: str = "master",
    *,
    tree: bytes = b"tree",
    generator: bool = False,
) -> None:
    """A channel at a commit with one keyboard, one alias, and their site.

    Trees that differ have different layers; records are only used with a ``generator``.
    """

    def layer(key: str) -> Layer:
        return Layer(key, 4, hashlib.sha256(tree).hexdigest())

    manifest = Manifest(
        commit=commit,
        created=datetime.now(UTC),
        core=layer(artifacts.core(commit)),
        source=layer(artifacts.source(commit)),
        keyboards={"demo": layer(artifacts.keyboard_folder(commit, "demo"))},
        generator=layer(artifacts.generator(commit)) if generator else None,
    )
    publish_site(s3, commit, site_files())
    put_json(s3, artifacts.manifest(commit), to_body(manifest))
    pointer = Channel(channel, commit, datetime.now(UTC))
    put_json(s3, artifacts.channel(channel), to_body(pointer))


def site_files() -> dict[str, bytes]:
    """The site of that tree: lists, one keyboard, and one file of every other kind."""
    layout = [{"x": number, "y": 0, "matrix": [0, number]} for number in range(3)]
    keymap_path = f"keyboards/{KEYBOARD}/keymaps/default/keymap.json"
    info = {
        "keyboard_folder": KEYBOARD,
        "keyboard_name": "Pad 3",
        "keymaps": {"default": {"url": f"https://firmware.invalid/{keymap_path}",
                                "path": keymap_path}},
        "layouts": {LAYOUT: {"layout": layout}},
        "layout_aliases": {},
        "parse_errors": list(FAULTS[KEYBOARD]),
        "platform_key": "avr",
    }  # fmt: skip
    usb = {"0xFEED": {"0x0003": {KEYBOARD: {"device_version": "1.0.0"}}}}
    aliases = {ALIAS: {"target": KEYBOARD}}
    # Enough to be worth a copy by content coding.
    many = {f"{KEYBOARD}_{number}": info for number in range(400)}
    documents: dict[str, Any] = {
        f"keyboards/{KEYBOARD}/info.json": {"keyboards": {KEYBOARD: info}},
        "keyboards.json": {"keyboards": {KEYBOARD: info, **many}},
        "keyboard_list.json": {"keyboards": [KEYBOARD]},
        "keyboard_aliases.json": {"keyboard_aliases": aliases},
        "keyboard_metadata.json": {
            "keyboards": [KEYBOARD], "keyboard_aliases": aliases, "usb": usb,
        },
        "usb.json": {"usb": usb},
        "constants_metadata.json": {"constants": {"keycodes": ["0.0.1"]}},
    }  # fmt: skip
    plain: dict[str, Any] = {
        keymap_path: {"keyboard": KEYBOARD, "keymap": "default", **keymap()},
        "constants/keycodes_0.0.1.json": {"keycodes": {"0x0004": {"key": "KC_A"}}, "ranges": {}},
        "schemas/keymap.jsonschema": {"type": "object"},
    }
    return {
        "readme.md": b"# The keyboard site\n",
        f"v1/keyboards/{KEYBOARD}/readme.md": b"# Pad 3\n",
        "v1/templates/keymap.c": b"// SPDX-License-Identifier: GPL-2.0-or-later\n",
        **{
            f"v1/{path}": compact({"last_updated": LAST_UPDATED, **document})
            for path, document in documents.items()
        },
        **{f"v1/{path}": compact(document) for path, document in plain.items()},
    }


def publish_site(s3: "S3Client", commit: str, files: Mapping[str, bytes]) -> None:
    """Store a site's files, copies of the large ones, and the index."""
    indexed = {}
    for path, data in files.items():
        put(s3, artifacts.site_file(commit, path), data, content_type(path))
        copies = {}
        if path in LARGE:
            copies["gzip"] = gzip.compress(data, mtime=0)
            copies["zstd"] = zstandard.ZstdCompressor().compress(data)
        for coding, copy in copies.items():
            put(s3, artifacts.site_file(commit, path, coding), copy, content_type(path))
        sizes = {coding: len(copy) for coding, copy in copies.items()}
        indexed[path] = SiteFile(len(data), hashlib.sha256(data).hexdigest(), sizes)
    put_json(s3, artifacts.site_index(commit), to_body(SiteIndex(commit, indexed, FAULTS)))


def upload(s3: "S3Client", key: str, **changes: Any) -> None:
    """What a pod leaves after a build: by default a firmware, else what ``changes`` say."""
    digest = hashlib.sha256(FIRMWARE).hexdigest()
    values: dict[str, Any] = {
        "key": key,
        "keyboard": KEYBOARD,
        "firmware_commit": COMMIT,
        "toolchain_digest": TOOLCHAIN_DIGEST,
        "reason": Reason.COMPLETED,
        "message": "built",
        "returncode": 0,
        "command": ("qmk", "compile"),
        "started": datetime.now(UTC),
        "finished": datetime.now(UTC),
        "log": Artifact(3, hashlib.sha256(b"log").hexdigest()),
        "firmware": Firmware("hex", len(FIRMWARE), digest),
        "usage": Usage(Memory(100, 28672), Memory(10, 2560)),
    }
    result = BuildResult(**(values | changes))
    if result.firmware is not None:
        s3.put_object(Bucket=BUCKET, Key=artifacts.build(key, artifacts.FIRMWARE), Body=FIRMWARE)
    put_json(s3, artifacts.build(key, artifacts.RESULT), to_body(result))


def upload_compile_error(s3: "S3Client", key: str) -> None:
    """What a pod leaves after a keymap that does not compile."""
    diagnostics = tuple(
        Diagnostic("error", f"'KC_NOPE{number}' undeclared {'x' * 400}", "keymap.c", number, 1)
        for number in range(40)
    )
    upload(
        s3,
        key,
        reason=Reason.COMPILE_ERROR,
        message="the keymap does not compile",
        returncode=1,
        firmware=None,
        diagnostics=diagnostics,
    )


def compact(document: Any) -> bytes:
    """JSON as ``qmk generate-api`` writes it."""
    return json.dumps(document, separators=(",", ":")).encode()


def put_json(s3: "S3Client", key: str, document: Any) -> None:
    put(s3, key, compact(document), artifacts.JSON)


def put(s3: "S3Client", key: str, data: bytes, content_type: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType=content_type)


def exists(s3: "S3Client", key: str) -> bool:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=key)
    return any(item["Key"] == key for item in listed.get("Contents", []))
