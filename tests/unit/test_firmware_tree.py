"""The demo firmware tree is complete, and the launcher from PyPI can read all of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "firmware"
QMK_TIMEOUT_SECONDS = 30


class Tree:
    """A copy of the tree that commands may write to."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "QMK_HOME": str(root),
            "SKIP_GIT": "yes",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def qmk(self, *arguments: str) -> str:
        result = subprocess.run(
            [Path(sys.executable).with_name("qmk"), "--no-color", *arguments],
            cwd=self.root.parent,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=QMK_TIMEOUT_SECONDS,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def read(self, path: str) -> Any:
        return json.loads((self.root / path).read_text())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("firmware")
    ignored = shutil.ignore_patterns(".build", "__pycache__", "*.hex")
    shutil.copytree(SOURCE, folder / "qmk_firmware", ignore=ignored)
    return Tree(folder / "qmk_firmware", home=folder)


@pytest.fixture(scope="module")
def api(tree: Tree) -> dict[str, Any]:
    tree.qmk("generate-api")
    root = tree.root / ".build/api_data/v1"
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.*")}


def info(api: dict[str, Any], keyboard: str) -> Any:
    return json.loads(api[f"keyboards/{keyboard}/info.json"])["keyboards"][keyboard]


KEYBOARDS = sorted(
    path.parent.relative_to(SOURCE / "keyboards").as_posix()
    for path in SOURCE.glob("keyboards/**/keyboard.json")
)
KEYMAPS = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.glob("**/keymap.json"))


def test_the_boards_that_tests_rely_on_are_there() -> None:
    demo = {f"demo/{name}" for name in ("dated", "hungry", "pad6", "slow", "toolarge")}
    assert {"clueboard/66/rev3", *demo} <= set(KEYBOARDS)


def test_metadata_lists_every_keyboard(api: dict[str, Any]) -> None:
    metadata = json.loads(api["keyboard_metadata.json"])
    assert metadata["keyboards"] == json.loads(api["keyboard_list.json"])["keyboards"] == KEYBOARDS
    assert sorted(json.loads(api["keyboards.json"])["keyboards"]) == KEYBOARDS
    usb = json.loads(api["usb.json"])["usb"]
    boards = [board for products in usb.values() for ids in products.values() for board in ids]
    assert sorted(boards) == KEYBOARDS


@pytest.mark.parametrize("keyboard", KEYBOARDS)
def test_a_keyboard_is_described_without_faults(api: dict[str, Any], keyboard: str) -> None:
    data = info(api, keyboard)
    assert data["parse_errors"] == data["parse_warnings"] == []
    assert data["keyboard_folder"] == keyboard
    assert f"keyboards/{keyboard}/readme.md" in api
    assert data["keymaps"]["default"]["path"] in api


def test_the_demo_board_has_66_keys(api: dict[str, Any]) -> None:
    assert len(info(api, "clueboard/66/rev3")["layouts"]["LAYOUT_66_ansi"]["layout"]) == 66


def test_aliases_lead_to_keyboards_also_through_other_aliases(tree: Tree) -> None:
    assert tree.qmk("resolve-alias", "clueboard/66").strip() == "clueboard/66/rev3"
    assert tree.qmk("resolve-alias", "clueboard_66").strip() == "clueboard/66/rev3"
    assert tree.qmk("resolve-alias", "demo/macropad").strip() == "demo/pad6"


def test_no_alias_hides_a_keyboard_or_leads_nowhere(api: dict[str, Any]) -> None:
    aliases = json.loads(api["keyboard_aliases.json"])["keyboard_aliases"]
    assert not set(aliases) & set(KEYBOARDS)
    assert {entry["target"] for entry in aliases.values()} <= set(aliases) | set(KEYBOARDS)


@pytest.mark.parametrize("path", KEYMAPS)
def test_a_keymap_fits_its_keyboard(tree: Tree, api: dict[str, Any], path: str) -> None:
    keymap = tree.read(path)
    assert path.startswith(f"keyboards/{keymap['keyboard']}/keymaps/{keymap['keymap']}/")
    keys = len(info(api, keymap["keyboard"])["layouts"][keymap["layout"]]["layout"])
    assert {len(layer) for layer in keymap["layers"]} == {keys}


@pytest.mark.parametrize("path", KEYMAPS)
def test_a_keymap_names_only_keys_that_exist(tree: Tree, api: dict[str, Any], path: str) -> None:
    spec = json.loads(api["constants/keycodes_0.0.1.json"])
    known = {entry["key"] for entry in spec["keycodes"].values()}
    known |= {name for entry in spec["keycodes"].values() for name in entry.get("aliases", [])}
    macros = (SOURCE / "quantum/quantum_keycodes.h").read_text()
    known |= set(re.findall(r"^#define (\w+)", macros, re.MULTILINE))
    keymap = tree.read(path)
    known |= {keycode["key"] for keycode in keymap.get("keycodes", [])}
    used = {
        name
        for layer in keymap["layers"]
        for key in layer
        for name in re.findall(r"\b[A-Z_]\w*", key)
    }
    assert used <= known


def test_the_header_of_keycodes_is_the_one_that_the_tables_give(tree: Tree) -> None:
    header = (SOURCE / "quantum/keycodes.h").read_text()
    assert tree.qmk("generate-keycodes", "--version", "0.0.1") == header


def test_a_dry_run_leaves_what_is_the_keyboards_and_make_asks_for_the_rest(
    tree: Tree, tmp_path: Path
) -> None:
    keymap = {
        "keyboard": "demo/macropad",
        "keymap": "mine",
        "layout": "LAYOUT_wide",
        "layers": [["KC_A", "KC_B", "MO(1)", "ANY(S(KC_C))", "KC_D"], ["KC_TRNS"] * 5],
        "config": {"tapping": {"term": 99}, "features": {"command": True}},
    }
    path = tmp_path / "keymap.json"
    path.write_text(json.dumps(keymap))
    tree.qmk("compile", "-n", str(path))
    folder = tree.root / ".build/obj_demo_pad6_mine/src"
    assert {path.name for path in folder.iterdir()} == {
        "default_keyboard.c",
        "default_keyboard.h",
        "info_config.h",
        "info_rules.mk",
        "keymap.json",
        "version.h",
    }
    lines = tree.qmk("json2c", str(path)).splitlines()
    assert "    [0] = LAYOUT_wide(KC_A, KC_B, MO(1), S(KC_C), KC_D)," in lines
    assert "    [1] = LAYOUT_wide(KC_TRNS, KC_TRNS, KC_TRNS, KC_TRNS, KC_TRNS)," in lines
    assert "#define TAPPING_TERM 99" in tree.qmk("generate-config-h", str(path))
    assert "COMMAND_ENABLE := yes" in tree.qmk("generate-rules-mk", str(path))


def test_only_the_make_keycode_brings_the_name_of_the_keymap_into_the_code(
    tree: Tree, tmp_path: Path
) -> None:
    keymap = {"keyboard": "demo/pad6", "keymap": "mine", "layout": "LAYOUT_wide"}
    for key, expected in (("KC_A", False), ("QK_MAKE", True)):
        path = tmp_path / f"{key}.json"
        path.write_text(
            json.dumps({**keymap, "layers": [[key, "KC_NO", "KC_NO", "KC_NO", "KC_NO"]]})
        )
        assert ("QMK_KEYMAP" in tree.qmk("json2c", str(path))) is expected


def test_every_source_file_names_its_license() -> None:
    folders = ("builddefs", "keyboards", "platforms", "quantum")
    sources = [path for folder in folders for path in (SOURCE / folder).rglob("*.*")]
    code = [path for path in sources if path.suffix in {".awk", ".c", ".h", ".mk"}]
    assert code
    for path in code:
        assert "SPDX-License-Identifier: Apache-2.0" in path.read_text().splitlines()[0], path
