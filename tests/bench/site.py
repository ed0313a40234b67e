"""The keyboard site at the size of the real one: lists, one keyboard, all keyboards."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.figures import mebibytes, row
from tests.bench.load_generator import CONNECTIONS, LoadGenerator, Target
from tests.bench.memory import watched
from tests.bench.readers import read_in_turn, read_slowly
from tests.integration.api_process import ApiSystem
from tests.integration.published import (
    KEYBOARD,
    LAST_UPDATED,
    compact,
    publish_site,
    site_files,
)

#: About what the real tree has, and what its `keyboards.json` takes: 35 MB.
KEYBOARDS = 3800
VENDORS = 400
ASKED_FOR = 100
RATE = 1500
SECONDS = 20
FIRST_BYTES = 50
READERS = 50
READER_BYTES_PER_SECOND = 512 << 10
GZIP = {"Accept-Encoding": "gzip"}


def figures(system: ApiSystem, load: LoadGenerator) -> Iterator[str]:
    names = _publish(system)
    http, api = system.clients[0], system.apis[0]
    keyboard_list = f"{api.url}/v1/keyboard_list.json"
    infos = [f"{api.url}/v1/keyboards/{name}/info.json" for name in names[:ASKED_FOR]]
    tags = [http.get(info, headers=GZIP).raise_for_status().headers["ETag"] for info in infos]
    asked = {
        "keyboard_list.json, gzip": [Target(keyboard_list, GZIP)],
        f"info.json of {ASKED_FOR} keyboards, gzip": [Target(info, GZIP) for info in infos],
        "  304": [
            Target(info, {**GZIP, "If-None-Match": tag})
            for info, tag in zip(infos, tags, strict=True)
        ],
    }
    for name, targets in asked.items():
        yield load.constant(targets, RATE, SECONDS).row(name)
        yield load.flat_out(targets, SECONDS).row(f"{name}, {CONNECTIONS} callers flat out")
    yield from _all_keyboards(system)


def _all_keyboards(system: ApiSystem) -> Iterator[str]:
    api = system.apis[0]
    url = f"{api.url}/v1/keyboards.json"
    head = system.clients[0].head(url, headers={"Accept-Encoding": "identity"})
    plain = int(head.raise_for_status().headers["Content-Length"])
    reads = read_in_turn(url, GZIP, FIRST_BYTES)
    size = reads[0].size
    first_bytes = [each.first_byte for each in reads]
    sizes = f"{mebibytes(size)} of {mebibytes(plain)}"
    yield row("keyboards.json, gzip: first byte", first_bytes, sizes)
    with watched(api.memory_bytes) as peak:
        slow = read_slowly(url, GZIP, READERS, READER_BYTES_PER_SECOND)
    assert {each.size for each in slow} == {size}
    yield row(f"  {READERS} slow readers at once: first byte", [each.first_byte for each in slow])
    yield (
        f"  memory of the process: {mebibytes(peak.before)} before, "
        f"{mebibytes(peak.extra)} more with {READERS} readers"
    )


def _publish(system: ApiSystem) -> Sequence[str]:
    """Put a large site in the place of the small one, and let the API process begin with it.

    Returns the names of its keyboards.
    """
    draw = random.Random(0)
    infos = {f"vendor{number % VENDORS}/board{number}": _info(draw) for number in range(KEYBOARDS)}
    files = site_files()
    documents: dict[str, Mapping[str, Any] | Sequence[str]] = {
        f"keyboards/{name}/info.json": {name: info} for name, info in infos.items()
    }
    documents |= {"keyboards.json": infos, "keyboard_list.json": sorted([KEYBOARD, *infos])}
    for path, keyboards in documents.items():
        files[f"v1/{path}"] = compact({"last_updated": LAST_UPDATED, "keyboards": keyboards})
    publish_site(system.s3, system.commit, files)
    api = system.apis[0]
    api.kill()
    api.start()
    api.wait_ready()
    return list(infos)


def _info(draw: random.Random) -> dict[str, Any]:
    """What the site has about a keyboard: two layouts of some 85 keys."""
    layouts = {
        f"LAYOUT_{draw.choice('abcdefgh')}{number}": {
            "c_macro": False,
            "json_layout": True,
            "layout": [
                {
                    "label": draw.choice(("Esc", "Tab", "A", "Shift", "Enter", "Fn")),
                    "matrix": [key // 15, key % 15],
                    "w": draw.choice((1, 1, 1, 1.25, 1.5, 2.25)),
                    "x": key % 15 + draw.choice((0, 0.25, 0.5)),
                    "y": key // 15,
                }
                for key in range(draw.randint(75, 95))
            ],
        }
        for number in range(2)
    }
    return {
        "keyboard_name": f"Board {draw.getrandbits(32):08x}",
        "layouts": layouts,
        "matrix_pins": {
            "cols": [f"{draw.choice('BCDEF')}{draw.randint(0, 7)}" for _ in range(15)],
            "rows": [f"{draw.choice('BCDEF')}{draw.randint(0, 7)}" for _ in range(5)],
        },
        "platform_key": "avr",
        "processor": "atmega32u4",
        "usb": {"vid": "0xFEED", "pid": f"0x{draw.getrandbits(16):04X}"},
    }
