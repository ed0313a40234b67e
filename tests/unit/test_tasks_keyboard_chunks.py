"""Which keyboards are read together, and which are to blame when some fail."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_tasks.errors import TaskError
from qmk_tasks.metadata import keyboard_chunks
from qmk_tasks.metadata.keyboard_chunks import (
    CHUNK_KEYBOARDS,
    FAILURES_MAX,
    Chunk,
    Chunks,
    divide,
    split,
)
from qmk_tasks.metadata.keyboard_reader import Frame
from qmk_tasks.metadata.keyboard_view import hide, top_folder
from qmk_tasks.metadata.qmk_program import QmkFailed

#: Names that are parts of one another, some above others.
PARTS = st.sampled_from(["a", "b", "a-b", "a_b", "rev1", "rev10"])
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
KEYBOARDS = st.lists(NAMES, min_size=1, max_size=30, unique=True).map(sorted)
FRAME = Frame(Path(), {}, filters=True)


class Tree:
    """Some keyboards make it fail; if ``eager``, it writes each before it reads the next."""

    def __init__(self, folder: Path, broken: frozenset[str], *, eager: bool) -> None:
        self.output = folder / "output"
        self.runs: list[tuple[str, ...]] = []
        self._broken = broken
        self._eager = eager
        self._written: list[str] = []

    def read(self, names: Sequence[str], frame: Frame) -> Path:
        self.runs.append(tuple(names))
        shutil.rmtree(self.output, ignore_errors=True)
        blamed = [name for name in names if name in self._broken]
        good = [*names[: names.index(blamed[0])]] if blamed else [*names]
        self._written = good if self._eager or not blamed else []
        for name in self._written:
            path = self.output / f"v1/keyboards/{name}/info.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"keyboards": {name: {}}}))
        if blamed:
            raise QmkFailed(f"Traceback\nKeyError: {blamed[0]}")
        return self.output

    def written(self) -> Sequence[str]:
        return self._written


@given(KEYBOARDS, st.data(), st.booleans())
def test_the_very_keyboards_that_fail_are_found(
    names: list[str], data: st.DataObject, eager: bool
) -> None:
    broken = frozenset(data.draw(st.lists(st.sampled_from(names), max_size=10)))
    with TemporaryDirectory() as folder:
        tree = Tree(Path(folder), broken, eager=eager)
        made = list(Chunks(Path(folder) / "chunks", [tree], FRAME).read(names))
        read = [name for _, chunk in made for name in chunk.read]
        failed = {name: why for _, chunk in made for name, why in chunk.failed.items()}
        assert sorted(read) == sorted(set(names) - broken)
        assert failed == {name: f"KeyError: {name}" for name in broken}
        for chunk_folder, chunk in made:
            found = (chunk_folder / "v1").rglob("info.json")
            kept = {str(p.parent.relative_to(chunk_folder / "v1/keyboards")) for p in found}
            assert kept == set(chunk.read)


@given(KEYBOARDS, st.data())
def test_what_was_read_is_not_read_again(names: list[str], data: st.DataObject) -> None:
    broken = frozenset(data.draw(st.lists(st.sampled_from(names), max_size=3)))
    with TemporaryDirectory() as folder:
        work = Path(folder) / "chunks"
        before = list(Chunks(work, [Tree(Path(folder), broken, eager=True)], FRAME).read(names))
        again = Tree(Path(folder), frozenset(names), eager=True)
        assert sorted(Chunks(work, [again], FRAME).read(names), key=str) == sorted(before, key=str)
        assert again.runs == []


def test_a_chunk_that_was_broken_off_is_read_anew(tmp_path: Path) -> None:
    work = tmp_path / "chunks"
    ((folder, _),) = Chunks(work, [Tree(tmp_path, frozenset(), eager=True)], FRAME).read(["a"])
    (folder / "result.json").write_text('{"read": ["a"')
    (folder / "v1/half").touch()
    again = Tree(tmp_path, frozenset(), eager=True)
    assert [chunk for _, chunk in Chunks(work, [again], FRAME).read(["a"])] == [Chunk(("a",))]
    assert again.runs == [("a",)]
    assert not (folder / "v1/half").exists()


def test_where_all_fail_it_is_the_tree(tmp_path: Path) -> None:
    names = [f"pad{number}" for number in range(4 * FAILURES_MAX)]
    tree = Tree(tmp_path, frozenset(names), eager=False)
    with pytest.raises(TaskError, match="each keyboard tried"):
        list(Chunks(tmp_path / "chunks", [tree], FRAME).read(names))
    assert len([run for run in tree.runs if len(run) == 1]) == FAILURES_MAX


def test_many_may_fail_where_one_is_read(tmp_path: Path) -> None:
    names = [f"pad{number:03}" for number in range(2 * FAILURES_MAX)]
    tree = Tree(tmp_path, frozenset(names[1:]), eager=True)
    ((_, chunk),) = Chunks(tmp_path / "chunks", [tree], FRAME).read(names)
    assert chunk.read == ("pad000",)
    assert len(chunk.failed) == len(names) - 1


@given(KEYBOARDS, st.integers(1, 8))
def test_chunks_are_all_keyboards_by_whole_folders(names: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyboard_chunks, "CHUNK_KEYBOARDS", size)
        chunks = split(names)
    assert sorted(name for chunk in chunks for name in chunk) == names
    folders = [{top_folder(name) for name in chunk} for chunk in chunks]
    assert sum(map(len, folders)) == len(set[str]().union(*folders))
    assert all(len(c) <= size or len(f) == 1 for c, f in zip(chunks, folders, strict=True))


def test_chunks_are_few() -> None:
    names = [f"maker{number % 300:03}/pad{number}" for number in range(3500)]
    assert len(split(names)) <= 3500 // CHUNK_KEYBOARDS + 2


@given(st.lists(NAMES, min_size=2, unique=True), st.sets(NAMES))
def test_a_division_has_all_names_in_smaller_parts(names: list[str], written: set[str]) -> None:
    parts = divide(names, written)
    assert [name for part in parts for name in part] == names
    assert all(0 < len(part) < len(names) for part in parts)


@given(KEYBOARDS, st.data())
def test_all_others_are_hidden_but_what_is_above(names: list[str], data: st.DataObject) -> None:
    shown = data.draw(st.lists(st.sampled_from(names)))
    hidden = hide(names, shown)
    for name in names:
        above = any(other == name or other.startswith(f"{name}/") for other in shown)
        assert (name in hidden) is not above
