"""Calls in keycodes: what QMK's own functions take, and what the 16 bits of a keycode can hold.

Names, numbers of arguments and the masks that make a number silently another one are those of
https://github.com/qmk/qmk_firmware/blob/0.30.0/quantum/quantum_keycodes.h and
quantum_keycodes_legacy.h beside it. Of a function that is not listed nothing is known, so nothing
about it is wrong: keyboards have their own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum


class Argument(Enum):
    """What an argument means; the value is the largest number that fits, None where any may."""

    LAYER_OF_32 = ("layer", 0x1F)
    LAYER_OF_16 = ("layer", 0x0F)
    MODIFIERS = ("modifiers", 0x1F)
    #: Only the lower eight bits are kept: a basic keycode.
    TAP = ("keycode", 0xFF)
    KEYCODE = ("keycode", None)
    CODE_POINT = ("code point", 0x7FFF)
    MAP_INDEX = ("index", 0x3FFF)
    PAIR_INDEX = ("index", 0x7F)
    DANCE = ("tap dance", 0xFF)
    STEP = ("number", None)

    def __init__(self, noun: str, largest: int | None) -> None:
        self.noun = noun
        self.largest = largest

    @property
    def is_layer(self) -> bool:
        return self in (Argument.LAYER_OF_16, Argument.LAYER_OF_32)


@dataclass(frozen=True)
class Call:
    """A function and its arguments, as they stand in a keycode."""

    function: str
    arguments: tuple[str, ...]


@dataclass
class _Open:
    """A parenthesis that is open, ``function`` before it, and the commas of its own."""

    function: str
    start: int
    cuts: list[int] = field(default_factory=list)


_MODIFIED = (
    "LCTL LSFT LALT LGUI LOPT LCMD LWIN C S A G LCS LCA LCG LSA LSG LAG LCSG LCAG LSAG "
    "RCTL RSFT RALT RGUI ALGR ROPT RCMD RWIN RCA RCS RCG RSA RSG RAG RCSG RCAG RSAG HYPR MEH "
    "SGUI SCMD SWIN SAGR"
)
_MOD_TAPS = (
    "LCTL_T LSFT_T LALT_T LGUI_T CTL_T SFT_T ALT_T GUI_T LOPT_T LCMD_T LWIN_T OPT_T CMD_T WIN_T "
    "LCS_T LCA_T LCG_T LSA_T LSG_T LAG_T LCSG_T LCAG_T LSAG_T RCTL_T RSFT_T RALT_T RGUI_T ROPT_T "
    "ALGR_T RCMD_T RWIN_T RCS_T RCA_T RCG_T RSA_T RSG_T RAG_T RCSG_T RCAG_T RSAG_T MEH_T HYPR_T "
    "C_S_T ALL_T SGUI_T SCMD_T SWIN_T SAGR_T SH_T"
)
FUNCTIONS: Mapping[str, tuple[Argument, ...]] = {
    **dict.fromkeys(_MODIFIED.split(), (Argument.KEYCODE,)),
    **dict.fromkeys(_MOD_TAPS.split(), (Argument.TAP,)),
    **dict.fromkeys(("MO", "TO", "TG", "TT", "OSL", "DF", "PDF"), (Argument.LAYER_OF_32,)),
    "LT": (Argument.LAYER_OF_16, Argument.TAP),
    "LM": (Argument.LAYER_OF_16, Argument.MODIFIERS),
    "MT": (Argument.MODIFIERS, Argument.TAP),
    "OSM": (Argument.MODIFIERS,),
    "UC": (Argument.CODE_POINT,),
    "UM": (Argument.MAP_INDEX,),
    "UP": (Argument.PAIR_INDEX, Argument.PAIR_INDEX),
    "TD": (Argument.DANCE,),
    **dict.fromkeys(("SQ_S", "SQ_R", "SQ_T"), (Argument.STEP,)),
}
#: A character of C was taken out before: it may be a parenthesis or a comma.
_TOKEN = re.compile(r"(?:(?P<function>\b[A-Za-z_]\w*) ?)?\(|[\[\]),]")
_INTEGER = re.compile(
    r"(?P<minus>- ?)?(?:0[xX](?P<hex>[0-9A-Fa-f]+)|0[bB](?P<bin>[01]+)|(?P<oct>0[0-7]*)"
    r"|(?P<dec>[1-9][0-9]*))[uUlL]{0,3}"
)


def calls(keycode: str) -> list[Call]:
    """All calls in a keycode with balanced parentheses, outer ones first.

    One pass: a keycode of a stranger's may be nothing but parentheses.
    """
    found: list[tuple[int, Call]] = []
    open_: list[_Open] = []
    for match in _TOKEN.finditer(re.sub(r"'[^']'", "000", keycode)):
        sign, at = match[0], match.start()
        if sign == ",":
            if open_:
                open_[-1].cuts.append(at)
        elif sign in ")]":
            if open_ and (ended := open_.pop()).function:
                cuts = [ended.start, *(cut + 1 for cut in ended.cuts)]
                ends = [*ended.cuts, at]
                parts = [keycode[a:b].strip() for a, b in zip(cuts, ends, strict=True)]
                found.append((ended.start, Call(ended.function, tuple(parts))))
        else:
            open_.append(_Open(match["function"] or "", match.end()))
    return [call for _, call in sorted(found, key=lambda item: item[0])]


def faults(keycode: str) -> Iterator[str]:
    """What is wrong with the calls in a keycode, as ends of sentences."""
    for call in calls(keycode):
        kinds = FUNCTIONS.get(call.function)
        if kinds is None:
            continue
        count = 0 if call.arguments == ("",) else len(call.arguments)
        if count != len(kinds):
            takes = f"{len(kinds)} argument" + ("s" if len(kinds) > 1 else "")
            yield f"has {count} of the {takes} that {call.function} takes"
        elif "" in call.arguments:
            yield f"has an empty argument of {call.function}"
        else:
            yield from _out_of_range(call, kinds)


def layers(keycode: str) -> Iterator[int]:
    """The numbers of the layers that a keycode leads to, where they are written as numbers."""
    for call in calls(keycode):
        for kind, argument in zip(FUNCTIONS.get(call.function, ()), call.arguments, strict=False):
            number = integer(argument) if kind.is_layer else None
            if number is not None:
                yield number


def integer(text: str) -> int | None:
    """The value of an integer constant of C; None for anything else."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    bases = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
    digits, base = next((match[name], base) for name, base in bases.items() if match[name])
    return -int(digits, base) if match["minus"] else int(digits, base)


def _out_of_range(call: Call, kinds: tuple[Argument, ...]) -> Iterator[str]:
    for kind, argument in zip(kinds, call.arguments, strict=True):
        number = integer(argument)
        if kind.largest is None or number is None or 0 <= number <= kind.largest:
            continue
        yield f"has {kind.noun} {argument}: {call.function} can hold 0 to {kind.largest}"
