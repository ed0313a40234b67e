"""The keyboard site of a commit that comes after one that is published."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.containment import Containment
from qmk_tasks.metadata import metadata, site
from qmk_tasks.metadata.metadata import CONTENTS, Generated, Source
from qmk_tasks.metadata.previous import Previous
from tests.integration.plain_site import files, plain
from tests.integration.working_copy import COMMIT, LARGE, SEARCH_PATH, working_copy

LATER = "f" * 64
PAD = "v1/keyboards/demo/pad6/info.json"
CLUEBOARD = "v1/keyboards/clueboard/66/rev3/info.json"
LIST = "v1/keyboard_list.json"


@dataclass(frozen=True)
class Published:
    """A site as it was published: its lists, and the bytes of all its files."""

    previous: Previous
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Made:
    """A site as it is to be published after another one: ``written`` are its new files."""

    index: SiteIndex
    generated: Generated
    written: Mapping[str, bytes]


def make(
    tree: Path, folder: Path, commit: str, after: Published | None = None, **unchanged: set[str]
) -> Made:
    objects = folder / "objects"
    same = frozenset(unchanged.get("unchanged", ()))
    source = Source(tree, commit, Containment(SEARCH_PATH), same)
    previous = after.previous if after else None
    target = site.root(objects, commit)
    generated = metadata.generate(source, folder / "work", target, previous=previous)
    index = site.index(
        objects,
        commit,
        generated.faults,
        kept=generated.kept,
        previous=previous.index if previous else None,
    )
    paths = (path for path in target.rglob("*") if path.is_file())
    written = {str(path.relative_to(target)): path.read_bytes() for path in paths}
    return Made(index, generated, written)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return working_copy(tmp_path_factory.mktemp("demo") / "tree")


@pytest.fixture(scope="module")
def published(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("published")
    made = make(demo, folder, COMMIT)
    assert made.generated.inputs is not None
    layer = Layer(artifacts.core(COMMIT), 1, "0" * 64)
    contents = {CONTENTS: made.generated.inputs}
    manifest = Manifest(COMMIT, datetime.now(UTC), layer, layer, contents=contents)
    keyboards = folder / "keyboards.json"
    keyboards.write_bytes(made.written["v1/keyboards.json"])
    return Published(Previous(manifest, made.index, keyboards), made.written)


@pytest.fixture
def tree(demo: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(demo, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def is_whole(made: Made, published: Published, tree: Path, folder: Path) -> None:
    """The site is that of a plain run on the tree, of new files and kept ones."""
    every = folder / "every"
    for path, file in made.index.files.items():
        data = made.written.get(path, published.files.get(path, b""))
        assert len(data) == file.size, path
        (every / path).parent.mkdir(parents=True, exist_ok=True)
        (every / path).write_bytes(data)
    assert files(every) == plain(tree, folder / "plain")


def change(tree: Path, **fields: object) -> None:
    path = tree / "keyboards/demo/pad6/keyboard.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_only_changed_folders_are_read(
    tree: Path, tmp_path: Path, published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    change(tree, maintainer="somebody else", usb={"vid": "0x1209", "pid": "0xBEEF"})
    made = make(tree, tmp_path, LATER, published, unchanged={"clueboard"})
    is_whole(made, published, tree, tmp_path)
    said = capsys.readouterr().out.splitlines()
    assert said == ["1 of 6 keyboards are as in the commit before.", "5 of 5 keyboards read."]
    # Of what was read, one keyboard is another, and the lists with it.
    of_keyboards = {path for path in made.written if path.startswith("v1/keyboards")}
    assert of_keyboards == {PAD, "v1/keyboards.json"}
    assert made.index.files[CLUEBOARD] == published.previous.index.files[CLUEBOARD]
    assert made.index.files[LARGE] == published.previous.index.files[LARGE]
    assert made.index.files[LARGE].encoded
    assert LARGE not in made.written


def test_with_the_same_keyboards_none_is_read(
    tree: Path, tmp_path: Path, published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "quantum/matrix.c").write_text("// another one")
    made = make(tree, tmp_path, LATER, published, unchanged={"clueboard", "demo"})
    is_whole(made, published, tree, tmp_path)
    assert not [path for path in made.written if path.startswith("v1/keyboards")]
    # The few files that tell when they were made, and what the service reads itself.
    assert set(made.written) == {
        LIST,
        "v1/keyboard_aliases.json",
        "v1/keyboard_metadata.json",
        "v1/usb.json",
        "v1/constants_metadata.json",
    }
    assert capsys.readouterr().out.splitlines() == ["6 of 6 keyboards are as in the commit before."]


def removed(tree: Path) -> None:
    shutil.rmtree(tree / "keyboards/demo/pad6")


def added(tree: Path) -> None:
    shutil.copytree(tree / "keyboards/demo/pad6", tree / "keyboards/demo/pad6/rev2")


def renamed(tree: Path) -> None:
    (tree / "keyboards/demo/pad6").rename(tree / "keyboards/demo/pad7")
    aliases = tree / "data/mappings/keyboard_aliases.hjson"
    aliases.write_text('{"demo/pad6": {"target": "demo/pad7"}}')


@pytest.mark.parametrize("done", [removed, added, renamed])
def test_keyboards_come_and_go(
    tree: Path, tmp_path: Path, published: Published, done: Callable[[Path], None]
) -> None:
    done(tree)
    made = make(tree, tmp_path, LATER, published, unchanged={"clueboard"})
    is_whole(made, published, tree, tmp_path)
    assert CLUEBOARD not in made.written


def test_a_change_for_all_has_all_read_and_what_stays_kept(
    tree: Path, tmp_path: Path, published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tree / "lib/python/qmk/info.py").open("a") as file:
        file.write("\n")
    made = make(tree, tmp_path, LATER, published, unchanged={"clueboard", "demo"})
    is_whole(made, published, tree, tmp_path)
    assert "6 of 6 keyboards read." in capsys.readouterr().out
    assert not [path for path in made.written if path.startswith("v1/keyboards")]
    assert made.generated.inputs != published.previous.manifest.contents[CONTENTS]


@pytest.mark.parametrize("content", [b"", b"[", b'{"keyboards": {}}'])
def test_a_copy_that_is_not_the_one_listed_is_not_used(
    tree: Path, tmp_path: Path, published: Published, content: bytes
) -> None:
    other = tmp_path / "keyboards.json"
    other.write_bytes(content)
    after = replace(published, previous=replace(published.previous, keyboards_json_path=other))
    made = make(tree, tmp_path, LATER, after, unchanged={"clueboard", "demo"})
    is_whole(made, published, tree, tmp_path)
    assert made.generated.kept == {}
    assert {PAD, CLUEBOARD} <= made.written.keys()


def test_a_keyboard_that_could_not_be_read_is_tried_again(
    demo: Path, tree: Path, tmp_path: Path, published: Published
) -> None:
    index = published.previous.index
    without = {path: file for path, file in index.files.items() if path != PAD}
    after = replace(
        published, previous=replace(published.previous, index=replace(index, files=without))
    )
    made = make(tree, tmp_path, LATER, after, unchanged={"clueboard", "demo"})
    assert PAD in made.written
    is_whole(made, published, tree, tmp_path)
