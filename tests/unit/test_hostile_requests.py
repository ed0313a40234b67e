"""Requests that would become C, make's text, options or paths: refused before any pod starts.

What becomes of the same when it gets into a build all the same: test_hostile_builds.
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from qmk_contract.errors import RequestError
from qmk_contract.keymap import normalise_keymap, sanitise_name
from qmk_contract.patterns import KEYBOARD_PATTERN, NAME_PATTERN

SECRET = "/etc/passwd"
KEYCODES = {
    "include": f'#include "{SECRET}"',
    "include-on-its-own-line": f'KC_A)}};\n#include "{SECRET}"\n',
    "include-after-carriage-return": f'KC_A\r#include "{SECRET}"',
    "include-by-digraph": f"%:include <{SECRET}>",
    "include-by-trigraph": f'??=include "{SECRET}"',
    "include-by-line-splice": f'#inc\\\nlude "{SECRET}"',
    "include-after-comment": f'#/**/include "{SECRET}"',
    "pragma": '_Pragma("GCC dependency \\"/etc/passwd\\"")',
    "has-include": f'__has_include("{SECRET}")',
    "embed": f'#embed "{SECRET}"',
    "incbin": f'asm(".incbin \\"{SECRET}\\"")',
    "file-name": "__FILE__",
    "assembler": "__asm__(.space 1)",
    "statement-expression": "({ KC_A; })",
    "end-of-layer": "KC_A), [1] = LAYOUT(KC_B",
    "comment": "KC_A /*",
    "string": '"x"',
    "make": "$(shell id)",
    "shell": "`id`",
    "nul": "KC_A\0",
    "line-separator": "KC_A\u2028#include",
    "escape": "KC_A\x1b[2J",
}
FIELDS: dict[str, Mapping[str, Any]] = {
    "make-in-config": {"config": {"bootmagic": {"x": "$(shell id)"}}},
    "make-as-config-name": {"config": {"$(shell id)": True}},
    "shell-in-config": {"config": {"build": {"debounce_type": "x; id"}}},
    "option-in-config": {"config": {"build": {"debounce_type": "-fplugin=x"}}},
    "specs-in-config": {"config": {"processor": "-specs=/tmp/x"}},
    "wrapper-in-config": {"config": {"processor": "x -wrapper sh,-c,id"}},
    "response-file-in-config": {"config": {"processor": "@/etc/passwd"}},
    "lines-in-config": {"config": {"keyboard_name": "x\ninclude /etc/passwd"}},
    "define-in-config": {"config": {"manufacturer": 'x"\n#include "/etc/passwd'}},
    "path-in-config": {"config": {"bootloader": "../../x"}},
    "converter-with-slash": {"converter": "../../../etc"},
    "converter-with-make": {"converter": "$(shell id)"},
    "converter-of-two-words": {"converter": "promicro -B/tmp"},
    "module-with-dots": {"modules": ["../../../etc"]},
    "module-of-the-root": {"modules": ["/etc"]},
    "module-with-make": {"modules": ["qmk/$(shell id)"]},
    "host-language-with-path": {"host_language": "../../x"},
    "encoder-with-include": {"encoders": [[{"cw": f'#include "{SECRET}"', "ccw": "KC_A"}]]},
    "dip-switch-with-include": {"dip_switches": [f'KC_A\n#include "{SECRET}"']},
    "keycode-name-with-define": {"keycodes": [{"key": f'X\n#include "{SECRET}"'}]},
    "keycode-alias-with-code": {"keycodes": [{"key": "X", "aliases": ["Y = 1}; int z = {"]}]},
    "macro-keycode-with-code": {"macros": [[{"action": "tap", "keycodes": ["A); system("]}]]},
    "macro-duration-with-code": {"macros": [[{"action": "delay", "duration": "1); x("}]]},
    "macro-action-with-code": {"macros": [[{"action": "tap);#include"}]]},
    "macro-with-nul": {"macros": [["a\0b"]]},
    "deep": {"config": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]]]]]]]]]]]]}},
}


def refused(keymap: Mapping[str, Any]) -> bool:
    try:
        normalise_keymap(keymap)
    except RequestError:
        return True
    return False


@pytest.mark.parametrize("keycode", KEYCODES.values(), ids=KEYCODES.keys())
def test_no_keycode_opens_anything(keycode: str) -> None:
    keymap = {"layout": "LAYOUT", "layers": [["KC_A", keycode]]}
    assert refused(keymap)
    wrapped = {"layout": "LAYOUT", "layers": [["KC_A", f"ANY({keycode})"]]}
    assert refused(wrapped)


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_no_field_becomes_text_of_make_or_a_path(fields: Mapping[str, Any]) -> None:
    assert refused({"layout": "LAYOUT", "layers": [["KC_A"]], **fields})


def test_what_is_left_out_cannot_become_anything() -> None:
    text = f'"\n#include "{SECRET}"'
    fields = {"keycodes": [{"key": "X", "label": text}], "config": {"url": text, "tags": [text]}}
    keymap = normalise_keymap({"layout": "LAYOUT", "layers": [["KC_A"]], **fields})
    assert keymap.fields == {"keycodes": [{"key": "X"}], "config": {}}


@pytest.mark.parametrize("layout", ["LAYOUT(", "LAYOUT\n#", "../x", "$(x)", "L" * 200, ""])
def test_no_layout_is_more_than_a_name(layout: str) -> None:
    assert refused({"layout": layout, "layers": [["KC_A"]]})


@pytest.mark.parametrize("name", ["../../x", "-rf", "$(shell id)", "a b", "a\nb", "", "\0", "x/y"])
def test_a_keymap_name_is_reduced_to_a_word(name: str) -> None:
    assert re.fullmatch(NAME_PATTERN, sanitise_name(name))


@pytest.mark.parametrize("keyboard", ["../x", "/x", "a//b", "a/../b", "$(x)", "a b", "a\n"])
def test_no_keyboard_leads_out_of_its_folder(keyboard: str) -> None:
    assert re.fullmatch(KEYBOARD_PATTERN, keyboard) is None
