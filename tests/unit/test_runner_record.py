"""What a record says, and what is refused as one."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_runner.workbench import record, record_archive, record_folder
from qmk_runner.workbench.record import Generation, Product, Record, RecordError, Step, Unit

DIGEST = "d" * 64
KEYBOARD = "demo/pad6"
SOURCES = ".build/obj_demo_pad6_x/src"
MADE = Record(
    digest=DIGEST,
    keyboard=KEYBOARD,
    keymap_name="x",
    keymap=f"{SOURCES}/keymap.json",
    generations=(
        Generation(
            f"json2c\n--output\n{SOURCES}/keymap.c\n{SOURCES}/keymap.json",
            "qmk.cli.json2c",
            f"{SOURCES}/keymap.c",
        ),
    ),
    units=(Unit("avr-gcc\n-c\na.c\n-o\n.build/a.o", "a.c", ".build/a.o", "a.c\nb.h"),),
    link=Step("avr-gcc\n.build/a.o\n-o\n.build/x.elf"),
    linked=".build/x.elf",
    steps=(Step("avr-objcopy\n.build/x.elf\n.build/x.hex"),),
    products=(Product(".build/x.hex", "x.hex"),),
    limit=28672,
)


def read(body: Any) -> Record:
    return record.read(body, digest=DIGEST, keyboard=KEYBOARD)


def test_a_record_is_read_as_it_was_written() -> None:
    assert read(json.loads(json.dumps(to_body(MADE)))) == MADE


@pytest.mark.parametrize(
    ("digest", "keyboard"), [("e" * 64, KEYBOARD), (DIGEST, "demo/slow"), ("", KEYBOARD)]
)
def test_a_record_of_something_else_is_refused(digest: str, keyboard: str) -> None:
    with pytest.raises(RecordError):
        record.read(to_body(MADE), digest=digest, keyboard=keyboard)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("keymap",), "/etc/passwd"),
        (("keymap",), "../keymap.json"),
        (("linked",), ".build/../../x.elf"),
        (("linked",), "."),
        (("products", 0, "name"), "/x.hex"),
        (("products", 0, "source"), "..//x.hex"),
        (("units", 0, "output"), "a/./b.o"),
        (("units", 0, "source"), "a\0.c"),
        (("units", 0, "output"), "a" * 2000),
        (("units", 0, "command"), "/bin/sh\n-c\nid"),
        (("units", 0, "command"), ""),
        (("steps", 0, "command"), "-objcopy\nx"),
        (("link", "command"), "avr-gcc\n" + "x" * (1 << 17)),
        (("generations", 0, "module"), "os"),
        (("generations", 0, "module"), "qmk.cli"),
        (("generations", 0, "output"), "/tmp/keymap.c"),
        (("units",), [{}]),
        (("limit",), "many"),
    ],
)
def test_a_record_that_is_not_in_order_is_refused(path: tuple[Any, ...], value: object) -> None:
    body = copy.deepcopy(json.loads(json.dumps(to_body(MADE))))
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(RecordError):
        read(body)


def test_a_record_of_too_many_parts_is_refused() -> None:
    body = to_body(MADE)
    body["units"] = body["units"] * 5000
    with pytest.raises(RecordError):
        read(body)


@pytest.mark.parametrize("body", [None, [], "record", {}, {"schema": 1}])
def test_no_record_at_all_is_refused(body: object) -> None:
    with pytest.raises(RecordError):
        read(body)


def test_a_command_follows_the_tree() -> None:
    kept = record.text(["avr-gcc", "-I/one/tree/quantum", "a b.c"], "/one/tree")
    assert "/one/tree" not in kept
    assert record.words(kept, "/other") == ("avr-gcc", "-I/other/quantum", "a b.c")
    with pytest.raises(RecordError):
        record.text(["avr-gcc", "a\nb"], "/one/tree")


def test_paths_are_told_apart_by_the_tree() -> None:
    paths = ("./a/../b.c", "/tree/c.h", "/tree2/d.h", "/usr/include/e.h")
    assert [record.relative(path, "/tree") for path in paths] == [
        "b.c",
        "c.h",
        "/tree2/d.h",
        "/usr/include/e.h",
    ]


def unpacked(folder: Path, files: dict[str, str]) -> Path:
    (folder / record.DOCUMENT).write_text(json.dumps(to_body(MADE)))
    (folder / record.FILES).mkdir()
    for path, text in files.items():
        place = folder / record.FILES / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def test_files_go_into_the_tree(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    folder = unpacked(tmp_path / "record", {".build/o/a.o": "object", "quantum/b.h": "header"})
    assert record_folder.read(folder, digest=DIGEST, keyboard=KEYBOARD) == MADE
    tree = tmp_path / "tree"
    record_folder.install(folder, tree, whole=False)
    assert (tree / ".build/o/a.o").read_text() == "object"
    assert (tree / "quantum/b.h").read_text() == "header"


def test_a_whole_tree_keeps_its_own_files(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, {".build/o/a.o": "object", "quantum/b.h": "recorded"})
    (tmp_path / "tree/quantum").mkdir(parents=True)
    (tmp_path / "tree/quantum/b.h").write_text("own")
    record_folder.install(folder, tmp_path / "tree", whole=True)
    assert (tmp_path / "tree/.build/o/a.o").read_text() == "object"
    assert (tmp_path / "tree/quantum/b.h").read_text() == "own"


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_something_else_than_files_is_refused(tmp_path: Path, kind: str) -> None:
    folder = unpacked(tmp_path, {"quantum/b.h": "header"})
    place = folder / record.FILES / "quantum/c.h"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/etc" if kind == "folder link" else "/etc/passwd")
    with pytest.raises(RecordError):
        record_folder.install(folder, tmp_path / "tree", whole=False)


@pytest.mark.parametrize("text", [None, "", "{", "[" * 100_000, '{"schema": 1'])
def test_a_truncated_document_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / record.DOCUMENT).write_text(text)
    with pytest.raises(RecordError):
        record_folder.read(tmp_path, digest=DIGEST, keyboard=KEYBOARD)


def test_the_same_record_is_packed_to_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.h").write_text("a")
    (tmp_path / "b.h").write_text("b")
    archives = [tmp_path / "one", tmp_path / "another"]
    for archive, files in zip(archives, (["a.h", "b.h"], ["b.h", "a.h"]), strict=True):
        record_archive.write(MADE, files, tmp_path, archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_no_file_outside_the_tree_is_packed(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        record_archive.write(MADE, ["../secret"], tmp_path, tmp_path / "archive")
