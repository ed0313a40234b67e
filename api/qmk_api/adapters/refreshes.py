"""Publications of firmware, started as Jobs of the CronJob that makes them by the clock."""

import asyncio
import logging
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from qmk_api.webhooks.refresh_job import refresh_job

#: Seconds to connect, and to wait for an answer.
REQUEST_SECONDS = (2, 3)
#: Seconds for all calls together: GitHub waits ten for the answer to a delivery.
START_SECONDS = 5.0
_SELECTOR = "app.kubernetes.io/component=tasks"

log = logging.getLogger(__name__)


class KubernetesRefreshes:
    """Jobs of one CronJob; without its name, none."""

    def __init__(self, api_client: client.ApiClient, namespace: str, cron_job: str | None) -> None:
        self._cron_job = cron_job
        self._namespace = namespace
        # Bodies as they are: fields that the client does not know stay in the template.
        self._objects = client.CustomObjectsApi(api_client)

    async def start(self) -> None:
        if self._cron_job is None:
            return
        try:
            async with asyncio.timeout(START_SECONDS):
                said = await asyncio.to_thread(self._start, self._cron_job)
        except (ApiException, HTTPError, OSError) as error:
            why = getattr(error, "reason", None) or type(error).__name__
            log.warning("no refresh could be started, the next by the clock does it: %s", why)
        else:
            log.info("refresh: %s", said)

    def _start(self, name: str) -> str:
        jobs = ("batch", "v1", self._namespace, "jobs")
        cron_job: Any = self._objects.get_namespaced_custom_object(
            "batch", "v1", self._namespace, "cronjobs", name, _request_timeout=REQUEST_SECONDS
        )
        there: Any = self._objects.list_namespaced_custom_object(
            *jobs, label_selector=_SELECTOR, _request_timeout=REQUEST_SECONDS
        )
        job = refresh_job(cron_job, there["items"])
        if job is None:
            return "one waits or runs already, or they are suspended"
        try:
            self._objects.create_namespaced_custom_object(
                *jobs, job, _request_timeout=REQUEST_SECONDS
            )
        except ApiException as error:
            if error.status != 409:
                raise
            return "another replica has started one"
        return f"started Job {job['metadata']['name']}"
