"""Publications of firmware, started as Jobs of the CronJobs that make them by the clock."""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from qmk_api.webhooks.refresh_job import refresh_job
from qmk_contract.names import CHANNEL_LABEL, COMPONENT_LABEL, TASKS_COMPONENT

#: Seconds to connect, and to wait for an answer.
REQUEST_SECONDS = (2, 3)
#: Seconds for all calls together: GitHub waits ten for the answer to a delivery.
START_SECONDS = 5.0

_AWAY = (ApiException, HTTPError, OSError)
log = logging.getLogger(__name__)


class KubernetesRefreshes:
    """CronJobs of one namespace, found by the channel that they publish."""

    def __init__(self, api_client: client.ApiClient, namespace: str) -> None:
        self._namespace = namespace
        # Bodies as they are: fields that the client does not know stay in the template.
        self._objects = client.CustomObjectsApi(api_client)

    async def start(self, channels: Collection[str]) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                said = await asyncio.to_thread(self._start, channels)
        except _AWAY as error:
            log.warning(
                "no refresh could be started, the next by the clock does it: %s", _why(error)
            )
        else:
            for channel in channels:
                log.info("refresh of channel %s: %s", channel, said.get(channel, "no CronJob"))

    def _start(self, channels: Collection[str]) -> dict[str, str]:
        jobs = self._list("jobs")
        return {
            channel: self._tried(cron_job, jobs)
            for cron_job in self._list("cronjobs")
            if (channel := cron_job["metadata"]["labels"].get(CHANNEL_LABEL)) in channels
        }

    def _tried(self, cron_job: dict[str, Any], jobs: list[dict[str, Any]]) -> str:
        """What became of one channel: its fault is none of the others'."""
        try:
            return self._start_one(cron_job, jobs)
        except _AWAY as error:
            return f"not started, the next by the clock does it: {_why(error)}"

    def _start_one(self, cron_job: dict[str, Any], jobs: list[dict[str, Any]]) -> str:
        job = refresh_job(cron_job, jobs)
        if job is None:
            return "one waits or runs already, or it is suspended"
        try:
            self._objects.create_namespaced_custom_object(
                "batch", "v1", self._namespace, "jobs", job, _request_timeout=REQUEST_SECONDS
            )
        except ApiException as error:
            if error.status != 409:
                raise
            return "another replica has started one"
        return f"started Job {job['metadata']['name']}"

    def _list(self, plural: str) -> list[dict[str, Any]]:
        found: Any = self._objects.list_namespaced_custom_object(
            "batch",
            "v1",
            self._namespace,
            plural,
            label_selector=f"{COMPONENT_LABEL}={TASKS_COMPONENT}",
            _request_timeout=REQUEST_SECONDS,
        )
        return list(found["items"])


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or type(error).__name__
