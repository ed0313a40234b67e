"""The only calls to the Kubernetes API, besides kopf's watches."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from qmk_contract.names import (
    BUILD_COMPONENT,
    COMPONENT_LABEL,
    GROUP,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PLURAL,
    VERSION,
)
from qmk_operator.store import Kind

#: What the operator's Jobs and their pods have in common.
SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY},{COMPONENT_LABEL}={BUILD_COMPONENT}"

_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_PAGE = 250
_MERGE_PATCH = "application/merge-patch+json"


class ClusterError(Exception):
    """The API server does not answer, is busy, or refuses: try again later."""


class NotFoundError(ClusterError):
    """There is no such object (any more)."""


class RefusedError(ClusterError):
    """The API server answers, and will not have this until somebody changes a rule."""


class InvalidError(RefusedError):
    """The API server will never take this body."""


class ConflictError(ClusterError):
    """The object is there already, or is not what the caller has seen."""


class Cluster:
    """Objects of one namespace, through one client in the given threads.

    Bodies go in and come out as JSON objects. All methods raise ClusterError.
    """

    def __init__(self, namespace: str, threads: Executor, connections: int) -> None:
        configuration = _configuration()
        configuration.connection_pool_maxsize = connections
        configuration.retries = False  # the work queue's back-off retries
        api = client.ApiClient(configuration)
        self._namespace = namespace
        self._threads = threads
        self._batch = client.BatchV1Api(api)
        self._core = client.CoreV1Api(api)
        self._custom = client.CustomObjectsApi(api)

    async def list(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]:
        """All objects of a kind that are ours, page by page."""
        token: str | None = None
        while token != "":
            page = await self._call(self._list_page, kind, token)
            for item in page["items"]:
                yield item
            token = page["metadata"].get("continue") or ""

    async def create_job(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create a Job; ConflictError if there is one of that name."""
        return await self._call(
            self._batch.create_namespaced_job, self._namespace, manifest, **_raw()
        )

    async def read_job(self, name: str) -> Mapping[str, Any]:
        """Read a Job past all caches."""
        return await self._call(self._batch.read_namespaced_job, name, self._namespace, **_raw())

    async def delete_job(self, name: str, uid: str) -> None:
        """Delete a Job and, in the background, its pods."""
        await self._call(
            self._batch.delete_namespaced_job,
            name,
            self._namespace,
            body={"propagationPolicy": "Background", "preconditions": {"uid": uid}},
            **_raw(),
        )

    async def create_compile_job(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create a CompileJob; ConflictError if there is one of that name."""
        return await self._call(
            self._custom.create_namespaced_custom_object, *self._path(), body, **_raw()
        )

    async def read_compile_job(self, name: str) -> Mapping[str, Any]:
        """Read a CompileJob past all caches."""
        return await self._call(
            self._custom.get_namespaced_custom_object, *self._path(), name, **_raw()
        )

    async def patch_status(self, name: str, patch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Apply a JSON merge patch to a CompileJob's status; ConflictError if it has changed."""
        return await self._call(
            self._custom.patch_namespaced_custom_object_status,
            *self._path(),
            name,
            patch,
            _content_type=_MERGE_PATCH,
            **_raw(),
        )

    async def delete_compile_job(self, name: str, uid: str, resource_version: str) -> None:
        """Delete a CompileJob as it was seen; ConflictError if it has changed since."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        await self._call(
            self._custom.delete_namespaced_custom_object,
            *self._path(),
            name,
            body={"propagationPolicy": "Background", "preconditions": preconditions},
            **_raw(),
        )

    def _path(self) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self._namespace, PLURAL

    def _list_page(self, kind: Kind, token: str | None) -> Any:
        options: dict[str, Any] = {"limit": _PAGE, **_raw()}
        if token is not None:
            options["_continue"] = token
        if kind is Kind.COMPILE_JOB:
            return self._custom.list_namespaced_custom_object(*self._path(), **options)
        options["label_selector"] = SELECTOR
        if kind is Kind.JOB:
            return self._batch.list_namespaced_job(self._namespace, **options)
        return self._core.list_namespaced_pod(self._namespace, **options)

    async def _call(
        self, function: Callable[..., Any], *arguments: Any, **options: Any
    ) -> Mapping[str, Any]:
        def request() -> Mapping[str, Any]:
            body: Mapping[str, Any] = json.loads(function(*arguments, **options).data)
            return body

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, request)
        except ApiException as error:
            raise _translated(error) from error
        except (HTTPError, OSError, ValueError) as error:
            raise ClusterError(f"the API server does not answer: {error}") from error


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


def _raw() -> dict[str, Any]:
    """Options for the reply as bytes: its models are slow to build, and not needed."""
    return {"_preload_content": False, "_request_timeout": (_CONNECT_SECONDS, _READ_SECONDS)}


def _translated(error: ApiException) -> ClusterError:
    message = f"{error.status} {error.reason}: {_message(error.body)}"
    if error.status == 404:
        return NotFoundError(message)
    if error.status == 409:
        return ConflictError(message)
    if error.status == 403:
        return RefusedError(message)
    if error.status in (400, 422):
        return InvalidError(message)
    return ClusterError(message)


def _message(body: Any) -> str:
    """The sentence in a Status object of the API server."""
    try:
        return str(json.loads(body)["message"])[:512]
    except (ValueError, KeyError, TypeError):
        return str(body)[:512]
