"""The keyboard site of the demo tree, read by the chunk with the real qmk program."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from qmk_tasks import keyboard_chunks, metadata
from qmk_tasks.metadata import Generated, Source
from qmk_tasks.qmk_program import environment
from tests.integration.working_copy import COMMIT, SEARCH_PATH, working_copy

TIME = re.compile(rb'"last_updated":"[^"]*"')


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo tree, which nothing may change."""
    return working_copy(tmp_path_factory.mktemp("demo") / "tree")


@pytest.fixture
def tree(demo: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(demo, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def read(tree: Path, work: Path, **given: object) -> Generated:
    source = Source(tree, COMMIT, SEARCH_PATH)
    return metadata.generate(source, work / "work", work / "site", **given)  # type: ignore[arg-type]


def files(site: Path) -> Mapping[str, bytes]:
    """All files of a site, as if they had been made at the same time."""
    return {
        str(path.relative_to(site)): TIME.sub(b'"last_updated":""', path.read_bytes())
        for path in site.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What one plain run writes."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(demo, folder / "tree", symlinks=True)
    command = ["qmk", "--no-color", "generate-api"]
    given = environment(folder / "tree", folder, SEARCH_PATH)
    subprocess.run(command, cwd=folder / "tree", env=given, check=True, capture_output=True)
    return files(folder / "tree/.build/api_data")


@pytest.mark.parametrize("size", [1, 2, 240])
def test_chunks_amount_to_the_whole(
    demo: Path,
    tmp_path: Path,
    whole: Mapping[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr(keyboard_chunks, "CHUNK_KEYBOARDS", size)
    generated = read(demo, tmp_path)
    assert files(tmp_path / "site") == whole
    assert (generated.kept, generated.faults) == ({}, {})
    assert generated.inputs is not None
