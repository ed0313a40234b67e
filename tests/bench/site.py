"""The keyboard site at the size of the real one: lists, one keyboard, all keyboards."""

import random
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import mebibytes, row
from tests.bench.load_generator import LoadGenerator, Target
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
RATE = 1500
SECONDS = 20
FIRST_BYTES = 50
READERS = 50
READER_BYTES_PER_SECOND = 512 << 10
GZIP = {"Accept-Encoding": "gzip"}


def figures(system: ApiSystem, load: LoadGenerator) -> Iterator[str]:
    _publish(system)
    http, api = system.clients[0], system.apis[0]
    paths = ("/v1/keyboard_list.json", f"/v1/keyboards/{KEYBOARD}/info.json")
    tag = http.get(paths[1], headers=GZIP).raise_for_status().headers["ETag"]
    targets = {
        "keyboard_list.json, gzip": Target(api.url + paths[0], GZIP),
        "info.json, gzip": Target(api.url + paths[1], GZIP),
        "info.json, 304": Target(api.url + paths[1], {**GZIP, "If-None-Match": tag}),
    }
    for name, target in targets.items():
        yield load.constant([target], RATE, SECONDS).row(name)
        yield load.flat_out([target], SECONDS).row(f"{name}, 32 callers flat out")
    yield from _all_keyboards(system)


def _all_keyboards(system: ApiSystem) -> Iterator[str]:
    api = system.apis[0]
    url = f"{api.url}/v1/keyboards.json"
    plain = int(system.clients[0].head(url).raise_for_status().headers["Content-Length"])
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


def _publish(system: ApiSystem) -> None:
    """Put a large site in the place of the small one, and let the API process begin with it."""
    draw = random.Random(0)
    infos = {
        f"vendor{number % 400:03}/board{number:04}": _info(draw) for number in range(KEYBOARDS)
    }
    files = site_files()
    names = sorted([KEYBOARD, *infos])
    files["v1/keyboard_list.json"] = compact({"last_updated": LAST_UPDATED, "keyboards": names})
    files["v1/keyboards.json"] = compact({"last_updated": LAST_UPDATED, "keyboards": infos})
    files[f"v1/keyboards/{KEYBOARD}/info.json"] = compact(
        {"last_updated": LAST_UPDATED, "keyboards": {KEYBOARD: _info(draw)}}
    )
    publish_site(system.s3, system.commit, files)
    api = system.apis[0]
    api.kill()
    api.start()
    api.wait_ready()


def _info(draw: random.Random) -> dict[str, Any]:
    """What the site has about a keyboard: two layouts of some 70 keys."""
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
                for key in range(draw.randint(60, 80))
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
