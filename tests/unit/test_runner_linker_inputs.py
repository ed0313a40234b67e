"""Which files of the tree the commands after the compilation read."""

from pathlib import Path

import pytest

from qmk_runner.workbench import linker_inputs

FILES = {
    "ld/main.ld": "MEMORY { }\nINCLUDE common.ld\n",
    "ld/common.ld": '  INCLUDE "rules.ld"\nINCLUDE missing.ld\n',
    "lib/ld/rules.ld": "INCLUDE common.ld\n",
    "lib/ld/unused.ld": "",
    "lib/ld/libkeys.a": "",
    "board/own.ld": "",
    ".build/x/a.o": "",
    ".build/x.hex": "",
    "util/convert.py": "",
    "util/families.json": "",
    "util/other.sh": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "script", [["-T", "./ld/main.ld"], ["-Tld/main.ld"], ["-Wl,--gc-sections,--script=ld/main.ld"]]
)
@pytest.mark.parametrize(
    "folders", [["-L", "ld", "-L./lib/ld"], ["-Wl,--library-path=ld,--library-path=./lib/ld"]]
)
def test_scripts_bring_the_scripts_that_they_include(
    tree: Path, script: list[str], folders: list[str]
) -> None:
    command = ["arm-none-eabi-gcc", ".build/x/a.o", "-o", ".build/x.elf", *script, *folders]
    assert linker_inputs.find(command, tree) == {
        ".build/x/a.o",
        "ld/main.ld",
        "ld/common.ld",
        "lib/ld/rules.ld",
        "lib/ld/libkeys.a",
    }


def test_what_the_commands_make_is_none_of_it(tree: Path) -> None:
    command = ["avr-objcopy", "-O", "ihex", ".build/x.elf", ".build/x.hex"]
    assert linker_inputs.find(command, tree) == frozenset()


def test_a_python_script_brings_the_tables_beside_it(tree: Path) -> None:
    command = ["python3", "./util/convert.py", ".build/x.hex", "--output", ".build/x.uf2"]
    assert linker_inputs.find(command, tree) == {"util/convert.py", "util/families.json"}


@pytest.mark.parametrize("word", ["/etc/passwd", "../outside.ld", "-L/usr/lib", "-T/etc/passwd"])
def test_nothing_outside_the_tree_is_found(tree: Path, word: str) -> None:
    (tree.parent / "outside.ld").write_text("")
    assert linker_inputs.find(["avr-gcc", word], tree) == frozenset()
