"""Build keymaps by every path and by a plain ``qmk compile`` in a checkout, and compare the bytes.

The tree needs the output of its own ``qmk generate-api`` (``--site``), which says which boards it
has. The exit code is 1 if a single build differs.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from qmk_contract.result import BuildPath
from tests.equality import boards, keymaps, workplace
from tests.equality.boards import Board
from tests.equality.checkout import Checkout, document
from tests.equality.comparison import Comparison, ServiceBuild, faults, table
from tests.equality.memory import Memory
from tests.equality.service_builds import ServiceBuilds, Snapshot
from tests.http_storage import http_storage


@dataclass(frozen=True)
class Worker:
    """Builds one board at a time, in folders of its own."""

    checkout: Checkout
    service: ServiceBuilds
    memory: Memory
    seed: int

    def compare(self, board: Board, variants: Sequence[str]) -> list[Comparison]:
        record = self.service.record(board)
        found = []
        for variant in variants:
            body = document(board, keymaps.keymap(board, variant, self.seed))
            plain = self.memory.recall("plain", body, lambda body=body: self.checkout.compile(body))  # type: ignore[misc]
            offered = {}
            for path in BuildPath:
                if path is not BuildPath.FULL and record is None:
                    continue
                built, result = self.service.compile(board, body, path, record)
                offered[path] = ServiceBuild(
                    built, result.path if result else None, result.times if result else {}
                )
            found.append(Comparison(board.name, board.family, variant, plain, offered))
        return found


def main() -> int:
    options = _options()
    every = boards.read_boards(options.site or options.tree / ".build" / "api_data")
    names = [name for name in f"{options.keyboards},{options.also}".split(",") if name]
    if unknown := set(names) - {board.name for board in every}:
        sys.stderr.write(f"the tree has no {', '.join(sorted(unknown))}\n")
        return 2
    chosen = [] if options.keyboards else boards.sample(every, options.sample, options.seed)
    drawn = {board.name for board in chosen}
    chosen += [board for board in every if board.name in names and board.name not in drawn]
    order = [board.name for board in chosen]
    variants = {name: [] for name in order}  # type: dict[str, list[str]]
    for board, variant in keymaps.assign(chosen, options.keymaps):
        variants[board.name].append(variant)
    if not workplace.claim(options.work, options.tree, options.path):
        sys.stderr.write(
            f"{options.work} has builds of another tree, of this one as it was, or by other "
            "compilers: remove it, or name another folder with --work\n"
        )
        return 2
    first = order.index(options.start) if options.start in order else 0
    found: list[Comparison] = []
    for comparisons in _compare(options, chosen[first:], variants):
        for item in comparisons:
            found.append(item)
            paths = ", ".join(f"{build.path}" for build in item.offered.values())
            verdict = "same" if item.same else "DIFFERENT"
            _say(f"{len(found)}: {item.board} {item.variant} ({item.family}): {verdict}, {paths}")
    _say("")
    for line in (*table(found), "", *faults(found)):
        _say(line)
    return 0 if all(item.same for item in found) else 1


def _compare(
    options: argparse.Namespace, chosen: Sequence[Board], variants: dict[str, list[str]]
) -> Iterator[list[Comparison]]:
    work: Path = options.work
    with http_storage() as storage, ThreadPoolExecutor(options.jobs) as pool:
        snapshot = Snapshot(options.tree, work / "layers", storage)
        idle: SimpleQueue[Worker] = SimpleQueue()
        for number in range(options.jobs):
            folder = work / f"worker-{number}"
            folder.mkdir(exist_ok=True)
            idle.put(
                Worker(
                    Checkout(options.tree, folder, options.path),
                    ServiceBuilds(snapshot, folder, options.path),
                    Memory(work / "memory"),
                    options.seed,
                )
            )

        def compare(board: Board) -> list[Comparison]:
            worker = idle.get()
            try:
                return worker.compare(board, variants[board.name])
            finally:
                idle.put(worker)

        yield from pool.map(compare, chosen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.equality", description=__doc__)
    parser.add_argument("tree", type=Path, help="a firmware tree, with its submodules")
    parser.add_argument("--site", type=Path, help="what qmk generate-api wrote, if not there")
    parser.add_argument("--sample", type=int, default=100, help="boards to draw (100)")
    parser.add_argument("--seed", type=int, default=1, help="of boards and keymaps (1)")
    parser.add_argument("--keyboards", default="", help="these instead, separated by commas")
    parser.add_argument("--also", default="", help="these besides, separated by commas")
    parser.add_argument("--start", help="the first of them, where an earlier run broke off")
    parser.add_argument("--keymaps", type=int, default=1, help="keymaps for each board (1)")
    parser.add_argument("--jobs", type=int, default=2, help="boards at a time (2)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir(), "qmk-equality"))
    ours = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    parser.add_argument("--path", default=ours, help="where qmk and compilers are")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
