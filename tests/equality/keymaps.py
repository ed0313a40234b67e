"""Keymaps that between them use every keycode family and every field of QMK's keymap schema."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qmk_contract.keymap import Keymap, normalise_keymap
from tests.equality.boards import Board

Body = dict[str, Any]

BASIC = (
    *("KC_A", "KC_1", "KC_ENT", "KC_F13", "KC_P0", "KC_PDOT", "KC_LCTL", "KC_INT1", "KC_LNG2"),
    *("KC_MUTE", "KC_VOLU", "KC_MNXT", "KC_BRIU", "KC_MAIL", "KC_WBAK", "KC_PWR", "KC_SLEP"),
    *("MS_UP", "MS_BTN1", "MS_WHLU", "MS_ACL0", "KC_TRNS", "KC_NO", "XXXXXXX", "_______"),
    *("KC_TILD", "KC_LPRN", "KC_PIPE", "KC_DQUO"),
)
MODIFIED = (
    *("LCTL(KC_A)", "LSFT(KC_1)", "RALT(KC_E)", "LGUI(KC_L)", "C(KC_C)", "S(KC_B)", "A(KC_F4)"),
    *("G(KC_TAB)", "HYPR(KC_H)", "MEH(KC_M)", "LCA(KC_DEL)", "LSA(KC_X)", "RCS(KC_Z)"),
    *("SGUI(KC_S)", "LCAG(KC_K)", "LCTL(LSFT(LALT(KC_ESC)))", "LCTL_T(KC_A)", "RSFT_T(KC_SPC)"),
    *("LALT_T(KC_F)", "RGUI_T(KC_J)", "C_S_T(KC_ENT)", "MEH_T(KC_M)", "HYPR_T(KC_TAB)"),
    *("MT(MOD_LCTL|MOD_LSFT,KC_ESC)", "MT(MOD_HYPR, KC_Q)", "OSM(MOD_LSFT)"),
    *("OSM(MOD_MEH)", "SH_T(KC_B)", "LT(0,KC_NO)", "UC(0x00E4)", "TD(0)", "PDF(0)"),
)
#: Forms that name a layer, for a keymap that has it.
LAYERED = (
    *("MO({0})", "TG({0})", "TT({0})", "TO({0})", "DF({0})", "OSL({0})", "LT({0},KC_SPC)"),
    *("LM({0},MOD_LALT)", "LT({0}, KC_BSPC)", "PDF({0})"),
)


def plain(board: Board, draw: random.Random) -> Body:
    return _body(board, 1, BASIC, draw)


def families(board: Board, draw: random.Random) -> Body:
    """Some of every group that the tree's own list of keycodes has, and of every form."""
    groups = [draw.sample(group, min(len(group), 8)) for group in board.keycodes]
    return _body(board, 4, (*(code for group in groups for code in group), *MODIFIED), draw)


def layers(board: Board, draw: random.Random) -> Body:
    body = _body(board, 16, BASIC + MODIFIED, draw)
    for number, row in enumerate(body["layers"]):
        row[draw.randrange(len(row))] = draw.choice(LAYERED).format((number + 1) % 16)
    return body


def macros(board: Board, draw: random.Random) -> Body:
    body = _body(board, 2, (*BASIC, "QK_MACRO_0", "MC_1", "MC_2"), draw)
    return body | {
        "macros": [
            [
                "Hello, World! \t\\ \"quoted\" 'it' %d {} $HOME",
                {"action": "tap", "keycodes": ["ENT"]},
            ],
            [
                {"action": "down", "keycodes": ["LCTL", "LSFT"]},
                {"action": "tap", "keycodes": ["T"]},
                {"action": "delay", "duration": 150},
                {"action": "up", "keycodes": ["LSFT", "LCTL"]},
                {"action": "beep"},
            ],
            [draw.choice(["a", "ab\nc", "0123"]) * draw.randrange(1, 9)],
        ]
    }


def language(board: Board, draw: random.Random) -> Body:
    prefix, name = draw.choice([("DE_", "german"), ("FR_", "french"), ("JP_", "japanese")])
    codes = tuple(f"{prefix}{letter}" for letter in "ABCXYZ1")
    body = _body(board, 2, codes + BASIC, draw)
    return body | {"host_language": name, "macros": [["Yes, it is."], ["xyz"]]}


def encoders(board: Board, draw: random.Random) -> Body:
    body = _body(board, 2, BASIC, draw)
    turns = [
        [
            {"ccw": draw.choice(("KC_VOLD", "MS_WHLU")), "cw": draw.choice(("KC_VOLU", "KC_RGHT"))}
            for _ in range(board.encoders)
        ]
        for _ in body["layers"]
    ]
    return body | {"encoders": turns, "config": {"features": {"encoder_map": True}}}


def config(board: Board, draw: random.Random) -> Body:
    tapping = {"term": draw.randrange(100, 300), "hold_on_other_key_press": draw.random() < 0.5}
    body = _body(board, 2, BASIC + MODIFIED, draw)
    return body | {"config": {"tapping": tapping, "oneshot": {"timeout": 3000}}}


def features(board: Board, draw: random.Random) -> Body:
    chosen = draw.sample(("caps_word", "repeat_key", "mousekey", "extrakey", "tri_layer"), 2)
    body = _body(board, 2, BASIC + MODIFIED, draw)
    return body | {"config": {"features": dict.fromkeys(chosen, True)}}


def custom_keycodes(board: Board, draw: random.Random) -> Body:
    body = _body(board, 2, (*BASIC, "MY_KEY", "MY_K2", "OTHER"), draw)
    return body | {
        "keycodes": [{"key": "MY_KEY"}, {"key": "MY_OTHER", "aliases": ["OTHER", "MY_K2"]}]
    }


def modules(board: Board, draw: random.Random) -> Body:
    return _body(board, 2, BASIC, draw) | {"modules": ["qmk/super_alt_tab"]}


def nulls(board: Board, draw: random.Random) -> Body:
    body = _body(board, 3, BASIC, draw)
    body["layers"][1] = None
    body["layers"][2] = [None if draw.random() < 0.5 else code for code in body["layers"][2]]
    return body


def broken(board: Board, draw: random.Random) -> Body:
    """No keycode that any tree knows: the verdicts must be the same."""
    body = _body(board, 2, BASIC, draw)
    body["layers"][1][draw.randrange(len(body["layers"][1]))] = "KC_NO_SUCH_KEY"
    return body


def large(board: Board, draw: random.Random) -> Body:
    """More than a small microcontroller's flash can hold."""
    body = _body(board, 1, BASIC, draw)
    letters = draw.sample("abcdefghijklmnopqrstuvwxyz", 16)
    return body | {"macros": [[letter * 2048] for letter in letters]}


def converter(board: Board, draw: random.Random) -> Body:
    """Another controller board in the place of the one that the keyboard is made for."""
    return _body(board, 2, BASIC, draw) | {"converter": draw.choice(("rp2040_ce", "stemcell"))}


Variant = Callable[[Board, random.Random], Body]
VARIANTS: Mapping[str, Variant] = {
    "plain": plain,
    "families": families,
    "layers": layers,
    "macros": macros,
    "language": language,
    "encoders": encoders,
    "config": config,
    "features": features,
    "keycodes": custom_keycodes,
    "modules": modules,
    "nulls": nulls,
    "broken": broken,
    "large": large,
    "converter": converter,
}
#: Not for every board, or not worth a turn of their own.
_BY_BOARD = frozenset({"encoders", "large", "converter"})


def keymap(board: Board, variant: str, seed: int) -> Keymap:
    """A board's keymap of one kind, normalised as the service does; the same for the same seed."""
    draw = random.Random(f"{seed} {board.name} {variant}")
    return board.keyboard.check(normalise_keymap(VARIANTS[variant](board, draw)))


def assign(boards: Sequence[Board], each: int) -> list[tuple[Board, str]]:
    """So many kinds of keymaps for each board, all kinds in turn; encoders first where any are.

    Some boards have one more: for another controller board where they can be, or too large a one.
    """
    others = [name for name in VARIANTS if name not in _BY_BOARD]
    turn = replaceable = 0
    chosen: list[tuple[Board, str]] = []
    for number, board in enumerate(boards):
        kinds = ["encoders"] if board.encoders and number % 2 else []
        while len(kinds) < min(each, len(others)):
            kinds.append(others[turn % len(others)])
            turn += 1
        if number % 8 == 0:
            kinds.append("large")
        if board.pins:
            replaceable += 1
            kinds += ["converter"] if replaceable % 3 == 1 else []
        chosen += [(board, kind) for kind in kinds]
    return chosen


def _body(board: Board, layer_count: int, codes: Sequence[str], draw: random.Random) -> Body:
    layouts = board.keyboard.layouts
    layout = draw.choice(sorted(name for name, keys in layouts.items() if keys))
    keys = layouts[layout]
    # All of them, as far as there are keys, before any comes twice.
    supply: list[str] = []
    while len(supply) < layer_count * keys:
        supply += draw.sample(codes, len(codes))
    rows = [supply[number * keys : (number + 1) * keys] for number in range(layer_count)]
    return {"layout": layout, "layers": rows}
