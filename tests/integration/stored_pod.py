"""A build's pod over a real S3 server that has the demo tree, published."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.keyboard_record import record_digest
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.result import BuildResult
from qmk_contract.snapshot import Layer, Manifest
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch, UploadOrder
from qmk_tasks.containment import Containment
from qmk_tasks.publishing.publish import publish
from qmk_tasks.snapshot import snapshot
from qmk_tasks.storage.storage import Storage
from tests.build_pod import KEY, ROOT, BuildPod, build_order, upload_order
from tests.integration.s3_server import BUCKET, S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMIT = "f" * 40
TOOLCHAIN = "sha256:" + "d" * 64
CLUEBOARD, LAYOUT, KEYS = "clueboard/66/rev3", "LAYOUT_66_ansi", 66
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
_BUILT = (
    artifacts.FIRMWARE,
    artifacts.LOG,
    artifacts.FAILED_LOG,
    artifacts.KEYMAP_C,
    artifacts.RESULT,
)


@dataclass
class StoredPod(BuildPod):
    """A pod whose orders carry presigned URLs; ``signer`` knows the address that they name."""

    manifest: Manifest = field(kw_only=True)
    s3: "S3Client" = field(kw_only=True)
    signer: "S3Client" = field(kw_only=True)

    def order(self, keyboard: str, layout: str, layers: Any, **changes: Any) -> BuildOrder:
        """Store a request, and order its build from the published layers.

        ``request`` among the changes has further fields of the keymap document.
        """
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

    def recording_order(self, keyboard: str, layout: str, keys: int) -> BuildOrder:
        """An order to leave a record of a keyboard."""
        return self.order(
            keyboard,
            layout,
            [["KC_NO"] * keys],
            recording=True,
            record_digest=self.digest(keyboard),
        )

    def recorded(self, keyboard: str) -> dict[str, Any]:
        """What an order says of the keyboard's record, which is stored."""
        generator = self.manifest.generator
        assert generator is not None
        key = artifacts.keyboard_record(self.digest(keyboard), keyboard)
        pointer = self.pointer(keyboard)
        return {
            "generator": self._fetch(generator),
            "record": Fetch(self._get(key), pointer.sha256, pointer.size),
            "record_digest": self.digest(keyboard),
        }

    def digest(self, keyboard: str) -> str:
        return record_digest(self.manifest.layers_for(keyboard, "avr"), TOOLCHAIN)

    def pointer(self, keyboard: str) -> RecordPointer:
        key = artifacts.record_pointer(self.digest(keyboard), keyboard)
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return from_body(RecordPointer, json.loads(body))

    def upload_order(self, keyboard: str | None = None, **changes: Any) -> UploadOrder:
        """``keyboard``: also store its record."""
        made = upload_order(self.put_url, **changes)
        if keyboard is None:
            return made
        digest = self.digest(keyboard)
        targets = {
            artifacts.RECORD: self.put_url(artifacts.keyboard_record(digest, keyboard)),
            artifacts.RECORD_POINTER: self.put_url(artifacts.record_pointer(digest, keyboard)),
        }
        return UploadOrder(
            made.key, {**made.targets, **targets}, made.build_seconds, made.upload_seconds
        )

    def put_url(self, key: str) -> str:
        """A URL for one PUT of one object with its content type, as the operator signs it."""
        kind = artifacts.CONTENT_TYPES.get(key.rpartition("/")[2])
        if kind is None:
            kind = artifacts.JSON if key.endswith(".json") else artifacts.ZSTD
        return self.signer.generate_presigned_url(
            "put_object", Params={"Bucket": BUCKET, "Key": key, "ContentType": kind}
        )

    def stored(self, name: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=artifacts.build(KEY, name))["Body"].read()

    def stored_result(self) -> BuildResult:
        return from_body(BuildResult, json.loads(self.stored(artifacts.RESULT)))

    def keys(self, prefix: str) -> set[str]:
        """Names of the stored objects below a prefix, without it."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {item["Key"].removeprefix(prefix) for item in listed}

    def remove_build(self) -> None:
        """Take all that is stored of the build away, its request aside."""
        for name in _BUILT:
            self.s3.delete_object(Bucket=BUCKET, Key=artifacts.build(KEY, name))

    def _fetch(self, layer: Layer) -> Fetch:
        return Fetch(self._get(layer.key), layer.sha256, layer.size)

    def _get(self, key: str) -> str:
        return self.signer.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": key}
        )


@pytest.fixture(scope="session")
def demo_manifest(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The demo tree, published."""
    for program in ("qmk", "avr-gcc", "make", "zstd", "tar"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            pytest.fail(f"{program} is missing: these tests build real firmware")
    folder = tmp_path_factory.mktemp("snapshot")
    shutil.copytree(ROOT / "tests/firmware", folder / "tree", ignore=_built)
    made = snapshot.build(
        folder / "tree",
        COMMIT,
        folder / "objects",
        home=folder / "home",
        containment=Containment(SEARCH_PATH),
    )
    publish(folder / "objects", COMMIT, None, Storage(s3_server.client(), BUCKET), _Alone())
    return made


@pytest.fixture
def stored_pod(tmp_path: Path, demo_manifest: Manifest, s3_server: S3Server) -> Iterator[StoredPod]:
    """A pod before a build that nobody made yet, and without records."""
    (tmp_path / "scratch").mkdir()
    s3 = s3_server.client()
    made = StoredPod(tmp_path / "scratch", SEARCH_PATH, manifest=demo_manifest, s3=s3, signer=s3)
    made.remove_build()
    for key in made.keys("cache/"):
        s3.delete_object(Bucket=BUCKET, Key=f"cache/{key}")
    yield made
    made.end()


class _Alone:
    """A lease of who has the bucket alone."""

    def check(self) -> None:
        return

    def require(self) -> None:
        return


def _built(_folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in (".build", "__pycache__") or name.endswith(".hex")]
