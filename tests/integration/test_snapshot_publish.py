"""What a snapshot of a tree consists of."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.keyboards import keyboard_from_info
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Manifest
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError
from qmk_tasks.layers import archive
from qmk_tasks.metadata import site
from qmk_tasks.snapshot import snapshot
from tests.integration.working_copy import COMMIT, LARGE, SEARCH_PATH, working_copy


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return working_copy(tmp_path_factory.mktemp("demo") / "tree")


def build(tree: Path, folder: Path) -> Manifest:
    return snapshot.build(
        tree, COMMIT, folder / "objects", home=folder / "home", containment=Containment(SEARCH_PATH)
    )


@pytest.fixture(scope="module")
def objects(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    build(tree, folder)
    return folder / "objects"


def manifest_of(objects: Path) -> Manifest:
    return from_body(Manifest, json.loads((objects / artifacts.manifest(COMMIT)).read_bytes()))


def index_of(objects: Path) -> SiteIndex:
    return from_body(SiteIndex, json.loads((objects / artifacts.site_index(COMMIT)).read_bytes()))


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


@pytest.mark.parametrize(
    "path",
    [
        "readme.md",
        "v1/keyboard_list.json",
        "v1/keyboard_aliases.json",
        "v1/keyboard_metadata.json",
        "v1/keyboards.json",
        "v1/usb.json",
        "v1/constants_metadata.json",
        "v1/constants/keycodes_0.0.1.json",
        "v1/keyboards/clueboard/66/rev3/info.json",
        "v1/keyboards/clueboard/66/rev3/readme.md",
        "v1/keyboards/clueboard/66/rev3/keymaps/default/keymap.json",
        "v1/mappings/keyboard_aliases.json",
        "v1/schemas/keymap.jsonschema",
        "v1/templates/api/readme.md",
    ],
)
def test_the_site_has_every_kind_of_file_that_its_readers_ask_for(objects: Path, path: str) -> None:
    assert index_of(objects).files[path].size > 0


def test_the_index_describes_all_files_of_the_site(objects: Path) -> None:
    index, root = index_of(objects), site.root(objects, COMMIT)
    assert index.commit == COMMIT
    assert set(index.files) == set(archive.files(root))
    for path, file in index.files.items():
        data = (root / path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
    assert {path for path, file in index.files.items() if file.encoded} == {LARGE}


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
    assert list(index_of(tmp_path / "objects").faults) == ["demo/pad6"]


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
