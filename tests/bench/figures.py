"""Samples of times, and how they are told."""

from collections.abc import Sequence
from statistics import median


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` (0 to 1) of all samples do not exceed: nearest rank."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def row(name: str, samples: Sequence[float], unit: str = "ms") -> str:
    """One line: count, minimum, p50, p95, p99, maximum; samples are seconds."""
    scale = 1000 if unit == "ms" else 1
    shown = [
        f"{value * scale:9.1f}" if unit == "ms" else f"{value * scale:9.2f}"
        for value in (
            min(samples),
            median(samples),
            percentile(samples, 0.95),
            percentile(samples, 0.99),
            max(samples),
        )
    ]
    return f"{name:<58} {len(samples):>5} {' '.join(shown)} {unit}"


HEADER = f"{'what':<58} {'n':>5} {'min':>9} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9}"
