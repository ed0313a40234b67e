"""A keyboard's layout in the form of QMK's info.json, spaced as people have pasted it for years."""

import json

from qmk_api.converting.kle import Key, Layout


def layout_text(layout: Layout) -> str:
    """JSON, with all keys on one line; lines that go on end in a blank."""
    keys = json.dumps(
        [_fields(key) for key in layout.keys], separators=(", ", ":"), ensure_ascii=False
    )
    return "\n".join(
        (
            "{",
            f'    "keyboard_name": {json.dumps(layout.name, ensure_ascii=False)}, ',
            '    "url": "", ',
            '    "maintainer": "qmk", ',
            '    "layouts": {',
            '        "LAYOUT": {',
            f'            "layout": {keys}',
            "        }",
            "    }",
            "}",
        )
    )


def _fields(key: Key) -> dict[str, str | float]:
    fields: dict[str, str | float] = {"label": key.label} if key.label else {}
    fields |= {"x": _plain(key.x), "y": _plain(key.y)}
    fields |= {name: _plain(size) for name, size in (("w", key.w), ("h", key.h)) if size != 1}
    if key.r:
        fields |= {"r": _plain(key.r), "rx": _plain(key.rx), "ry": _plain(key.ry)}
    return fields


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number
