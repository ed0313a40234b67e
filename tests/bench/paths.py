"""Builds of real keyboards by each path, over HTTP and in the pod, and how many an hour.

The channel of the local cluster must be a real tree: `make demo FIRMWARE=<folder>`.
"""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from qmk_contract.phases import Phase
from qmk_contract.result import Step
from tests.bench.cluster import URL, finish
from tests.bench.figures import row
from tests.e2e.kubectl import Kubectl, local_kubectl
from tests.e2e.service import Service
from tests.waiting import wait_for

#: AVR, AVR with link-time optimisation, STM32 and RP2040.
KNOWN = ("clueboard/66/rev3", "crkbd/rev1", "planck/rev6_drop", "1upkeyboards/pi60")
CODES = ("KC_A", "KC_1", "KC_ENT", "KC_TRNS", "MO(1)", "LT(2,KC_SPC)", "LCTL_T(KC_A)", "S(KC_B)")
LAYERS = 4
FAST_BUILDS = 30
UNKNOWN_BOARDS = 12
WARM_BUILDS = 120
CALLERS = 6
SEED = 20261124
WORK = (Step.FETCH, Step.UNPACK, Step.GENERATE, Step.COMPILE, Step.LINK, Step.COLLECT)


@dataclass(frozen=True)
class Board:
    """A keyboard of the channel, and one of its layouts."""

    name: str
    layout: str
    keys: int

    def keymap(self) -> dict[str, Any]:
        """A keymap that was never built."""
        rows = [random.choices(CODES, k=self.keys) for _ in range(LAYERS)]
        return {"keyboard": self.name, "keymap": "bench", "layout": self.layout, "layers": rows}


@dataclass(frozen=True)
class Bench:
    """The service, the cluster that it runs on, and the keyboards of its channel."""

    service: Service
    kubectl: Kubectl
    keyboards: dict[str, dict[str, Any]]

    def board(self, name: str) -> Board:
        layouts = self.keyboards[name]["layouts"]
        layout = sorted(layouts)[0]
        return Board(name, layout, len(layouts[layout]["layout"]))

    def build(self, board: Board) -> tuple[float, dict[str, Any]]:
        """Seconds from POST to finished, and the result of a build that went well."""
        seconds, reply = finish(self.service, board.keymap())
        assert reply["status"] == "finished", reply
        assert not reply["is_failed"], reply
        return seconds, reply["result"]

    def wait_idle(self) -> None:
        """Nothing is built, and no record of a keyboard is being made."""

        def idle() -> bool:
            jobs = self.kubectl.items("compilejobs")
            return all(Phase(job.get("status", {}).get("phase", "Pending")).final for job in jobs)

        wait_for("all CompileJobs to end", idle, seconds=600, interval=1)


def figures() -> Iterator[str]:
    with httpx.Client(timeout=60, trust_env=False) as http:
        known = http.get(f"{URL}/v1/keyboards.json").raise_for_status().json()["keyboards"]
        bench = Bench(Service(URL, http), local_kubectl(), known)
        boards = [bench.board(name) for name in KNOWN if name in known]
        yield from _unknown(bench)
        for board in boards:
            yield from _fast(bench, board)
        yield from _warm(bench, boards)


def _unknown(bench: Bench) -> Iterator[str]:
    """Keyboards of which there is no record yet, each asked for once."""
    avr = sorted(
        name
        for name, info in bench.keyboards.items()
        if info.get("platform_key") == "avr" and info.get("layouts") and name not in KNOWN
    )
    seconds: dict[str, list[float]] = {}
    for name in random.Random(SEED).sample(avr, UNKNOWN_BOARDS):
        bench.wait_idle()
        took, result = bench.build(bench.board(name))
        seconds.setdefault(result["path"], []).append(took)
    for path, samples in seconds.items():
        yield row(f"unknown AVR keyboard, POST -> finished, {path} path", samples)


def _fast(bench: Bench, board: Board) -> Iterator[str]:
    bench.build(board)
    bench.wait_idle()
    totals: list[float] = []
    works: list[float] = []
    steps: dict[str, list[float]] = {}
    others = 0
    for _ in range(FAST_BUILDS):
        # Else the end of the last pod takes time of this one.
        bench.wait_idle()
        took, result = bench.build(board)
        others += result["path"] != "fast"
        times = result["times"]
        totals.append(took)
        works.append(sum(times.get(step, 0) for step in WORK) / 1000)
        for name, milliseconds in times.items():
            steps.setdefault(name, []).append(milliseconds / 1000)
    yield row(f"{board.name}, POST -> finished", totals, f"{others} not by the fast path")
    yield row("  in the pod, from its start to the firmware", works)
    for name, samples in steps.items():
        yield row(f"  {name}", samples)


def _warm(bench: Bench, boards: Sequence[Board]) -> Iterator[str]:
    """All slots busy all the time, keyboards in turn."""
    bench.wait_idle()
    started = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        turns = [boards[number % len(boards)] for number in range(WARM_BUILDS)]
        results = [result for _, result in pool.map(bench.build, turns)]
    seconds = time.monotonic() - started
    fast = sum(result["path"] == "fast" for result in results)
    yield (
        f"warm builds: {WARM_BUILDS} in {seconds:.1f} s, {WARM_BUILDS / seconds * 3600:.0f} an hour"
        f" ({fast} by the fast path; {len(boards)} keyboards, {CALLERS} callers)"
    )
