"""Layers of the same files are the same, and are made once."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.snapshot import Manifest
from qmk_tasks.layers import archive, contents, layers, packing
from qmk_tasks.layers.packing import Packed, Packing

OLD, NEW = "a" * 40, "b" * 40
FILES = {
    "Makefile": "all:\n",
    "lib/python/qmk/x.py": "import y\n",
    "lib/chibios/os.c": "int os;\n",
    "keyboards/one/keyboard.json": "{}",
    "keyboards/two/keyboard.json": "{}",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(content)
    return tmp_path / "tree"


def digests(tree: Path) -> dict[str, str]:
    return contents.digests(tree, named(tree))


def named(tree: Path) -> dict[str, tuple[str, ...]]:
    return contents.paths_by_part(layers.split(archive.files(tree)))


def pack(tree: Path, commit: str, objects: Path, previous: Manifest | None = None) -> Packed:
    return begin(tree, commit, objects, previous).finish()


def begin(tree: Path, commit: str, objects: Path, previous: Manifest | None = None) -> Packing:
    return packing.begin(
        tree, commit, named(tree), objects, previous=previous, digests=digests(tree)
    )


def manifest(packed: Packed) -> Manifest:
    return Manifest(
        commit=OLD,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        core=packed.layers["core"],
        source=packed.layers["core"],
        keyboards=packed.keyboards(),
        chibios=packed.layers["chibios"],
        generator=packed.layers["generator"],
        contents=packed.contents,
    )


def made(objects: Path) -> set[str]:
    return {str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()}


def test_every_part_has_a_digest(tree: Path) -> None:
    parts = {"core", "generator", "chibios", "keyboards/one", "keyboards/two"}
    assert set(digests(tree)) == parts


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("keyboards/one/keyboard.json", {"keyboards/one"}),
        ("lib/chibios/os.c", {"chibios"}),
        ("Makefile", {"core"}),
        ("lib/python/qmk/x.py", {"core", "generator"}),
        ("docs/readme.md", set()),
        ("keyboards/one/.build/x", set()),
    ],
)
def test_a_file_changes_the_digests_of_its_layers(tree: Path, path: str, changed: set[str]) -> None:
    before = digests(tree)
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text("another")
    after = digests(tree)
    assert {name for name in after if after[name] != before[name]} == changed


def test_time_and_place_change_no_digest_and_names_modes_and_links_do(tree: Path) -> None:
    before = digests(tree)["core"]
    makefile = tree / "Makefile"
    os.utime(makefile, (0, 0))
    makefile.chmod(0o600)
    assert digests(tree)["core"] == before
    makefile.chmod(0o755)
    program = digests(tree)["core"]
    makefile.rename(tree / "makefile")
    renamed = digests(tree)["core"]
    (tree / "makefile").unlink()
    (tree / "makefile").symlink_to("elsewhere")
    linked = digests(tree)["core"]
    assert len({before, program, renamed, linked}) == 4


def test_what_becomes_of_the_tree_after_it_was_packed_counts_for_nothing(
    tree: Path, tmp_path: Path
) -> None:
    expected = pack(tree, OLD, tmp_path / "old").layers["keyboards/one"]
    begun = begin(tree, OLD, tmp_path / "new")
    (tree / "keyboards/one/keyboard.json").chmod(0o755)
    assert begun.finish().layers["keyboards/one"] == expected


def test_what_has_not_changed_is_taken_over(tree: Path, tmp_path: Path) -> None:
    first = pack(tree, OLD, tmp_path / "old")
    (tree / "keyboards/one/keyboard.json").write_text('{"x": 1}')
    (tree / "keyboards/three").mkdir()
    (tree / "keyboards/three/rules.mk").write_text("X = 1\n")
    second = pack(tree, NEW, tmp_path / "new", manifest(first))
    assert made(tmp_path / "new") == {
        artifacts.keyboard_folder(NEW, "one"),
        artifacts.keyboard_folder(NEW, "three"),
    }
    whole = pack(tree, NEW, tmp_path / "whole")
    assert second == whole
    assert all(NEW in layer.key for layer in second.layers.values())
    for path in made(tmp_path / "new"):
        assert (tmp_path / "new" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()


def test_a_commit_that_tells_no_contents_is_no_help(tree: Path, tmp_path: Path) -> None:
    first = manifest(pack(tree, OLD, tmp_path / "old"))
    pack(tree, NEW, tmp_path / "new", replace(first, contents={}))
    assert len(made(tmp_path / "new")) == 5


def test_a_layer_that_is_there_is_not_made_again(tree: Path, tmp_path: Path) -> None:
    first = pack(tree, NEW, tmp_path / "new")
    core = tmp_path / "new" / artifacts.core(NEW)
    inode = core.stat().st_ino
    (tmp_path / "new" / artifacts.chibios(NEW)).unlink()
    assert pack(tree, NEW, tmp_path / "new") == first
    assert core.stat().st_ino == inode


def test_a_layer_that_the_tree_no_longer_has_is_gone(tree: Path, tmp_path: Path) -> None:
    first = manifest(pack(tree, OLD, tmp_path / "old"))
    (tree / "lib/chibios/os.c").unlink()
    (tree / "keyboards/two/keyboard.json").unlink()
    second = pack(tree, NEW, tmp_path / "new", first)
    assert set(second.layers) == set(second.contents) == {"core", "generator", "keyboards/one"}
