"""Build and upload with the demo tree, the real ``qmk``, avr-gcc, zstd and an S3 server."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from intelhex import IntelHex

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.result import BuildResult
from qmk_contract.snapshot import Layer, Manifest
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch
from qmk_tasks import snapshot
from qmk_tasks.lease import DEFAULT_TIMES, held
from qmk_tasks.publish import publish
from qmk_tasks.storage import Storage
from tests.build_pod import KEY, ROOT, BuildPod, build_order, upload_order
from tests.integration.s3_server import BUCKET, S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMIT = "f" * 40
CLUEBOARD, KEYS = "clueboard/66/rev3", 66
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


@dataclass
class StoredPod(BuildPod):
    """A pod whose orders carry presigned URLs of a real S3 server."""

    manifest: Manifest = field(kw_only=True)
    s3: "S3Client" = field(kw_only=True)

    def order(self, keyboard: str, layout: str, layers: Any, **changes: Any) -> BuildOrder:
        """Store a request, and order its build from the published layers."""
        extra = changes.pop("request", {})
        request = {
            "version": 1,
            "keyboard": keyboard,
            "keymap": INTERNAL_KEYMAP_NAME,
            "layout": layout,
            "layers": layers,
            **extra,
        }
        key = artifacts.build(KEY, artifacts.REQUEST)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(request).encode())
        fetches = [self._fetch(layer) for layer in self.manifest.layers_for(keyboard, "avr")]
        return build_order(keyboard, Fetch(self._get(key)), fetches, **changes)

    def put_url(self, key: str) -> str:
        """A URL for one PUT of one object with its content type, as the operator signs it."""
        name = key.rpartition("/")[2]
        return self.s3.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": BUCKET,
                "Key": key,
                "ContentType": artifacts.CONTENT_TYPES[name],
            },
        )

    def stored(self, name: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=artifacts.build(KEY, name))["Body"].read()

    def _fetch(self, layer: Layer) -> Fetch:
        return Fetch(self._get(layer.key), layer.sha256, layer.size)

    def _get(self, key: str) -> str:
        return self.s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})


@pytest.fixture(scope="module")
def manifest(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The demo tree, published."""
    for program in ("qmk", "avr-gcc", "avr-size", "make", "zstd", "tar"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            pytest.fail(f"{program} is missing: these tests build real firmware")
    folder = tmp_path_factory.mktemp("snapshot")
    shutil.copytree(ROOT / "tests/firmware", folder / "tree", ignore=_built)
    made = snapshot.build(
        folder / "tree",
        COMMIT,
        folder / "objects",
        home=folder / "home",
        search_path=SEARCH_PATH,
    )
    bucket = Storage(s3_server.client(), BUCKET)
    with held(bucket, COMMIT, DEFAULT_TIMES) as lease:
        publish(folder / "objects", COMMIT, None, bucket, lease)
    return made


def _built(_folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in (".build", "__pycache__") or name.endswith(".hex")]


@pytest.fixture
def pod(tmp_path: Path, manifest: Manifest, s3_server: S3Server) -> Iterator[StoredPod]:
    (tmp_path / "scratch").mkdir()
    s3 = s3_server.client()
    for name in artifacts.CONTENT_TYPES:
        s3.delete_object(Bucket=BUCKET, Key=artifacts.build(KEY, name))
    made = StoredPod(tmp_path / "scratch", SEARCH_PATH, manifest=manifest, s3=s3)
    yield made
    made.end()


def keymap(*changes: tuple[int, int, str], layers: int = 2) -> list[list[str]]:
    made = [["KC_A"] * KEYS for _ in range(layers)]
    for layer, key, keycode in changes:
        made[layer][key] = keycode
    return made


def test_a_keymap_becomes_a_firmware_in_storage(pod: StoredPod) -> None:
    upload = pod.start("upload", upload_order(pod.put_url))
    code, output = pod.run("build", pod.order(CLUEBOARD, "LAYOUT_66_ansi", keymap()))
    assert code == 0, output
    assert upload.wait(20) == 0
    result = from_body(BuildResult, json.loads(pod.stored(artifacts.RESULT)))
    assert (result.reason, result.diagnostics) == (Reason.COMPLETED, ())
    assert result.firmware is not None
    image = IntelHex()
    (pod.scratch / "copy.hex").write_bytes(pod.stored(artifacts.FIRMWARE))
    image.loadhex(str(pod.scratch / "copy.hex"))
    assert result.usage is not None
    assert result.usage.flash is not None
    assert result.usage.ram is not None
    assert len(image) == result.usage.flash.used < (result.usage.flash.limit or 0)
    assert 0 < result.usage.ram.used < 2560
    assert b"[0] = LAYOUT_66_ansi(KC_A," in pod.stored(artifacts.KEYMAP_C)
    log = pod.stored(artifacts.LOG).decode()
    assert "The firmware size is fine" in log
    assert str(pod.scratch) not in log
    assert "\x1b" not in log
    head = pod.s3.head_object(Bucket=BUCKET, Key=artifacts.build(KEY, artifacts.LOG))
    assert head["ContentType"] == artifacts.TEXT


def test_two_builds_have_the_same_bytes(pod: StoredPod) -> None:
    order = pod.order(CLUEBOARD, "LAYOUT_66_ansi", keymap())
    digests = set()
    for scratch in (pod.scratch / "one", pod.scratch / "another"):
        scratch.mkdir()
        other = BuildPod(scratch, SEARCH_PATH)
        assert other.run("build", order)[0] == 0
        firmware = other.result().firmware
        digests.add(firmware and firmware.sha256)
    assert len(digests) == 1


def test_an_unknown_keycode_is_named_with_layer_and_key(pod: StoredPod) -> None:
    layers = keymap((1, 3, "KC_NOPE"), (1, 7, "LT(1,KC_ALSO_NOPE)"))
    assert pod.run("build", pod.order(CLUEBOARD, "LAYOUT_66_ansi", layers))[0] == 0
    result = pod.result()
    assert (result.reason, result.firmware) == (Reason.COMPILE_ERROR, None)
    assert "KC_NOPE" in result.message
    places = [(item.layer, item.key, item.keycode, item.file) for item in result.diagnostics]
    assert (1, 3, "KC_NOPE", "keymap.c") in places
    assert (1, 7, "LT(1,KC_ALSO_NOPE)", "keymap.c") in places


@pytest.mark.parametrize(
    ("layout", "layers", "reason"),
    [
        ("LAYOUT_nope", keymap(), Reason.COMPILE_ERROR),
        ("LAYOUT_66_ansi", [["KC_A"] * 65], Reason.COMPILE_ERROR),
        ("LAYOUT_66_ansi", [["KC_A"] * 66, None], Reason.INVALID_KEYMAP),
    ],
)
def test_a_keymap_that_does_not_fit_is_the_requests_fault(
    pod: StoredPod, layout: str, layers: Any, reason: Reason
) -> None:
    code, output = pod.run("build", pod.order(CLUEBOARD, layout, layers))
    assert code == 0, output
    assert (pod.result().reason, pod.result().firmware) == (reason, None)


def test_a_firmware_that_does_not_fit_says_by_how_much(pod: StoredPod) -> None:
    layout, layers = default_keymap("demo/toolarge")
    code, output = pod.run("build", pod.order("demo/toolarge", layout, layers))
    assert code == 0, output
    result = pod.result()
    assert (result.reason, result.firmware) == (Reason.FIRMWARE_TOO_LARGE, None)
    assert "bytes over" in result.message
    assert result.usage is not None
    assert result.usage.flash is not None
    assert result.usage.flash.used > (result.usage.flash.limit or 0) > 0


def test_a_build_that_takes_too_long_is_ended(pod: StoredPod) -> None:
    layout, layers = default_keymap("demo/slow")
    order = pod.order("demo/slow", layout, layers, timeout_seconds=3)
    assert pod.run("build", order)[0] == ExitCode.TIMED_OUT
    assert pod.run("upload", upload_order(pod.put_url))[0] == ExitCode.NO_RESULT
    assert b"time limit" in pod.stored(artifacts.LOG)
    keys = pod.s3.list_objects_v2(Bucket=BUCKET, Prefix=artifacts.build(KEY, artifacts.RESULT))
    assert keys["KeyCount"] == 0


def default_keymap(keyboard: str) -> tuple[str, Any]:
    path = ROOT / "tests/firmware/keyboards" / keyboard / "keymaps/default/keymap.json"
    document = json.loads(path.read_text())
    return document["layout"], document["layers"]
