"""The boards of a firmware tree, as its own ``qmk generate-api`` describes them, and samples."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.keyboards import Keyboard, keyboard_from_info


@dataclass(frozen=True)
class Board:
    """A keyboard, its microcontroller, its encoders, and its tree's keycodes by group.

    ``pins``: the controller board that another can replace, or nothing.
    """

    keyboard: Keyboard
    processor: str
    protocol: str
    encoders: int = 0
    keycodes: tuple[tuple[str, ...], ...] = ()
    pins: str = ""

    @property
    def name(self) -> str:
        return self.keyboard.name

    @property
    def family(self) -> str:
        """What decides how it is built."""
        return f"{self.protocol} {self.processor}"


def read_boards(site: Path) -> list[Board]:
    """All boards of ``keyboards.json`` below a folder that ``qmk generate-api`` wrote.

    Raises:
        OSError, ValueError: there is none, or it has another shape.
    """
    document = json.loads((site / "v1" / "keyboards.json").read_bytes())
    codes = _keycodes(site)
    boards = [_board(name, info, codes) for name, info in sorted(document["keyboards"].items())]
    return [board for board in boards if any(board.keyboard.layouts.values())]


def sample(boards: Iterable[Board], count: int, seed: int) -> list[Board]:
    """So many boards at random: the families take turns, so that rare ones are there too."""
    draw = random.Random(seed)
    families: defaultdict[str, list[Board]] = defaultdict(list)
    for board in boards:
        families[board.family].append(board)
    for members in families.values():
        draw.shuffle(members)
    # Half in turns, the rest as the boards are spread: most people have the common ones.
    chosen = _in_turns([families[name] for name in sorted(families)], count // 2)
    rest = sorted((b for f in families.values() for b in f if b not in chosen), key=_name)
    return sorted(chosen + draw.sample(rest, min(count - len(chosen), len(rest))), key=_name)


def _in_turns(families: Sequence[list[Board]], count: int) -> list[Board]:
    chosen: list[Board] = []
    for turn in range(max(map(len, families), default=0)):
        for members in families:
            if len(chosen) == count:
                return chosen
            if turn < len(members):
                chosen.append(members[turn])
    return chosen


def _name(board: Board) -> str:
    return board.name


def _keycodes(site: Path) -> tuple[tuple[str, ...], ...]:
    versions = [
        (tuple(map(int, match[1].split("."))), path)
        for path in (site / "v1" / "constants").glob("keycodes_*.json")
        if (match := re.fullmatch(r"keycodes_(\d+\.\d+\.\d+)\.json", path.name))
    ]
    if not versions:
        raise ValueError("the site has no list of keycodes")
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for entry in json.loads(max(versions)[1].read_bytes())["keycodes"].values():
        groups[entry.get("group", "")].append(entry["key"])
    return tuple(tuple(groups[name]) for name in sorted(groups))


def _board(name: str, info: dict[str, Any], codes: tuple[tuple[str, ...], ...]) -> Board:
    rotary = (info.get("encoder") or {}).get("rotary") or []
    return Board(
        keyboard=keyboard_from_info(name, {"keyboards": {name: info}}),
        processor=str(info.get("processor", "")),
        protocol=str(info.get("protocol", "")),
        encoders=len(rotary),
        keycodes=codes,
        pins=str(info.get("pin_compatible") or ""),
    )
