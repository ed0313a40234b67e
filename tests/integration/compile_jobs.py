"""CompileJobs as a test sees them: made, changed, waited for; and what the API server counted."""

import re
from dataclasses import dataclass
from typing import Any, cast

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from qmk_contract.names import API_VERSION, COMPILE_JOB_LABEL, GROUP, KIND, PLURAL, VERSION
from tests.integration.published import COMMIT, KEYBOARD, key_of
from tests.waiting import wait_for

SECONDS = 30


@dataclass
class CompileJobs:
    """The CompileJobs and Jobs of one namespace."""

    api: client.ApiClient
    namespace: str

    @property
    def _custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.api)

    def make(self, keymap: dict[str, Any], name: str | None = None, **spec: Any) -> str:
        """Create a CompileJob, by default exactly as the API does; returns its name."""
        name = name or key_of(keymap)
        values = {"keyboard": KEYBOARD, "keymap": keymap, "firmwareCommit": COMMIT, **spec}
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {key: value for key, value in values.items() if value is not None},
        }
        self._custom.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, body)
        return name

    def patch(self, name: str, **spec: Any) -> None:
        self._custom.patch_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL, name, {"spec": spec}
        )

    def delete(self, name: str) -> None:
        self._custom.delete_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, name)

    def get(self, name: str) -> dict[str, Any] | None:
        try:
            return cast(
                "dict[str, Any]",
                self._custom.get_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, name
                ),
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def status(self, name: str) -> dict[str, Any]:
        body = self.get(name)
        assert body is not None, f"CompileJob {name} is gone"
        return cast("dict[str, Any]", body.get("status", {}))

    def wait(
        self, name: str, phase: str, reason: str | None = None, seconds: float = SECONDS
    ) -> dict[str, Any]:
        """Wait until a CompileJob is in a phase, and for a reason; returns its status."""
        wanted = phase if reason is None else f"{phase}/{reason}"
        seen: dict[str, Any] = {}

        def there() -> bool:
            nonlocal seen
            seen = self.status(name)
            told = seen.get("phase"), seen.get("reason")
            if told == (phase, reason or told[1]):
                return True
            raise ValueError(f"{told}: {seen.get('message')}")

        wait_for(f"{name} {wanted}", there, seconds=seconds)
        return seen

    def wait_gone(self, name: str) -> None:
        wait_for(f"the end of {name}", lambda: self.get(name) is None, seconds=SECONDS)

    def job(self, name: str) -> Any:
        """The Job of that name, or None."""
        try:
            return client.BatchV1Api(self.api).read_namespaced_job(name, self.namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def wait_job(self, name: str) -> Any:
        return wait_for(f"Job {name}", lambda: self.job(name), seconds=SECONDS)

    def wait_other_job(self, name: str, uid: str) -> None:
        """Wait until the Job of that name is another one."""

        def other() -> bool:
            job = self.job(name)
            return job is not None and job.metadata.uid != uid

        wait_for(f"another Job {name}", other, seconds=SECONDS)

    def wait_no_job(self, name: str) -> None:
        wait_for(f"the end of Job {name}", lambda: self.job(name) is None, seconds=SECONDS)

    def pods(self, name: str) -> list[str]:
        """Names of a CompileJob's pods."""
        found: Any = client.CoreV1Api(self.api).list_namespaced_pod(
            self.namespace, label_selector=f"{COMPILE_JOB_LABEL}={name}"
        )
        return [item.metadata.name for item in found.items]

    def jobs(self) -> list[str]:
        found: Any = client.BatchV1Api(self.api).list_namespaced_job(self.namespace)
        return sorted(item.metadata.name for item in found.items)

    def writes(self) -> dict[str, int]:
        """Writes that the API server has counted, by verb and resource, where only we write.

        What is left out is the work of Kubernetes' own controllers and of the played node.
        """
        reply: Any = self.api.call_api(
            "GET", f"{self.api.configuration.host}/metrics", header_params={"Accept": "text/plain"}
        )
        counts: dict[str, int] = {}
        for line in reply.read().decode().splitlines():
            if not line.startswith("apiserver_request_total{"):
                continue
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            resource = "/".join(filter(None, (labels["resource"], labels["subresource"])))
            key = f"{labels['verb']} {resource}"
            if key in _OUR_WRITES:
                counts[key] = counts.get(key, 0) + round(float(line.rsplit(" ", 1)[1]))
        return counts

    def events(self) -> list[str]:
        """Events about CompileJobs."""
        found: Any = client.CoreV1Api(self.api).list_namespaced_event(self.namespace)
        return [item.message for item in found.items if item.involved_object.kind == KIND]


_OUR_WRITES = frozenset(
    {
        "POST jobs",
        *(
            f"{verb} {resource}"
            for verb in ("POST", "PUT", "PATCH", "APPLY", "DELETE")
            for resource in ("compilejobs", "compilejobs/status")
        ),
    }
)
