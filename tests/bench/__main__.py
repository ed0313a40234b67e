"""Print the figures of docs/benchmarks.md: all of them, or those of the benches that are named.

Bounded in count and time; all traffic stays on this machine. Nothing here passes or fails.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.settings import Settings
from tests.bench import cluster, paths, polls, refresh, site, source_archive, watchers
from tests.bench.api_servers import running_system
from tests.bench.figures import HEADER
from tests.bench.load_generator import LoadGenerator, load_generator
from tests.integration.api_process import ApiSystem

ApiBench = Callable[[ApiSystem, LoadGenerator], Iterator[str]]
API: Mapping[str, ApiBench] = {
    "polls": polls.figures,
    "source": source_archive.figures,
    "site": site.figures,
    # Last: what an API process takes for them comes on top of the site that it holds.
    "watchers": watchers.figures,
}
#: Those of a whole firmware tree, which `make demo FIRMWARE=<folder>` publishes.
FIRMWARE = ("paths", "refresh")
NAMES = ("cluster", *FIRMWARE, *API)
KEYBOARD = "clueboard/66/rev3"


def machine() -> str:
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release}, load {load:.1f} at the start"


def figures(names: Sequence[str], tree: Path | None) -> Iterator[str]:
    yield machine()
    yield HEADER
    if "cluster" in names:
        yield from cluster.figures()
    if "paths" in names:
        yield from paths.figures()
    if "refresh" in names and tree is not None:
        yield from refresh.figures(tree, KEYBOARD)
    chosen = [bench for name, bench in API.items() if name in names]
    if chosen:
        load = load_generator()
        with running_system() as system:
            for bench in chosen:
                yield from bench(system, load)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(NAMES)}")
    firmware = Settings.from_environment().firmware
    tree = Path(firmware) if firmware else None
    names = parser.parse_args().names or [name for name in NAMES if tree or name not in FIRMWARE]
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}: use {', '.join(NAMES)}")
    if "refresh" in names and (tree is None or not tree.is_dir()):
        parser.error("FIRMWARE=<folder> must say which tree to refresh")
    try:
        for line in figures(names, tree):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
