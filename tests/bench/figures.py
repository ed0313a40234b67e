"""Samples of times, and how they are told."""

from collections.abc import Sequence
from statistics import median

WIDTH = 58
HEADER = f"{'what':<{WIDTH}} {'n':>6} " + " ".join(
    f"{name:>9}" for name in ("min", "p50", "p95", "p99", "max")
)


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` (0 to 1) of all samples do not exceed: nearest rank."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def row(name: str, samples: Sequence[float], note: str = "") -> str:
    """One line: count, minimum, p50, p95, p99, maximum in milliseconds; samples are seconds."""
    shown = (
        min(samples),
        median(samples),
        percentile(samples, 0.95),
        percentile(samples, 0.99),
        max(samples),
    )
    numbers = " ".join(f"{value * 1000:9.1f}" for value in shown)
    return f"{name:<{WIDTH}} {len(samples):>6} {numbers} ms  {note}".rstrip()


def mebibytes(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
