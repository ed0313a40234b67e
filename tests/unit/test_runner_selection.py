"""Which units a keymap makes necessary to compile anew."""

import dataclasses

import pytest

from qmk_runner.workbench import dependencies, selection
from qmk_runner.workbench.record import Generation, Step, Unit
from qmk_runner.workbench.selection import UnfitError
from tests.unit.test_runner_record import MADE

KEYMAP_C, CONFIG_H, MODULES_C = "src/keymap.c", "src/config.h", "src/modules.c"


def unit(name: str, *read: str) -> Unit:
    return Unit("avr-gcc", f"{name}.c", f".build/{name}.o", "\n".join(read))


KEYMAP = unit("keymap", "keymap.c", KEYMAP_C, CONFIG_H)
MAIN = unit("main", "main.c", CONFIG_H)
ALONE = unit("alone", "alone.c")
UNKNOWN = unit("start")
MODULES = unit("modules", MODULES_C, CONFIG_H)
RECORD = dataclasses.replace(
    MADE,
    generations=(
        Generation("json2c", "qmk.cli.json2c", KEYMAP_C),
        Generation("generate-config-h", "qmk.cli.generate.config_h", CONFIG_H),
        Generation("generate-modules-c", "qmk.cli.generate.modules", MODULES_C, constant=True),
    ),
    units=(KEYMAP, MAIN, ALONE, MODULES),
    link=Step("\n".join(["avr-gcc", *(f".build/{n}.o" for n in ("keymap", "main", "modules"))])),
)


@pytest.mark.parametrize(
    ("changed", "units"),
    [
        ((), ()),
        ((KEYMAP_C,), (KEYMAP,)),
        ((CONFIG_H,), (KEYMAP, MAIN, MODULES)),
        ((KEYMAP_C, CONFIG_H), (KEYMAP, MAIN, MODULES)),
    ],
)
def test_what_read_a_changed_file_is_compiled_anew(
    changed: tuple[str, ...], units: tuple[Unit, ...]
) -> None:
    assert selection.affected(RECORD, changed) == units


def test_a_unit_of_which_nothing_is_known_is_compiled_anew() -> None:
    record = dataclasses.replace(
        RECORD, units=(KEYMAP, UNKNOWN), link=Step("avr-gcc\n.build/keymap.o\n.build/start.o")
    )
    assert selection.affected(record, (KEYMAP_C,)) == (KEYMAP, UNKNOWN)


@pytest.mark.parametrize("changed", [("src/rules.mk",), (KEYMAP_C, "src/community_rules.mk")])
def test_a_record_is_unfit_where_make_would_read_something_else(changed: tuple[str, ...]) -> None:
    with pytest.raises(UnfitError):
        selection.affected(RECORD, changed)


def test_a_record_is_unfit_where_it_does_not_tell_how_a_unit_is_linked() -> None:
    record = dataclasses.replace(RECORD, link=Step("avr-gcc\n.build/all.a"))
    with pytest.raises(UnfitError):
        selection.affected(record, (KEYMAP_C,))


def test_archives_follow_their_objects() -> None:
    archives = (
        Step("avr-ar\nrcs\n.build/one.a\n.build/./keymap.o"),
        Step("avr-ar\nrcs\n.build/two.a\n.build/alone.o"),
    )
    record = dataclasses.replace(
        RECORD, link=Step("avr-gcc\n.build/one.a\n.build/two.a"), archives=archives
    )
    assert selection.affected(record, (KEYMAP_C,)) == (KEYMAP,)
    assert selection.archives(record, (KEYMAP,)) == archives[:1]


def test_units_of_the_keymap_are_those_that_every_keymap_changes() -> None:
    assert selection.keymap_units(RECORD) == (KEYMAP,)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a.o: a.c b.h \\\n c.h\n\nb.h:\n", {"a.c", "b.h", "c.h"}),
        ("a.o: /tree/a.c ./d/../b.h /usr/x.h\n", {"a.c", "b.h", "/usr/x.h"}),
        ("a.o: with\\ blank.c price$$.h\n", {"with blank.c", "price$.h"}),
        ("a.o b.o: c.c\n", {"c.c"}),
        ("", set()),
        ("a.o:\n", set()),
    ],
)
def test_a_list_of_dependencies_is_read_as_make_reads_it(text: str, read: set[str]) -> None:
    assert dependencies.parse(text, "/tree") == read


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["avr-gcc", "-MMD", "-MF", "x/a.td", "-c", "a.c", "-o", "x/a.o"], "x/a.td"),
        (["avr-gcc", "-MMD", "-c", "a.c", "-o", "x/a.o"], "x/a.d"),
    ],
)
def test_a_command_says_where_its_list_is(command: list[str], path: str) -> None:
    assert dependencies.file_of(command, "x/a.o") == path


def test_a_list_is_asked_for_without_compiling() -> None:
    command = ["avr-gcc", "-c", "-DX", "a.S", "-o", "x/a.o"]
    assert dependencies.asking(command) == ["avr-gcc", "-M", "-DX", "a.S"]


def test_each_linked_and_archived_object_is_one_unit_s() -> None:
    one, link = MADE.units[0], Step("avr-gcc\n/usr/lib/crt1.x\n.build/a.o\n-o\n.build/x.elf")
    whole = dataclasses.replace(MADE, link=link)
    archives = (Step("avr-ar\nrcs\n.build/lib.a\n./.build/b.o"),)
    for changes, untold in (
        ({}, ()),
        ({"units": ()}, (".build/a.o",)),
        ({"units": (one, one)}, (".build/a.o",)),
        ({"archives": archives}, (".build/b.o",)),
    ):
        made = dataclasses.replace(whole, **changes)
        assert selection.untold_objects(made) == untold
