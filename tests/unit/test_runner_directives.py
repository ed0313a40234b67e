"""Whether a keymap's text asks for other files than the recorded one."""

import pytest

from qmk_runner.workbench.directives import asks_for_the_same

RECORDED = """#include QMK_KEYBOARD_H
#if __has_include("keymap.h")
#    include "keymap.h"
#endif
const uint16_t PROGMEM keymaps[][1][1] = {
    [0] = LAYOUT(KC_NO)
};
"""


def with_key(text: str) -> str:
    return RECORDED.replace("KC_NO", text)


@pytest.mark.parametrize(
    "text",
    [
        "KC_A",
        "LT(1,KC_A)",
        "KC_A, KC_B",
        "X ## Y",
        'SEND_STRING("#include")',
        "KC_A /* # */",
        "KC_A // #include <x>",
        "KC_A),\n    [1] = LAYOUT(KC_B",
        "keyboard_hash(1)",
        "KC_ASM",
    ],
)
def test_other_keys_ask_for_the_same_files(text: str) -> None:
    assert asks_for_the_same(with_key(text), RECORDED)


@pytest.mark.parametrize(
    "text",
    [
        '\n#include "x.h"\n',
        "\n  #  include <x.h>\n",
        "\n#include_next <x.h>\n",
        "\n#import <x.h>\n",
        "\n%:include <x.h>\n",
        "\n??=include <x.h>\n",
        "\n/* */#include <x.h>\n",
        "/*\n*/#include <x.h>\n",
        "/*\n words */ # include <x.h>\n",
        "\\\n#include <x.h>\n",
        "\r#include <x.h>\r",
        "\f#include <x.h>\n",
        "\n#\\\ninclude <x.h>\n",
        "\n#define KC_A 1\n",
        "\n#endif\n",
        '(asm(".incbin \\"a\\""), 1)',
        '(__asm__("nop"), 1)',
        '_Pragma("once") KC_A',
        '".incbin"',
        '".include"',
    ],
)
def test_what_may_reach_a_file_needs_the_tree(text: str) -> None:
    assert not asks_for_the_same(with_key(text), RECORDED)


def test_a_directive_that_is_missing_counts_too() -> None:
    assert not asks_for_the_same(RECORDED.replace("#include QMK_KEYBOARD_H", ""), RECORDED)


def test_the_order_of_directives_counts() -> None:
    lines = RECORDED.splitlines()
    assert not asks_for_the_same("\n".join([lines[1], lines[0], *lines[2:]]), RECORDED)
