"""What the keyboard site's files are, and how its index is read."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.site import (
    COPY_BYTES_MAX,
    FAULT_CHARACTERS_MAX,
    FAULTS_MAX,
    FAULTY_MAX,
    FILE_BYTES_MAX,
    FILES_MAX,
    INDEX_BYTES_MAX,
    SiteFile,
    SiteIndex,
    bounded_faults,
    content_type,
    read_index,
)

COMMIT = "c" * 40
FILE = SiteFile(1, "0" * 64)


def body(files: Mapping[str, SiteFile], **changes: Any) -> bytes:
    return json.dumps({**to_body(SiteIndex(COMMIT, files)), **changes}).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v1/keyboard_list.json", "application/json"),
        ("v1/schemas/keymap.jsonschema", "application/json"),
        ("readme.md", "text/markdown; charset=utf-8"),
        ("v1/templates/keymap.c", "text/plain; charset=utf-8"),
        ("v1/templates/rules.mk", "text/plain; charset=utf-8"),
        ("v1/templates/LICENSE", "text/plain; charset=utf-8"),
        ("v1/a.json/notes", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_has_the_type_of_its_suffix(path: str, expected: str) -> None:
    assert content_type(path) == expected


def test_an_index_is_read_as_it_was_written() -> None:
    index = SiteIndex(
        commit=COMMIT,
        files={
            "v1/keyboards.json": SiteFile(9, "0" * 64, {"gzip": 5, "zstd": 4}),
            "v1/keyboards/demo/pad3/info.json": SiteFile(1, "1" * 64),
        },
        faults={"demo/pad3": ("no layout",)},
    )
    assert read_index(json.dumps(to_body(index)).encode(), COMMIT) == (index, {})


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("healthz", FILE),
        ("v1/compile", FILE),
        ("../../channels/master.json", FILE),
        ("v1/odd name.json", FILE),
        ("v1/half\ud83d.json", FILE),
        ("v1/usb.json", replace(FILE, size=-1)),
        ("v1/usb.json", replace(FILE, size=FILE_BYTES_MAX + 1, encoded={"gzip": 1})),
        ("v1/usb.json", replace(FILE, size=COPY_BYTES_MAX + 1)),
        ("v1/usb.json", replace(FILE, size=COPY_BYTES_MAX + 1, encoded={"zstd": 1})),
        ("v1/usb.json", replace(FILE, encoded={"gzip": COPY_BYTES_MAX + 1})),
        ("v1/usb.json", replace(FILE, encoded={"zstd": -1})),
        ("v1/usb.json", replace(FILE, sha256="0\r\nSet-Cookie: x")),
    ],
)
def test_what_the_site_cannot_have_is_left_out(path: str, file: SiteFile) -> None:
    index, left_out = read_index(body({path: file, "readme.md": FILE}), COMMIT)
    assert index.files == {"readme.md": FILE}
    assert list(left_out) == [path]
    assert left_out[path]


def test_the_largest_file_is_in() -> None:
    copies = {"gzip": COPY_BYTES_MAX, "zstd": 1}
    files = {"v1/keyboards.json": SiteFile(FILE_BYTES_MAX, "0" * 64, copies)}
    assert read_index(body(files), COMMIT) == (SiteIndex(COMMIT, files), {})


def test_a_content_coding_that_is_unknown_is_passed_over() -> None:
    coded = replace(FILE, encoded={"gzip": 1, "br": 1})
    index, left_out = read_index(body({"readme.md": coded}), COMMIT)
    assert index.files["readme.md"].encoded == {"gzip": 1}
    assert not left_out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"[]", "expected an object"),
        (b"[" * 100_000, "nested too deeply"),
        (body({}, commit="d" * 40), "not of this commit"),
        (body({}) + b" " * INDEX_BYTES_MAX, "larger than"),
        (body({f"v1/{number}.json": FILE for number in range(FILES_MAX + 1)}), "lists more than"),
    ],
)
def test_an_index_that_cannot_be_one_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_index(content, COMMIT)


def test_of_faults_an_index_holds_a_few_short_ones() -> None:
    found = {
        "demo/pad3": ["x" * FAULT_CHARACTERS_MAX, "y" * 9000, "half \ud83d", *("z" * 20)],
        "not/published": ["cannot be read"],
        "../good": ["fault"],
        "two words": ["fault"],
    }
    bounded = bounded_faults(found)
    assert list(bounded) == ["demo/pad3", "not/published"]
    first, second, third, *rest = bounded["demo/pad3"]
    assert first == "x" * FAULT_CHARACTERS_MAX
    assert second == "y" * (FAULT_CHARACTERS_MAX - 1) + "…"
    assert third == "half ?"
    assert len(rest) == FAULTS_MAX - 3
    assert bounded_faults(bounded) == bounded


def test_an_index_has_the_faults_of_so_many_keyboards() -> None:
    bounded = bounded_faults({f"pad{number}": ["fault"] for number in range(FAULTY_MAX + 1)})
    assert len(bounded) == FAULTY_MAX
    assert f"pad{FAULTY_MAX}" not in bounded
