"""The only calls to the Kubernetes API: which commits CompileJobs name, and new CompileJobs."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from qmk_contract.names import GROUP, PLURAL, VERSION
from qmk_tasks.errors import TaskError

_PAGE = 250
_TIMES = {"_request_timeout": (3, 20)}
_CONFLICT = 409


class CompileJobs:
    """The CompileJobs of one namespace. All methods raise TaskError."""

    def __init__(self, namespace: str) -> None:
        try:
            configuration = _configuration()
        except config.ConfigException as error:
            raise TaskError(f"the cluster is not known: {error}") from error
        self._namespace = namespace
        self._client = client.CustomObjectsApi(client.ApiClient(configuration))

    def commits(self) -> set[str]:
        """The firmware commits that any of them was, or is to be, built of."""
        found: set[str] = set()
        after = ""
        while True:
            page = self._call(
                self._client.list_namespaced_custom_object, limit=_PAGE, _continue=after
            )
            for body in page.get("items", ()):
                for part in ("spec", "status"):
                    commit = (body.get(part) or {}).get("firmwareCommit")
                    found |= {commit} if commit else set()
            after = page.get("metadata", {}).get("continue") or ""
            if not after:
                return found

    def create(self, body: Mapping[str, Any]) -> bool:
        """Create one; False where there is one of that name."""
        try:
            self._call(self._client.create_namespaced_custom_object, dict(body))
        except TaskError as error:
            if isinstance(error.__cause__, ApiException) and error.__cause__.status == _CONFLICT:
                return False
            raise
        return True

    def _call(self, call: Callable[..., Any], *arguments: object, **options: object) -> Any:
        place = (GROUP, VERSION, self._namespace, PLURAL)
        try:
            return call(*place, *arguments, **options, **_TIMES)
        except ApiException as error:
            raise TaskError(f"Kubernetes refused: {error.status} {_why(error.body)}") from error
        except (HTTPError, OSError, ValueError) as error:
            raise TaskError(f"Kubernetes does not answer: {error}") from error


def _configuration() -> Any:
    """In a pod: its service account. Elsewhere: the current context of the kubeconfig."""
    configuration = client.Configuration()
    in_cluster: Callable[..., None] = config.load_incluster_config
    kubeconfig: Callable[..., None] = config.load_kube_config
    try:
        in_cluster(client_configuration=configuration)
    except config.ConfigException:
        kubeconfig(client_configuration=configuration)
    return configuration


def _why(body: object) -> str:
    try:
        return str(json.loads(str(body))["message"])[:512]
    except (ValueError, KeyError, TypeError):
        return "without a reason"
