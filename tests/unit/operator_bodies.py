"""Bodies as the API server returns them, for what reads them, and fakes of what it speaks to."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmk_contract import names
from qmk_contract.codec import format_time, to_body
from qmk_contract.compile_job import CompileJob
from qmk_contract.keyboards import Keyboard
from qmk_contract.snapshot import Layer, Manifest
from qmk_operator.cluster import ClusterError, ConflictError, NotFoundError
from qmk_operator.results import StoredResult
from qmk_operator.storage import StorageUnavailableError
from qmk_operator.store import Kind
from tests.unit.operator_objects import COMMIT, GENERATOR, KEYBOARD, NOW, ago


def compile_job_body(job: CompileJob, version: int = 7) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": job.name,
            "namespace": job.namespace,
            "uid": job.uid,
            "creationTimestamp": format_time(job.created),
            "generation": job.generation,
            "resourceVersion": str(version),
        },
        "spec": to_body(job.spec),
        "status": to_body(job.status),
    }


def job_body(
    compile_job: str, key: str, *, version: int = 1, rerun: int = 0, **changes: Any
) -> dict[str, Any]:
    """The Job of a CompileJob; ``changes`` are ``conditions`` and fields of its metadata."""
    conditions = changes.pop("conditions", [])
    return {
        "metadata": {
            "name": names.job_name(compile_job, rerun),
            "uid": f"job-{compile_job}",
            "resourceVersion": str(version),
            "creationTimestamp": format_time(ago(4)),
            "labels": {
                names.COMPILE_JOB_LABEL: compile_job,
                names.BUILD_KEY_LABEL: key,
                names.RERUN_LABEL: str(rerun),
            },
            "ownerReferences": [
                {
                    "kind": names.KIND,
                    "name": compile_job,
                    "uid": f"uid-{compile_job}",
                    "controller": True,
                }
            ],
            **changes,
        },
        "spec": {"backoffLimit": 2},
        "status": {"conditions": [{"type": kind, "status": "True"} for kind in conditions]},
    }


def pod_body(compile_job: str, *codes: int, version: int = 1) -> dict[str, Any]:
    """A pod of that Job; two codes are the exit codes of ``build`` and ``upload``."""
    statuses = [
        {
            "name": name,
            "state": {"terminated": {"exitCode": code, "startedAt": format_time(ago(3))}},
        }
        for name, code in zip(("build", "upload"), codes, strict=False)
    ]
    return {
        "metadata": {
            "name": f"pod-{compile_job}",
            "uid": f"pod-{compile_job}",
            "resourceVersion": str(version),
            "creationTimestamp": format_time(ago(4)),
            "labels": {names.COMPILE_JOB_LABEL: compile_job},
            "ownerReferences": [{"uid": f"job-{compile_job}", "controller": True}],
        },
        "spec": {},
        "status": {"phase": "Running" if codes else "Pending", "containerStatuses": statuses},
    }


@dataclass
class FakeCatalogue:
    """One keyboard of one commit of one channel, and how often each was read."""

    down: bool = False
    platform: str = "avr"
    generator: bool = False

    async def channel_commit(self, channel: str) -> str | None:
        self._check()
        return COMMIT if channel == "master" else None

    async def manifest(self, commit: str) -> Manifest | None:
        self._check()
        if commit != COMMIT:
            return None
        layer = Layer("core", 1, "0" * 64)
        return Manifest(
            commit, NOW, layer, layer, {"demo": Layer("demo", 1, "0" * 64)},
            Layer("chibios", 1, "0" * 64), GENERATOR if self.generator else None,
        )  # fmt: skip

    async def aliases(self, commit: str) -> Mapping[str, Any]:
        self._check()
        return {"demo/old": {"target": KEYBOARD}, "gone": {"target": "other/board"}}

    async def keyboard(self, commit: str, name: str) -> Keyboard | None:
        self._check()
        if name == "other/board":
            return Keyboard(name, self.platform, {"LAYOUT": 3}, {})
        return (
            Keyboard(name, self.platform, {"LAYOUT": 3}, {"ALIAS": "LAYOUT"})
            if (name == KEYBOARD)
            else None
        )

    def _check(self) -> None:
        if self.down:
            raise StorageUnavailableError("down")


@dataclass
class FakeStorage:
    """Results and requests of builds in memory."""

    results: dict[str, StoredResult] = field(default_factory=dict)
    requests: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    down: bool = False
    reads_down: bool = False
    writes_down: bool = False

    async def read_result(self, key: str) -> StoredResult | None:
        if self.down:
            raise StorageUnavailableError("down")
        return self.results.get(key)

    async def read(self, object_key: str, size_max: int) -> bytes | None:
        self.reads.append(object_key)
        if self.down or self.reads_down:
            raise StorageUnavailableError("down")
        data = self.objects.get(object_key)
        return None if data is None else data[:size_max]

    async def write_request(self, key: str, document: bytes) -> None:
        if self.down or self.writes_down:
            raise StorageUnavailableError("down")
        self.requests[key] = document

    def presign_get(self, object_key: str, seconds: int) -> str:
        return f"get:{object_key}:{seconds}"

    def presign_put(self, object_key: str, content_type: str, seconds: int) -> str:
        return f"put:{object_key}:{content_type}:{seconds}"


@dataclass
class FakeCluster:
    """CompileJobs and Jobs in memory; ``errors`` are raised by the next calls of that name."""

    compile_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, list[ClusterError]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    version: int = 100

    async def create_job(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        self._call("create_job")
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            raise ConflictError(f"{name} exists")
        body = {**manifest, "metadata": {**manifest["metadata"], **self._new(name)}}
        self.jobs[name] = body
        return body

    async def read_job(self, name: str) -> Mapping[str, Any]:
        self._call("read_job")
        return self._found(self.jobs, name)

    async def delete_job(self, name: str, uid: str) -> None:
        self._call("delete_job")
        self._found(self.jobs, name)
        del self.jobs[name]

    async def create_compile_job(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._call("create_compile_job")
        name = body["metadata"]["name"]
        if name in self.compile_jobs:
            raise ConflictError(f"{name} exists")
        metadata = {**body["metadata"], **self._new(name), "uid": f"uid-{name}"}
        self.compile_jobs[name] = {**body, "metadata": metadata}
        return self.compile_jobs[name]

    async def read_compile_job(self, name: str) -> Mapping[str, Any]:
        self._call("read_compile_job")
        return self._found(self.compile_jobs, name)

    async def patch_status(self, name: str, patch: Mapping[str, Any]) -> Mapping[str, Any]:
        self._call("patch_status")
        body = self._found(self.compile_jobs, name)
        if patch["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ConflictError("changed")
        self.version += 1
        body = {
            **body,
            "metadata": {**body["metadata"], "resourceVersion": str(self.version)},
            "status": _merged(body.get("status", {}), patch["status"]),
        }
        self.compile_jobs[name] = body
        return body

    async def delete_compile_job(self, name: str, uid: str, resource_version: str) -> None:
        self._call("delete_compile_job")
        body = self._found(self.compile_jobs, name)
        if resource_version != body["metadata"]["resourceVersion"]:
            raise ConflictError("changed")
        del self.compile_jobs[name]

    async def list(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]:
        self._call("list")
        held = {Kind.COMPILE_JOB: self.compile_jobs, Kind.JOB: self.jobs, Kind.POD: self.pods}
        for body in list(held[kind].values()):
            yield body

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def _found(self, held: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        if name not in held:
            raise NotFoundError(name)
        return held[name]

    def _new(self, name: str) -> dict[str, Any]:
        self.version += 1
        return {
            "uid": f"job-{name}",
            "resourceVersion": str(self.version),
            "creationTimestamp": format_time(NOW),
        }


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
