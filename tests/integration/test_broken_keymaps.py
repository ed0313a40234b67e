"""Keymaps with one fault each: a check or avr-gcc finds it, and it is told where it is."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qmk_contract.errors import RequestError
from qmk_contract.keymap import normalise_keymap
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME
from qmk_runner import compile_command, diagnostics
from tests.build_pod import ROOT

KEYBOARD, LAYOUT, KEYS = "clueboard/66/rev3", "LAYOUT_66_ansi", 66
BUILD = f".build/obj_clueboard_66_rev3_{INTERNAL_KEYMAP_NAME}"
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
PLACES = ((0, 0), (0, 3), (1, 65), (1, 30), (0, 17))
#: What no check can know without the firmware: the compiler has to say it.
COMPILED = (
    "KC_NOPE", "KC_AA", "kc_a", "KC-A", "KC_A KC_B", "KC_A +", "+", "1 +", "* KC_A", "FOO(3)",
    "FOO(KC_A, KC_B)", "MO(NOPE)", "LT(1, KC_NOPE)", "LT(NOPE, KC_A)", "LCTL(KC_NOPE)",
    "LCTL(LSFT(KC_NOPE))", "MT(MOD_NOPE, KC_A)", "MT(MOD_LCTL | , KC_A)", "TD(DANCE)", "M(0)",
    "MT(MOD_LCTL MOD_LSFT, KC_A)", "OSM(MOD_LSFT | MOD_NOPE)", "KC_A()", "KC_A(1)", "1KC", "0xZZ",
    "08", "KC_A ? KC_B", "KC_A ? KC_B :", "KC_A : KC_B", "keymaps[0]", "sizeof(nope)", "return",
    "if", "int", "int x", "(int)", "!", "~", "KC_A = KC_B", "KC_A ==", "KC_A . KC_B", "KC_A -",
    "RGB_NOPE", "QK_USER_99", "USER99", "LM(1, MOD_NOPE)", "ANY(KC_NOPE)", "ANY(LT(1, KC_NOPE))",
    "KC_A / 0", "LT(1, KC_A) KC_B", "MEH_T(KC_NOPE)", "HYPR(NOPE)", "TG(LAYER)", "[0]", "KC_A[0]",
    "const", "KC_VOLUP", "KC_RST", "EEP_RST", "KC_GESC", "MACRO00", "M0", "KC_LEAD",
    "LSFT(KC_A | KC_NOPE)",
)  # fmt: skip
#: What the compiler would tell badly or not at all.
CHECKED = (
    "(KC_A", "MO(1", "MO)1(", "LSFT(KC_A", "LT(1)", "LT(1, KC_A, KC_B)", "MO(1, 2)", "MO()",
    "LT(, KC_A)", "LT(77, KC_A)", "LT(16, KC_A)", "MO(32)", "TO(0x20)", "LM(16, MOD_LSFT)",
    "LCTL(LT(99, KC_A))", "OSM(0x20)", "MO(-1)", "'ab'", "'", '"A"', "KC_A, KC_B", "{1}", "KC_A;",
    "#define", "//x", "__FILE__", "__DATE__", "ANY(KC_A) + ANY(KC_B)",
)  # fmt: skip


def request_with(keycode: str, layer: int, key: int) -> dict[str, Any]:
    layers = [["KC_A"] * KEYS, ["KC_TRNS"] * KEYS]
    layers[layer][key] = keycode
    return {
        "version": 1,
        "keyboard": KEYBOARD,
        "keymap": INTERNAL_KEYMAP_NAME,
        "layout": LAYOUT,
        "layers": layers,
    }


@dataclass
class Bench:
    """A tree with the clueboard built in it; one unit can be made anew with another keymap."""

    root: Path
    make: list[str]

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    @property
    def keymap(self) -> Path:
        return self.root / "keymap.json"

    def run(self, argv: Sequence[str]) -> str:
        environment = {
            "PATH": SEARCH_PATH,
            "HOME": str(self.root),
            "QMK_HOME": str(self.tree),
            "ORIG_CWD": str(self.tree),
            "SKIP_GIT": "yes",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            argv,
            cwd=self.tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            text=True,
        ).stdout

    def compile(self, request: dict[str, Any]) -> str:
        """What the tree's make prints about keymap.c of a request."""
        source = self.tree / BUILD / "src/keymap.c"
        self.keymap.write_text(json.dumps(request))
        self.run(["qmk", "json2c", "--quiet", "--output", str(source), str(self.keymap)])
        return self.run([*self.make, f"{BUILD}/quantum/keymap_introspection.o"])

    def source(self, name: str) -> bytes:
        return (self.tree / BUILD / "src" / name).read_bytes()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("bench"), [])
    shutil.copytree(ROOT / "tests/firmware", made.tree)
    made.keymap.write_text(json.dumps(request_with("KC_A", 0, 0)))
    log = made.run(compile_command.words(str(made.keymap), 1))
    assert "The firmware size is fine" in log, log
    line = next(line for line in log.splitlines() if "Compiling keymap with" in line)
    made.make = shlex.split(line.partition("Compiling keymap with ")[2])
    return made


@pytest.mark.parametrize("number", range(len(COMPILED)), ids=COMPILED)
def test_what_the_compiler_finds_is_told_with_line_and_key(bench: Bench, number: int) -> None:
    layer, key = PLACES[number % len(PLACES)]
    request = request_with(COMPILED[number], layer, key)
    normalise_keymap(request)
    log = bench.compile(request)
    found = diagnostics.parse(
        log, bench.source("keymap.c"), bench.source("default_keyboard.h"), request
    )
    assert found, log
    first = found[0]
    assert first.severity == "error"
    assert (first.layer, first.key, first.keycode) == (layer, key, COMPILED[number]), log
    assert first.file == "keymap.c"
    line = bench.source("keymap.c").decode().splitlines()[(first.line or 0) - 1]
    assert line.lstrip().startswith(f"[{layer}] = {LAYOUT}(")
    assert 0 < (first.column or 0) <= len(line)


@pytest.mark.parametrize("number", range(len(CHECKED)), ids=CHECKED)
def test_what_a_check_finds_needs_no_compiler(number: int) -> None:
    layer, key = PLACES[number % len(PLACES)]
    with pytest.raises(RequestError) as caught:
        normalise_keymap(request_with(CHECKED[number], layer, key))
    (found,) = caught.value.diagnostics
    assert (found.layer, found.key, found.keycode) == (layer, key, CHECKED[number])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"macros": [["a"], [{"action": "tap", "keycodes": ["NOPE"]}]]}, "macros[1]: "),
        ({"layout": "LAYOUT_nope"}, "implicit declaration of function"),
        ({"layers": [["KC_A"] * (KEYS - 1)]}, "requires 66 arguments, but only 65 given"),
        ({"layers": [["KC_A"] * KEYS] * 17}, "; the keymap has 17"),
    ],
)
def test_what_is_no_key_is_told_by_its_name(
    bench: Bench, changes: dict[str, Any], message: str
) -> None:
    request = request_with("KC_A", 0, 0) | changes
    log = bench.compile(request)
    found = diagnostics.parse(
        log, bench.source("keymap.c"), bench.source("default_keyboard.h"), request
    )
    assert message in found[0].message, log
