"""The few calls that bringing a cluster up makes to its API server."""

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qmk_local.bootstrap import Manifest
from qmk_local.errors import LocalError
from qmk_local.pki import ClientFiles

CALL_TIMEOUT_SECONDS = 10.0
PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
    "Service": "services",
}


class ApiUnavailable(LocalError):
    """The API server did not answer, or not as it should."""


def object_path(manifest: Manifest) -> str:
    """Where the API server keeps an object of this kind and name."""
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace")
    middle = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{middle}/{PLURALS[manifest['kind']]}/{metadata['name']}"


@dataclass(frozen=True)
class ApiClient:
    """Speaks to one API server with a client certificate."""

    url: str
    files: ClientFiles

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body. Raises `ApiUnavailable` where there is no answer."""
        return self._call("GET", path, None, {})

    def get_object(self, path: str) -> dict[str, Any]:
        """Return the object at `path`. Raises `ApiUnavailable` for any other answer than 200."""
        status, body = self.get(path)
        if status != http.client.OK:
            raise ApiUnavailable(f"GET {path} answered {status}: {_text(body)}")
        loaded: dict[str, Any] = json.loads(body)
        return loaded

    def apply(self, manifest: Manifest) -> None:
        """Create or correct an object (server-side apply). Raises `ApiUnavailable`."""
        path = f"{object_path(manifest)}?fieldManager=qmk-compile-local&force=true"
        status, body = self._call(
            "PATCH",
            path,
            json.dumps(manifest).encode(),
            {"Content-Type": "application/apply-patch+yaml"},
        )
        if status not in (http.client.OK, http.client.CREATED):
            raise ApiUnavailable(f"PATCH {path} answered {status}: {_text(body)}")

    def is_ready(self) -> bool:
        """Whether the API server says that it is ready to serve."""
        try:
            return self.get("/readyz")[0] == http.client.OK
        except (ApiUnavailable, FileNotFoundError):
            return False

    def wait_ready(self, *, timeout_s: float, log: str) -> None:
        """Wait for `is_ready`. Raises `ApiUnavailable` naming the log to read."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise ApiUnavailable(
                    f"The API server at {self.url} was not ready after {timeout_s:.0f} s: "
                    f"read {log}."
                )
            time.sleep(0.05)

    def node_is_ready(self, name: str) -> bool:
        """Whether the node is there and Ready."""
        try:
            found = self.get_object(f"/api/v1/nodes/{name}")
        except ApiUnavailable:
            return False
        conditions = found.get("status", {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def admits_pods(self, namespace: str = "default") -> bool:
        """Pods of a namespace are refused until it has its service account."""
        status, _ = self.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        return status == http.client.OK

    def wait_established(self, crd: Manifest, *, timeout_s: float) -> None:
        """Wait until objects of a CustomResourceDefinition can be made. Raises `ApiUnavailable`."""
        deadline = time.monotonic() + timeout_s
        while not self._is_established(crd):
            if time.monotonic() > deadline:
                raise ApiUnavailable(
                    f"{crd['metadata']['name']} was not established after {timeout_s:.0f} s."
                )
            time.sleep(0.05)

    def _is_established(self, crd: Manifest) -> bool:
        status = self.get_object(object_path(crd)).get("status") or {}
        conditions = status.get("conditions") or []
        established = any(
            item["type"] == "Established" and item["status"] == "True" for item in conditions
        )
        spec = crd["spec"]
        version = next(item["name"] for item in spec["versions"] if item["served"])
        path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
        return established and self.get(path)[0] == http.client.OK

    def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.files.authority))
        context.load_cert_chain(self.files.certificate, self.files.key)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=CALL_TIMEOUT_SECONDS, context=context
        )
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ApiUnavailable(
                f"The API server at {self.url} does not answer: {error}."
            ) from error
        finally:
            connection.close()


def _text(body: bytes) -> str:
    return body.decode(errors="replace").strip()[:500]
