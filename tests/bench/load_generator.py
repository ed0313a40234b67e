"""Requests at a constant rate: vegeta, built once from the Go module proxy and kept in the cache.

The load is an open one: a request leaves when it is due, however late the replies to earlier ones
are, so that a server that stalls is charged for everyone whom it kept waiting.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qmk_local.go_programs import content_key
from qmk_local.go_toolchain import find_toolchain
from qmk_local.settings import Settings, process_environment
from tests.bench.figures import row

PACKAGE = "github.com/tsenart/vegeta/v12"
MODULE = Path(__file__).parent
BUILD_SECONDS = 600
CONNECTIONS = 32


@dataclass(frozen=True)
class Target:
    """What is asked for; headers are sent as they are."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What came of it: seconds to each whole reply, and replies by status code (0: none)."""

    samples: Sequence[float]
    codes: Mapping[int, int]
    seconds: float

    @property
    def rate(self) -> float:
        """Replies per second."""
        return len(self.samples) / self.seconds

    def row(self, name: str) -> str:
        """One line of figures, with rate and status codes."""
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(self.codes.items()))
        return row(name, self.samples, f"{self.rate:.0f}/s, {codes}")


class LoadGenerator:
    """A built vegeta."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def constant(self, targets: Sequence[Target], rate: int, seconds: int) -> Load:
        """``rate`` requests per second, by turns to each target."""
        return self._attack(targets, f"-rate={rate}/1s", f"-duration={seconds}s")

    def flat_out(self, targets: Sequence[Target], seconds: int) -> Load:
        """As many requests as 32 callers get answered, each asking again at once."""
        return self._attack(
            targets, "-rate=0", f"-max-workers={CONNECTIONS}", f"-duration={seconds}s"
        )

    def _attack(self, targets: Sequence[Target], *options: str) -> Load:
        asked = "".join(
            json.dumps(
                {
                    "method": "GET",
                    "url": target.url,
                    "header": {name: [value] for name, value in target.headers.items()},
                }
            )
            + "\n"
            for target in targets
        )
        done = self._run(
            asked.encode(), "attack", "-format=json", "-timeout=30s", "-max-body=0", *options
        )
        lines = self._run(done, "encode", "-to=csv").decode().splitlines()
        return _read(lines)

    def _run(self, given: bytes, *arguments: str) -> bytes:
        return subprocess.run(
            [self._program, *arguments], input=given, stdout=subprocess.PIPE, check=True
        ).stdout


def _read(lines: Sequence[str]) -> Load:
    """Results as `vegeta encode -to=csv` writes them: start in ns, status code, duration in ns."""
    codes: dict[int, int] = {}
    samples, starts = [], []
    for line in lines:
        start, code, duration = (int(value) for value in line.split(",", 3)[:3])
        codes[code] = codes.get(code, 0) + 1
        samples.append(duration / 1e9)
        starts.append(start / 1e9)
    ends = [start + sample for start, sample in zip(starts, samples, strict=True)]
    return Load(samples, codes, max(ends) - min(starts))


def load_generator() -> LoadGenerator:
    """A vegeta of the version in go.mod.

    Raises:
        LocalError: there is no Go that is new enough.
        CalledProcessError: it could not be built.
    """
    settings = Settings.from_environment()
    files = [MODULE / "go.mod", MODULE / "go.sum"]
    toolchain = find_toolchain(files[0], settings.command_path)
    key = content_key([path.read_bytes() for path in files] + [toolchain.version.encode()])
    program = settings.cache / "programs" / key / "vegeta"
    if not program.exists():
        subprocess.run(
            [toolchain.go, "build", "-trimpath", "-o", program, PACKAGE],
            cwd=MODULE,
            env=process_environment({"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}),
            timeout=BUILD_SECONDS,
            check=True,
        )
    return LoadGenerator(program)
