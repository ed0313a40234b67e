"""A tree from storage: whole and in time, or an error that says why."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_tasks.errors import TaskError
from qmk_tasks.snapshot import source
from tests.build_pod import archive, install
from tests.http_storage import HttpStorage, http_storage

TREE = archive({"Makefile": "all:\n"})
DIGEST = hashlib.sha256(TREE).hexdigest()


@pytest.fixture
def storage() -> Iterator[HttpStorage]:
    with http_storage() as running:
        running.objects["tree"] = TREE
        yield running


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "bin", "zstd", "exec cat")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path / "bin"


@pytest.mark.usefixtures("bin_folder")
def test_a_tree_is_unpacked(storage: HttpStorage, tmp_path: Path) -> None:
    source.fetch(storage.url_of("tree"), DIGEST, tmp_path / "tree")
    assert (tmp_path / "tree/Makefile").read_text() == "all:\n"


@pytest.mark.usefixtures("bin_folder")
def test_a_download_has_a_deadline_and_its_error_no_signature(
    storage: HttpStorage, tmp_path: Path
) -> None:
    with pytest.raises(TaskError, match="took too long") as caught:
        source.fetch(storage.url_of("tree"), DIGEST, tmp_path / "tree", deadline_seconds=0)
    assert "Signature" not in str(caught.value)


def test_an_unpacking_that_does_not_end_is_an_error(
    storage: HttpStorage, tmp_path: Path, bin_folder: Path
) -> None:
    install(bin_folder, "tar", "exec sleep 30")
    with pytest.raises(TaskError, match="could not be unpacked"):
        source.fetch(storage.url_of("tree"), DIGEST, tmp_path / "tree", deadline_seconds=1)
