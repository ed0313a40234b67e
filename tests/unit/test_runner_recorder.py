"""What is made of a full build's notes: a record, or nothing where the notes have gaps."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from qmk_runner.workbench import recorder
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.qmk_server import Call
from qmk_runner.workbench.record import RecordError
from qmk_runner.workbench.recorder import Build
from qmk_runner.workbench.recording import ProgramCall

OBJECTS = ".build/obj_demo_pad6_x"
KEYMAP = f"{OBJECTS}/src/keymap"


@dataclass
class Subcommand:
    """As milc has one."""

    def get_default(self, _name: str) -> type:
        return type("Json2c", (), {"__module__": "qmk.cli.json2c"})


def build(tree: Path) -> Build:
    """Two objects, one of the keymap's C, linked to a firmware."""
    files: Mapping[str, str] = {
        f"{KEYMAP}.json": "{}",
        f"{KEYMAP}.c": "",
        f"{OBJECTS}/keymap.o": "",
        f"{OBJECTS}/keymap.d": f"{OBJECTS}/keymap.o: {KEYMAP}.c\n",
        f"{OBJECTS}/main.o": "",
        f"{OBJECTS}/main.d": f"{OBJECTS}/main.o: main.c\n",
        f"{OBJECTS}/cflags.txt": "-DVIA_ENABLE",
        "main.c": "",
        ".build/demo_pad6_x.hex": "",
        "demo_pad6_x.hex": "",
    }
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    objects = [f"{OBJECTS}/keymap.o", f"{OBJECTS}/main.o"]
    commands = [
        ("avr-gcc", "-c", f"{KEYMAP}.c", "-o", objects[0]),
        ("avr-gcc", "-c", "main.c", "-o", objects[1]),
        ("avr-gcc", *objects, "-o", ".build/demo_pad6_x.elf"),
    ]
    call = Call(tree, ("json2c", "--output", f"{KEYMAP}.c", f"{KEYMAP}.json"), 0, 0.1)
    return Build(
        tree=tree,
        digest="d" * 64,
        keyboard="demo/pad6",
        keymap_name="x",
        calls=[call],
        programs=[ProgramCall(tree, "make", command) for command in commands],
        log=b"",
    )


@pytest.fixture
def launcher() -> Launcher:
    return Launcher(os.getpid, {"json2c": Subcommand()})


def test_the_compiler_s_options_belong_to_a_record(tmp_path: Path, launcher: Launcher) -> None:
    material = recorder.make(build(tmp_path), launcher)
    assert [unit.source for unit in material.record.units] == [f"{KEYMAP}.c", "main.c"]
    assert f"{OBJECTS}/cflags.txt" in material.files


@pytest.mark.parametrize("lost", [0, 1])
def test_a_build_of_which_a_call_was_not_noted_leaves_no_record(
    tmp_path: Path, launcher: Launcher, lost: int
) -> None:
    whole = build(tmp_path)
    programs = [call for place, call in enumerate(whole.programs) if place != lost]
    with pytest.raises(RecordError):
        recorder.make(replace(whole, programs=programs), launcher)


def test_a_call_that_is_noted_twice_leaves_no_record(tmp_path: Path, launcher: Launcher) -> None:
    whole = build(tmp_path)
    with pytest.raises(RecordError, match="not noted how"):
        recorder.make(replace(whole, programs=[whole.programs[1], *whole.programs]), launcher)
