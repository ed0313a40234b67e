"""The operator's Prometheus metrics. Labels are closed sets: never a job, client or keyboard."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from qmk_contract.compile_job import CompileJobStatus
from qmk_contract.result import BuildResult, Step

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_STEP_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LAYERS = frozenset({"landlock", "seccomp", "rlimits"})


def sandbox_layers(told: Iterable[str]) -> frozenset[str]:
    """The layers that a build names, as labels: known ones without their versions."""
    names = {layer.partition("-")[0] for layer in told}
    labels = frozenset(name if name in _LAYERS else "other" for name in names)
    return labels or frozenset({"none"})


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ends = Counter(
            "qmk_compile_jobs_finished",
            "CompileJobs that reached a final phase.",
            ["phase", "reason"],
            registry=self.registry,
        )
        self._wait = Histogram(
            "qmk_compile_wait_seconds",
            "From a CompileJob's creation to the start of its build.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._build = Histogram(
            "qmk_compile_build_seconds",
            "From the start of a build to its CompileJob's final phase.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._reconciles = Histogram(
            "qmk_operator_reconcile_seconds",
            "Time of one look at a CompileJob, with all its calls.",
            ["outcome"],
            registry=self.registry,
        )
        self._writes = Counter(
            "qmk_operator_writes",
            "Writes to the Kubernetes API.",
            ["verb", "resource"],
            registry=self.registry,
        )
        self._builds = Counter(
            "qmk_compile_builds",
            "Builds that left a result, by how it was made and what became of the record.",
            ["path", "record"],
            registry=self.registry,
        )
        self._steps = Histogram(
            "qmk_compile_step_seconds",
            "Steps of builds, as the builds themselves measured them.",
            ["step", "path"],
            buckets=_STEP_SECONDS,
            registry=self.registry,
        )
        self._sandbox = Counter(
            "qmk_compile_sandbox_layers",
            "Builds by the layers of the sandbox that were in force; none where there was none.",
            ["layer"],
            registry=self.registry,
        )
        self._asked = Counter(
            "qmk_records_asked",
            "Records of keyboards that were asked for after a build without one.",
            ["outcome"],
            registry=self.registry,
        )
        self._pointers = Counter(
            "qmk_record_pointers_rejected",
            "Pointers to records of keyboards that were ignored.",
            ["fault"],
            registry=self.registry,
        )
        self._missed = Counter(
            "qmk_operator_missed_events",
            "Changes that a list found before the watch told them.",
            ["resource"],
            registry=self.registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def finished(self, status: CompileJobStatus) -> None:
        """A CompileJob reached a final phase."""
        self._ends.labels(str(status.phase), str(status.reason)).inc()
        times = status.timestamps
        if times.queued is None or times.started is None or times.finished is None:
            return
        self._wait.observe(max(0.0, (times.started - times.queued).total_seconds()))
        self._build.observe(max(0.0, (times.finished - times.started).total_seconds()))

    def reconciled(self, seconds: float, *, failed: bool) -> None:
        """One look at a CompileJob ended."""
        self._reconciles.labels("failed" if failed else "done").observe(seconds)

    def wrote(self, verb: str, resource: str) -> None:
        """One write went to the API server."""
        self._writes.labels(verb, resource).inc()

    def built(self, result: BuildResult) -> None:
        """A build left a result that counts."""
        self._builds.labels(result.path.value, result.record.value).inc()
        for step in Step:
            spent = result.times.get(step.value)
            if spent is not None and spent >= 0:
                self._steps.labels(step.value, result.path.value).observe(spent / 1000)
        for layer in sandbox_layers(result.sandbox):
            self._sandbox.labels(layer).inc()

    def asked_for_record(self, outcome: str) -> None:
        """A record was asked for."""
        self._asked.labels(outcome).inc()

    def pointer_rejected(self, fault: str) -> None:
        """A pointer to a keyboard's record is of no use."""
        self._pointers.labels(fault).inc()

    def missed(self, resource: str, count: int) -> None:
        """A list found changes that no watch had told."""
        if count:
            self._missed.labels(resource).inc(count)
