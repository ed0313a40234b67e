"""What builds of one keymap by every path gave, beside a plain build, and the table of it all."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qmk_contract.result import BuildPath, Step
from tests.equality.checkout import Built


@dataclass(frozen=True)
class ServiceBuild:
    """A build of the service: what it gave, the path that it really took, and its times in ms."""

    built: Built
    path: BuildPath | None
    times: Mapping[str, int] = field(default_factory=dict)

    @property
    def work(self) -> int:
        """Milliseconds from the start of the pod's build to the firmware."""
        return sum(ms for step, ms in self.times.items() if step not in (Step.QUEUE, Step.START))


@dataclass(frozen=True)
class Comparison:
    """One keymap of one board. ``offered`` is by the path that its build was given means for."""

    board: str
    family: str
    variant: str
    plain: Built
    offered: Mapping[BuildPath, ServiceBuild]

    @property
    def same(self) -> bool:
        return not self.differing

    @property
    def differing(self) -> Mapping[BuildPath, ServiceBuild]:
        """Those that gave something else than the plain build, or ended without a result."""
        return {
            path: build
            for path, build in self.offered.items()
            if build.path is None or not build.built.same_as(self.plain)
        }


def faults(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A paragraph for each build that differs from the plain one."""
    for item in comparisons:
        for path, build in item.differing.items():
            yield (
                f"DIFFERENT: {item.board} {item.variant}, {path} means, path {build.path}\n"
                f"  plain   {item.plain.sha256} {item.plain.tail[-400:]}\n"
                f"  service {build.built.sha256} {build.built.tail[-800:]}"
            )


def table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Rows by family: keymaps, equal ones, and how many builds each path took how long."""
    yield "| family | keymaps | build in a checkout | same | fast | partial | full | checkout |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    families: defaultdict[str, list[Comparison]] = defaultdict(list)
    for item in comparisons:
        families[item.family].append(item)
    for family, items in [*sorted(families.items()), ("all", list(comparisons))]:
        built = [item for item in items if item.plain.sha256]
        same = sum(item.same for item in items)
        plain = _median([round(item.plain.seconds * 1000) for item in built])
        times = " | ".join(_taken(items, path) for path in BuildPath)
        yield f"| {family} | {len(items)} | {len(built)} | {same} | {times} | {plain} |"
    taken = Counter(
        f"{offered} -> {build.path}"
        for item in comparisons
        for offered, build in item.offered.items()
    )
    yield ""
    yield "Paths taken, by the means that a build was given: " + ", ".join(
        f"{name}: {count}" for name, count in sorted(taken.items())
    )


def _work(items: Sequence[Comparison], path: BuildPath) -> list[int]:
    builds = [build for item in items for build in item.offered.values()]
    return [build.work for build in builds if build.path is path]


def _taken(items: Sequence[Comparison], path: BuildPath) -> str:
    """How many builds took a path, and the median of those that gave firmware."""
    every = [build for item in items for build in item.offered.values() if build.path is path]
    if not every:
        return "-"
    return f"{len(every)} in {_median(_work([i for i in items if i.plain.sha256], path))}"


def _median(milliseconds: Sequence[int]) -> str:
    if not milliseconds:
        return "-"
    return f"{sorted(milliseconds)[len(milliseconds) // 2] / 1000:.2f} s"
