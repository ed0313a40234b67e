"""The keyboard site's copies and index, made of files as a tree may leave them."""

import gzip
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.site import FILE_BYTES_MAX, SiteIndex
from qmk_tasks.metadata import site, whole_site

COMMIT = "d" * 40
LARGE = json.dumps([{"x": number, "y": 0} for number in range(5000)]).encode()
#: RFC 9659: what a client must have room for.
WINDOW_BYTES = 8 << 20


def write(objects: Path, path: str, data: bytes) -> Path:
    file = site.root(objects, COMMIT) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """A site of a small file, and a large one."""
    write(tmp_path, "readme.md", b"# Keyboards")
    write(tmp_path, "v1/keyboards.json", LARGE)
    return tmp_path


def test_a_large_file_has_copies_that_decode_to_it(objects: Path) -> None:
    file = site.index(objects, COMMIT, {}).files["v1/keyboards.json"]
    assert (file.size, file.sha256) == (len(LARGE), hashlib.sha256(LARGE).hexdigest())
    copies = {
        coding: objects / artifacts.site_file(COMMIT, "v1/keyboards.json", coding)
        for coding in artifacts.CODINGS
    }
    assert {coding: copy.stat().st_size for coding, copy in copies.items()} == file.encoded
    assert all(size < len(LARGE) for size in file.encoded.values())
    assert gzip.decompress(copies["gzip"].read_bytes()) == LARGE
    command = ["zstd", "-dc", f"--memory={WINDOW_BYTES}", str(copies["zstd"])]
    assert subprocess.run(command, check=True, capture_output=True).stdout == LARGE


def test_a_small_file_has_none(objects: Path) -> None:
    assert site.index(objects, COMMIT, {}).files["readme.md"].encoded == {}
    assert not (objects / artifacts.site_file(COMMIT, "readme.md", "gzip")).exists()


def test_a_copy_that_saves_nothing_is_not_kept(objects: Path) -> None:
    random = os.urandom(site.LARGE_BYTES + 1)
    write(objects, "v1/noise.json", random)
    assert site.index(objects, COMMIT, {}).files["v1/noise.json"].encoded == {}
    for coding in artifacts.CODINGS:
        assert not (objects / artifacts.site_file(COMMIT, "v1/noise.json", coding)).exists()


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for objects in (tmp_path / "one", tmp_path / "other"):
        write(objects, "v1/keyboards.json", LARGE)
        site.index(objects, COMMIT, {})
        files = [path for path in sorted(objects.rglob("*")) if path.is_file()]
        written.append({path.relative_to(objects): path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) == 4


def test_what_no_key_can_name_is_left_out_and_said(
    objects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(objects, "v1/odd name.json", b"{}")
    write(objects, "v1/line\nbreak.json", b"{}")
    (site.root(objects, COMMIT) / os.fsdecode(b"v1/\xff.json")).write_bytes(b"{}")
    (site.root(objects, COMMIT) / "v1/link.json").symlink_to("keyboards.json")
    index = site.index(objects, COMMIT, {})
    assert sorted(index.files) == ["readme.md", "v1/keyboards.json"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert all(line.startswith("Left out: ") for line in said)


def test_what_is_no_part_of_the_site_is_left_out_and_said(
    objects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("healthz", "v1/compile", "v1/keyboards/demo/build_log"):
        write(objects, path, b"{}")
    os.truncate(write(objects, "v1/endless.json", b"{}"), FILE_BYTES_MAX + 1)
    index = site.index(objects, COMMIT, {})
    assert sorted(index.files) == ["readme.md", "v1/keyboards.json"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert all(line.startswith("Left out: ") for line in said)


@pytest.mark.parametrize(
    "content", [b"[", b"[]", b"[" * 100_000, b'{"keyboards": {}}' + b" " * (1 << 20)]
)
def test_information_that_cannot_be_read_is_a_fault(objects: Path, content: bytes) -> None:
    write(objects, "v1/keyboards/demo/pad/info.json", content)
    (fault,) = whole_site.faults(site.root(objects, COMMIT))["demo/pad"]
    assert fault.startswith("info.json cannot be read: ")


def test_a_fault_that_is_no_text_is_one(objects: Path) -> None:
    nested = b"[" * 500 + b"]" * 500
    info = b'{"keyboards": {"demo/pad": {"parse_errors": [%b, "no maintainer"]}}}' % nested
    write(objects, "v1/keyboards/demo/pad/info.json", info)
    found = whole_site.faults(site.root(objects, COMMIT))
    assert found["demo/pad"] == ["a fault that is no text", "no maintainer"]


def test_the_index_is_written_with_what_the_tree_finds_at_fault(objects: Path) -> None:
    info = {"keyboards": {"demo/pad": {"parse_errors": ["no maintainer"]}}}
    write(objects, "v1/keyboards/demo/pad/info.json", json.dumps(info).encode())
    write(objects, "v1/keyboards/demo/broken/info.json", b"[")
    found = whole_site.faults(site.root(objects, COMMIT))
    index = site.index(objects, COMMIT, found)
    assert index.faults["demo/pad"] == ("no maintainer",)
    assert "cannot be read" in index.faults["demo/broken"][0]
    stored = (objects / artifacts.site_index(COMMIT)).read_bytes()
    assert from_body(SiteIndex, json.loads(stored)) == index
