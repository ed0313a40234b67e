"""CompileJobs through the Kubernetes API: the official client, in a few threads, with deadlines."""

import asyncio
import functools
import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from qmk_api.adapters.job_watch import JobWatch
from qmk_api.ports import AlreadyExists, Conflict, KubernetesUnavailable, Refused
from qmk_contract.codec import BodyError
from qmk_contract.compile_job import CompileJob, CompileJobSpec, new_compile_job
from qmk_contract.names import GROUP, PLURAL, VERSION

THREADS = 8
#: Seconds to connect, and to wait for an answer.
REQUEST_SECONDS = (2, 5)
#: Seconds for a call in all, the wait for a free thread included.
CALL_SECONDS = 8.0


class KubernetesJobs:
    """The CompileJobs of one namespace. Reads go to the watch where that is current."""

    def __init__(self, api_client: client.ApiClient, namespace: str) -> None:
        self._namespace = namespace
        self._api = client.CustomObjectsApi(api_client)
        self._threads = ThreadPoolExecutor(THREADS, "kubernetes")
        self._list = functools.partial(
            self._api.list_namespaced_custom_object, GROUP, VERSION, namespace, PLURAL
        )
        self._watch = JobWatch(self._list)
        self._answers = True

    async def start(self) -> None:
        self._watch.start()

    async def stop(self) -> None:
        await asyncio.to_thread(self._watch.stop)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> None:
        try:
            await self._call(self._list, limit=1)
        except KubernetesUnavailable:
            self._answers = False
            raise
        self._answers = True

    def known(self, name: str) -> CompileJob | None:
        return self._watch.get(name) if self._watch.current and self._answers else None

    def all_known(self) -> Collection[CompileJob]:
        return self._watch.all()

    @property
    def changes(self) -> int:
        return self._watch.changes

    async def get(self, name: str) -> CompileJob | None:
        try:
            body = await self._call(
                self._api.get_namespaced_custom_object,
                GROUP, VERSION, self._namespace, PLURAL, name,
            )  # fmt: skip
        except ApiException:
            return None
        return None if body["metadata"].get("deletionTimestamp") else _job(body)

    async def create(self, name: str, spec: CompileJobSpec) -> CompileJob:
        try:
            body = await self._call(
                self._api.create_namespaced_custom_object,
                GROUP, VERSION, self._namespace, PLURAL,
                new_compile_job(name, self._namespace, spec, datetime.now(UTC)),
            )  # fmt: skip
        except ApiException as error:
            if error.status == 409:
                raise AlreadyExists(name) from error
            raise _refused(error) from error
        return self._remembered(body)

    async def ask_rerun(self, job: CompileJob) -> CompileJob:
        change = {
            "metadata": {"resourceVersion": job.resource_version, "uid": job.uid},
            "spec": {"rerun": job.status.rerun + 1, "cancel": False},
        }
        try:
            body = await self._call(
                self._api.patch_namespaced_custom_object,
                GROUP, VERSION, self._namespace, PLURAL, job.name, change,
            )  # fmt: skip
        except ApiException as error:
            if error.status in (404, 409):
                raise Conflict(job.name) from error
            raise _refused(error) from error
        return self._remembered(body)

    def _remembered(self, body: Mapping[str, Any]) -> CompileJob:
        job = _job(body)
        self._watch.remember(job)
        return job

    async def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call in a thread; an ApiException that comes out is about this very request."""
        call = functools.partial(function, *args, _request_timeout=REQUEST_SECONDS, **options)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ApiException as error:
            if error.status in (400, 404, 409, 413, 422) and not _place_missing(error):
                raise
            raise KubernetesUnavailable from error
        except (HTTPError, OSError) as error:
            raise KubernetesUnavailable from error


def connect(kubeconfig: str | None, context: str | None) -> client.ApiClient:
    """A client from a kubeconfig file, or without one as the pod's service account.

    Raises:
        ConfigException: there is neither.
    """
    configuration = client.Configuration()
    if kubeconfig:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            kubeconfig, context, client_configuration=configuration
        )
    else:
        config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    configuration.connection_pool_maxsize = THREADS + 2
    configuration.retries = 1
    return client.ApiClient(configuration)


def _job(body: Mapping[str, Any]) -> CompileJob:
    try:
        return CompileJob.from_body(body)
    except BodyError as error:
        raise KubernetesUnavailable("a CompileJob of another version is in the way") from error


def _place_missing(error: ApiException) -> bool:
    """404 for the resource type or the namespace, not for an object: nothing is installed here."""
    if error.status != 404:
        return False
    details = _status(error).get("details") or {}
    return details.get("kind") != PLURAL


def _refused(error: ApiException) -> Refused:
    causes = (_status(error).get("details") or {}).get("causes") or []
    faults = "; ".join(f"{cause.get('field')}: {cause.get('message')}" for cause in causes)
    return Refused(faults.replace("spec.", "") or "the keymap is not of an allowed form")


def _status(error: ApiException) -> Mapping[str, Any]:
    try:
        status = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return status if isinstance(status, Mapping) else {}
