"""Scheduler and kubelet, played by the test: pods are bound, run and end as the test says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kubernetes import client

from qmk_contract.names import COMPILE_JOB_LABEL
from tests.waiting import wait_for

NODE = "node-a"
POD_SECONDS = 30


@dataclass
class PlayedNode:
    """One node's word about the pods of one namespace."""

    api: client.CoreV1Api
    namespace: str
    _seen: dict[str, list[str]] = field(default_factory=dict)

    def pod(self, compile_job: str, *, number: int = 1) -> str:
        """Wait for the nth pod of a CompileJob; returns its name. Ask for the first one first."""
        return wait_for(
            f"pod {number} of {compile_job}",
            lambda: self._nth(compile_job, number),
            seconds=POD_SECONDS,
        )

    def start(self, pod: str) -> None:
        """Bind a pod to the node and run both containers."""
        body: Any = self.api.read_namespaced_pod(pod, self.namespace)
        if body.spec.node_name is None:
            target = client.V1ObjectReference(kind="Node", name=NODE)
            metadata = client.V1ObjectMeta(name=pod)
            binding = client.V1Binding(metadata=metadata, target=target)
            self.api.create_namespaced_pod_binding(
                pod, self.namespace, binding, _preload_content=False
            )
        running = {"running": {"startedAt": _now()}}
        self._report(pod, "Running", running, running)

    def end(self, pod: str, *, build: int = 0, upload: int = 0, reason: str = "") -> None:
        """End both containers with these exit codes."""
        ends = [
            {
                "terminated": {
                    "exitCode": code,
                    "reason": reason or ("Error" if code else "Completed"),
                    "startedAt": _now(),
                    "finishedAt": _now(),
                }
            }
            for code in (build, upload)
        ]
        phase = "Failed" if build or upload else "Succeeded"
        self._report(pod, phase, *ends)

    def wait_with(self, pod: str, reason: str) -> None:
        """Let both containers wait for that reason."""
        waiting = {"waiting": {"reason": reason, "message": "as the test wants it"}}
        self._report(pod, "Pending", waiting, waiting)

    def evict(self, pod: str) -> None:
        """End a pod as the kubelet does when its node runs out of memory."""
        killed = {
            "terminated": {
                "exitCode": 137,
                "reason": "Error",
                "startedAt": _now(),
                "finishedAt": _now(),
            }
        }
        disruption = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "lastTransitionTime": _now(),
        }
        self._report(pod, "Failed", killed, killed, reason="Evicted", conditions=[disruption])

    def forget(self, pod: str) -> None:
        """Remove a pod whose Job is gone at once, as the kubelet does when it has ended."""
        self.api.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def _nth(self, compile_job: str, number: int) -> str | None:
        """Pods by the order in which they were first seen: their times are whole seconds."""
        seen = self._seen.setdefault(compile_job, [])
        selector = f"{COMPILE_JOB_LABEL}={compile_job}"
        found: Any = self.api.list_namespaced_pod(self.namespace, label_selector=selector)
        for pod in found.items:
            if pod.metadata.name not in seen and pod.metadata.deletion_timestamp is None:
                seen.append(pod.metadata.name)
        return seen[number - 1] if len(seen) >= number else None

    def _report(
        self, pod: str, phase: str, build: dict[str, Any], upload: dict[str, Any], **more: Any
    ) -> None:
        statuses = [
            {
                "name": name,
                "image": "test",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": state,
            }
            for name, state in (("build", build), ("upload", upload))
        ]
        status = {"phase": phase, "containerStatuses": statuses, **more}
        self.api.patch_namespaced_pod_status(pod, self.namespace, {"status": status})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
