"""An entry that is added to an archive, read back by Python's own zip reader."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.downloading.zip_append import (
    TAIL_BYTES,
    Addition,
    ArchiveError,
    Directory,
    add_file,
    read_directory,
)

NAME = "qmk_firmware/clueboard-66-rev3-mine.json"
CONTENT = b'{"keyboard": "clueboard/66/rev3"}'
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
entry_names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\\"), min_size=1, max_size=30
).filter(lambda name: name != NAME)
entries = st.dictionaries(entry_names, st.tuples(st.binary(max_size=200), st.sampled_from(METHODS)))


def packed(files: dict[str, tuple[bytes, int]], comment: bytes = b"") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, (content, method) in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
        archive.comment = comment
    return target.getvalue()


def directory_of(archive: bytes) -> Directory:
    return read_directory(archive[-TAIL_BYTES:], len(archive))


def joined(archive: bytes, directory: Directory, added: Addition) -> bytes:
    end = directory.offset + directory.size
    return (
        archive[: directory.offset] + added.entry + archive[directory.offset : end] + added.trailer
    )


def appended(archive: bytes, name: str = NAME, content: bytes = CONTENT) -> bytes:
    directory = directory_of(archive)
    return joined(archive, directory, add_file(directory, name, content))


@given(entries, st.binary(max_size=600), st.binary(max_size=500))
def test_archive_has_all_it_had_and_the_new_file(
    files: dict[str, tuple[bytes, int]], comment: bytes, content: bytes
) -> None:
    after = appended(packed(files, comment), NAME, content)
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*(zipfile.ZipInfo(name).filename for name in files), NAME]
        assert archive.read(NAME) == content
        assert archive.comment == comment
        for name, (old, _) in files.items():
            assert archive.read(zipfile.ZipInfo(name).filename) == old


def test_new_file_is_an_ordinary_one_and_always_the_same() -> None:
    before = packed({"qmk_firmware/Makefile": (b"all:\n", zipfile.ZIP_DEFLATED)})
    assert appended(before) == appended(before)
    with zipfile.ZipFile(io.BytesIO(appended(before))) as archive:
        info = archive.getinfo(NAME)
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert info.create_system == 3
    assert info.external_attr >> 16 == stat.S_IFREG | 0o644
    assert info.flag_bits == 0x800


def test_an_entry_can_be_added_again_and_again() -> None:
    archive = packed({})
    for number in range(5):
        archive = appended(archive, f"{number}.json")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.namelist() == [f"{number}.json" for number in range(5)]


@pytest.mark.parametrize("count", [65533, 65534, 65535, 65536])
def test_number_of_entries_crosses_what_the_short_record_holds(count: int) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    after = appended(target.getvalue())
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert len(archive.namelist()) == count + 1
        assert archive.read(NAME) == CONTENT
    assert (b"PK\x06\x06" in after[-200:]) is (count + 1 >= 65535)


@pytest.mark.parametrize("start", [(1 << 32) - 300, (1 << 32) - 100, (1 << 32) + 100])
def test_offsets_cross_4_gib(tmp_path: Path, start: int) -> None:
    # A hole in the file stands for the tree; only what is written takes room on disk.
    path = tmp_path / "far.zip"
    with path.open("wb") as file:
        file.truncate(start)
        file.seek(start)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("far", b"x" * 100)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - min(size, TAIL_BYTES))
        directory = read_directory(file.read(), size)
        added = add_file(directory, NAME, CONTENT)
        file.seek(directory.offset)
        old = file.read(directory.size)
        file.seek(directory.offset)
        file.write(added.entry + old + added.trailer)
        file.truncate()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["far", NAME]
        assert archive.getinfo(NAME).header_offset == directory.offset
    os.truncate(path, 0)


GOOD = packed({"a": (b"a", 0), "b": (b"b" * 300, 8)})


@given(st.integers(0, len(GOOD) - 1))
def test_truncated_archive_is_refused(length: int) -> None:
    with pytest.raises(ArchiveError):
        directory_of(GOOD[:length])


@given(st.integers(len(GOOD) - 22, len(GOOD) - 1), st.integers(1, 255))
def test_damaged_end_record_never_gives_a_wrong_directory(at: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    try:
        found = directory_of(bytes(damaged))
    except ArchiveError:
        return
    assert found.offset + found.size == len(GOOD) - 22


@given(st.binary(max_size=300))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        directory_of(content)


def test_bytes_before_or_behind_the_archive_are_refused() -> None:
    for content in (b"#!/bin/sh\n" + GOOD, GOOD + b"\n"):
        with pytest.raises(ArchiveError):
            directory_of(content)


def test_comment_that_looks_like_an_end_record_is_read_or_refused() -> None:
    comment = b"PK\x05\x06" + bytes(18)
    with pytest.raises(ArchiveError):
        directory_of(packed({"a": (b"a", 0)}, comment))
    assert directory_of(packed({"a": (b"a", 0)}, comment + b"more")).entries == 1


def zip64_tail(**changes: int) -> bytes:
    """The last 98 bytes of an archive whose directory of 92 bytes lies at 1 << 33."""
    offset = 1 << 33
    values = {
        "length": 44, "disk": 0, "here": 2, "entries": 2, "size": 92, "offset": offset,
        "position": offset + 92, "disks": 1, "short": 0xFFFF, **changes,
    }  # fmt: skip
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", values["length"], 45, 45, values["disk"], 0,
        values["here"], values["entries"], values["size"], values["offset"],
    )  # fmt: skip
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, values["position"], values["disks"])
    short = values["short"]
    return (
        record
        + locator
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, short, short, 92, 0xFFFFFFFF, 0)
    )


SIZE64 = (1 << 33) + 92 + 98


def test_zip64_record_is_read() -> None:
    assert read_directory(zip64_tail(), SIZE64) == Directory(1 << 33, 92, 2, zip64=True)
    assert read_directory(zip64_tail(short=2), SIZE64).entries == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 60}, {"disk": 1}, {"disks": 2}, {"here": 1}, {"size": 91}, {"offset": 5},
        {"position": 5}, {"position": (1 << 33) + 93}, {"position": 1 << 60}, {"short": 3},
        {"entries": 1 << 60, "here": 1 << 60},
    ],
)  # fmt: skip
def test_contradicting_zip64_record_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ArchiveError):
        read_directory(zip64_tail(**changes), SIZE64)


def test_part_of_a_split_archive_is_refused() -> None:
    split = bytearray(GOOD)
    split[-18] = 1
    with pytest.raises(ArchiveError):
        directory_of(bytes(split))
