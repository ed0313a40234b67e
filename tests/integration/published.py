"""What ``refresh`` and a build's pod leave in S3, written by the test."""

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qmk_contract import artifacts
from qmk_contract.build_key import build_key
from qmk_contract.codec import to_body
from qmk_contract.keymap import normalise_keymap
from qmk_contract.phases import Reason
from qmk_contract.result import Artifact, BuildResult, Diagnostic, Firmware, Memory, Usage
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


def publish(s3: "S3Client", commit: str = COMMIT, channel: str = "master") -> None:
    """A channel at a commit with one keyboard and one alias."""

    def layer(key: str) -> Layer:
        return Layer(key, 4, hashlib.sha256(b"tree").hexdigest())

    manifest = Manifest(
        commit=commit,
        created=datetime.now(UTC),
        core=layer(artifacts.core(commit)),
        source=layer(artifacts.source(commit)),
        keyboards={"demo": layer(artifacts.keyboard_folder(commit, "demo"))},
    )
    info = {"layouts": {LAYOUT: {"layout": [{"x": 0}] * 3}}, "platform_key": "avr"}
    put_json(s3, artifacts.keyboard_info(commit, KEYBOARD), {"keyboards": {KEYBOARD: info}})
    aliases = {"keyboard_aliases": {ALIAS: {"target": KEYBOARD}}}
    put_json(s3, artifacts.keyboard_aliases(commit), aliases)
    put_json(s3, artifacts.manifest(commit), to_body(manifest))
    pointer = Channel(channel, commit, datetime.now(UTC))
    put_json(s3, artifacts.channel(channel), to_body(pointer))


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


def put_json(s3: "S3Client", key: str, document: Any) -> None:
    s3.put_object(
        Bucket=BUCKET, Key=key, Body=json.dumps(document).encode(), ContentType=artifacts.JSON
    )


def exists(s3: "S3Client", key: str) -> bool:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=key)
    return any(item["Key"] == key for item in listed.get("Contents", []))
