"""A tree becomes a snapshot in a real bucket, by the programs that the Job runs."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.keyboards import keyboard_from_info
from qmk_contract.snapshot import Manifest
from qmk_tasks import archive, snapshot, source
from qmk_tasks.errors import TaskError
from tests.build_pod import ROOT
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMIT = "e" * 64
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
PACKAGES = ":".join(str(ROOT / name) for name in ("contract", "tasks"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo tree with what a working copy has besides."""
    tree = tmp_path_factory.mktemp("demo") / "tree"
    ignored = shutil.ignore_patterns(".build", "__pycache__", "*.hex")
    shutil.copytree(ROOT / "tests/firmware", tree, ignore=ignored)
    for name in ("lib/chibios/os/hal.mk", "docs/page.md", ".git/HEAD", "demo_pad6_default.hex"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / "quantum/link.h").symlink_to("action.h")
    return tree


def build(tree: Path, folder: Path) -> Manifest:
    return snapshot.build(
        tree, COMMIT, folder / "objects", home=folder / "home", search_path=SEARCH_PATH
    )


@pytest.fixture(scope="module")
def objects(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    build(tree, folder)
    return folder / "objects"


def manifest_of(objects: Path) -> Manifest:
    return from_body(Manifest, json.loads((objects / artifacts.manifest(COMMIT)).read_bytes()))


def names(objects: Path, key: str) -> list[str]:
    """What an archive holds; every entry must say nothing of who packed it, or when."""
    plain = subprocess.run(["zstd", "-dc", objects / key], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for entry in tar:
            assert (entry.mtime, entry.uid, entry.gid) == (archive.EPOCH, 0, 0)
            assert entry.mode & 0o777 in (0o644, 0o755, 0o777 if entry.issym() else 0o644)
        return tar.getnames()


def test_every_file_is_in_the_layer_that_needs_it(objects: Path) -> None:
    core = names(objects, artifacts.core(COMMIT))
    assert {"builddefs/build_keyboard.mk", "quantum/link.h"} <= set(core)
    assert not [name for name in core if name.startswith(("keyboards/", "docs/", ".git"))]
    assert names(objects, artifacts.chibios(COMMIT)) == ["lib/chibios/os/hal.mk"]
    clueboard = names(objects, artifacts.keyboard_folder(COMMIT, "clueboard"))
    assert "keyboards/clueboard/66/rev3/keyboard.json" in clueboard
    assert all(name.startswith("keyboards/clueboard/") for name in clueboard)


def test_users_download_the_whole_tree(objects: Path, tree: Path) -> None:
    with zipfile.ZipFile(objects / artifacts.source(COMMIT)) as packed:
        found = {name.removeprefix("qmk_firmware/") for name in packed.namelist()}
        assert {"docs/page.md", "lib/chibios/os/hal.mk", "keyboards/demo/readme.md"} <= found
        assert not [name for name in found if name.startswith(".git/") or name.endswith(".hex")]
        content = packed.read("qmk_firmware/quantum/matrix.h")
    assert content == (tree / "quantum/matrix.h").read_bytes()


def test_the_manifest_describes_its_layers(objects: Path) -> None:
    manifest = manifest_of(objects)
    assert set(manifest.keyboards) == {"clueboard", "demo"}
    assert manifest.chibios is not None
    for layer in (manifest.core, manifest.source, manifest.chibios, *manifest.keyboards.values()):
        data = (objects / layer.key).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (layer.size, layer.sha256)


def test_metadata_is_what_the_tree_says_of_itself(objects: Path) -> None:
    keyboard = "clueboard/66/rev3"
    info = json.loads((objects / artifacts.keyboard_info(COMMIT, keyboard)).read_bytes())
    described = keyboard_from_info(keyboard, info)
    assert (described.platform, described.layouts["LAYOUT_66_ansi"]) == ("avr", 66)
    listed = json.loads((objects / artifacts.keyboard_list(COMMIT)).read_bytes())["keyboards"]
    assert keyboard in listed
    aliases = json.loads((objects / artifacts.keyboard_aliases(COMMIT)).read_bytes())
    assert aliases["keyboard_aliases"]


def test_the_same_tree_gives_the_same_archives(objects: Path, tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(tree, other, symlinks=True)
    for path in other.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
            path.touch()
    again, first = build(other, tmp_path), manifest_of(objects)
    assert (again.core, again.source, again.chibios, again.keyboards) == (
        first.core,
        first.source,
        first.chibios,
        first.keyboards,
    )


def test_a_keyboard_at_fault_is_listed_and_the_others_published(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tree, broken, symlinks=True)
    pad = broken / "keyboards/demo/pad6/keyboard.json"
    document = json.loads(pad.read_text())
    document["layouts"]["LAYOUT_wide"]["layout"][0]["matrix"] = [9, 9]
    pad.write_text(json.dumps(document))
    manifest = build(broken, tmp_path)
    assert "clueboard" in manifest.keyboards
    assert "demo/pad6" in capsys.readouterr().out


def test_a_folder_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(TaskError, match="no firmware tree"):
        build(tmp_path / "tree", tmp_path)


def test_a_tree_whose_own_code_fails_says_what_it_said(tree: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tree, broken, symlinks=True)
    (broken / "lib/python/qmk/cli/__init__.py").write_text("raise SystemExit('the tree is ill')")
    with pytest.raises(TaskError, match="the tree is ill"):
        build(broken, tmp_path)


def task(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qmk_tasks", *arguments],
        env={"PATH": SEARCH_PATH, "PYTHONPATH": PACKAGES, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def read(s3: "S3Client", key: str) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return body


def test_a_packed_tree_in_storage_ends_as_a_channel(
    tree: Path, s3_server: S3Server, tmp_path: Path
) -> None:
    s3 = s3_server.client()
    archive.tar(tree, list(archive.files(tree)), tmp_path / "tree.tar")
    archive.compress([tmp_path / "tree.tar"], level=3)
    data = (tmp_path / "tree.tar.zst").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    key = artifacts.incoming(sha256)
    s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
    common = ("--commit", COMMIT, "--folder", str(tmp_path / "folder"))
    made = task("snapshot", *common, "--tree-url", url, "--tree-sha256", sha256)
    assert made.returncode == 0, made.stderr
    storage = {
        "S3_ENDPOINT_URL": s3_server.url,
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
    }
    published = task("publish", *common, "--channel", "snapshot-test", **storage)
    assert published.returncode == 0, published.stderr
    assert read(s3, artifacts.channel("snapshot-test"))["commit"] == COMMIT
    manifest = from_body(Manifest, read(s3, artifacts.manifest(COMMIT)))
    head = s3.head_object(Bucket=BUCKET, Key=manifest.core.key)
    assert head["ContentType"] == artifacts.ZSTD
    assert head["Metadata"]["sha256"] == manifest.core.sha256
    again = task("publish", *common, "--channel", "snapshot-test", **storage)
    assert again.returncode == 0
    assert "Stored 0 objects" in again.stdout


def test_a_tree_that_is_another_is_not_unpacked(s3_server: S3Server, tmp_path: Path) -> None:
    s3 = s3_server.client()
    s3.put_object(Bucket=BUCKET, Key="other", Body=b"other")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "other"})
    target = tmp_path / "tree"
    with pytest.raises(TaskError, match="digest"):
        source.fetch(url, "0" * 64, target, deadline_seconds=0.5)
    assert not list(target.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "--commit", "HEAD", "--folder", "x", "--channel", "master"),
        ("publish", "--commit", COMMIT, "--folder", "x", "--channel", "../master"),
        ("snapshot", "--commit", COMMIT, "--folder", "x", "--tree-url", "u", "--tree-sha256", "1"),
    ],
)
def test_an_argument_that_no_key_may_hold_is_refused(arguments: tuple[str, ...]) -> None:
    assert task(*arguments).returncode == 2


def test_publish_without_credentials_says_which_variable_is_missing(objects: Path) -> None:
    ended = task(
        "publish", "--commit", COMMIT, "--folder", str(objects.parent), "--channel", "master"
    )
    assert (ended.returncode, "S3_ENDPOINT_URL" in ended.stderr) == (1, True)
