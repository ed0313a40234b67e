"""What runs in the operator beside kopf's watches: workers, resync, metrics."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from prometheus_client import start_http_server

from qmk_contract.queue import Limits
from qmk_operator.admission import Admission
from qmk_operator.builds import Builds
from qmk_operator.catalogue import PublishedFirmware
from qmk_operator.cluster import Cluster, ClusterError
from qmk_operator.controller import Controller
from qmk_operator.endings import Endings
from qmk_operator.metrics import Metrics
from qmk_operator.record_jobs import RecordJobs
from qmk_operator.records import Records
from qmk_operator.resync import Freshness, Resync
from qmk_operator.settings import Settings
from qmk_operator.storage import Storage, s3_client
from qmk_operator.store import Kind, Store
from qmk_operator.work_queue import Backoff, Outcome, WorkQueue

logger = logging.getLogger(__name__)

_LAG_SAMPLE_SECONDS = 1.0


class Runtime:
    """All parts of the operator, put together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each worker makes one call at a time; the resync makes its own.
        connections = settings.workers + 2
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="calls")
        cluster = Cluster(settings.namespace, self._threads, connections)
        storage = Storage(
            s3_client(settings.storage, connections), settings.storage.bucket, self._threads
        )
        self._metrics = Metrics()
        self._store = Store()
        self._admission = Admission(self._store, Limits(settings.max_running))
        self._freshness = Freshness()
        self._resync = Resync(self._store, cluster, self._freshness, self._metrics)
        catalogue = PublishedFirmware(storage)
        records = Records(
            storage,
            lambda name: self._store.compile_job(name) is not None,
            self._metrics,
            time.monotonic,
        )
        digest = settings.pod.image_digest
        asking = RecordJobs(self._store, cluster, self._metrics, _now) if settings.records else None
        self._controller = Controller(
            store=self._store,
            admission=self._admission,
            compile_jobs=cluster,
            results=storage,
            catalogue=catalogue,
            records=records,
            builds=Builds(settings, cluster, storage, _now),
            endings=Endings(self._metrics, catalogue, digest, records, asking),
            metrics=self._metrics,
            clock=_now,
            toolchain_digest=digest,
            image_pull_seconds=settings.image_pull_seconds,
        )
        self._queue = WorkQueue(self._work, settings.workers, time.monotonic, random.random)
        self._lag_seconds = 0.0
        self._passing_on = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the background tasks; work begins when everything has been listed once."""
        self._store.changed = self._changed
        self._gauges()
        start_http_server(self._settings.metrics_port, registry=self._metrics.registry)
        for run in (self._run(), self._measure_lag()):
            self._tasks.append(asyncio.ensure_future(run))

    async def stop(self) -> None:
        """Stop; a step that has begun is finished first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False)

    def observe(self, kind: Kind, event: Mapping[str, Any]) -> None:
        """Take in one event of a watch."""
        body = event["object"]
        self._freshness.told(kind, body)
        if event["type"] == "DELETED":
            self._store.remove(kind, body["metadata"]["name"], body["metadata"]["uid"])
        else:
            self._store.put(kind, body)

    def health(self) -> dict[str, Any]:
        """How late the event loop is, and which watches and background tasks are dead."""
        return {
            "loopLagSeconds": round(self._lag_seconds, 3),
            "staleWatches": sorted(kind.value for kind in self._freshness.stale),
            "deadTasks": sum(1 for task in self._tasks if task.done()),
        }

    def _changed(self, name: str) -> None:
        self._queue.add(name)
        self._admission.update(name)
        self._pass_on()

    def _pass_on(self) -> None:
        """Wake those whose turn it is: once for all changes of one turn of the event loop."""
        if not self._passing_on:
            self._passing_on = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        self._passing_on = False
        for name in self._admission.take_woken():
            self._queue.add(name)

    async def _work(self, name: str) -> Outcome:
        begin = time.monotonic()
        failed = True
        try:
            outcome = await self._controller.reconcile(name)
            failed = outcome.failed
        finally:
            self._metrics.reconciled(time.monotonic() - begin, failed=failed)
            self._admission.settle(name, failed=failed)
            self._pass_on()
        return outcome

    async def _run(self) -> None:
        await self._first_list()
        worker = asyncio.ensure_future(self._queue.run())
        try:
            while True:
                await asyncio.sleep(self._settings.resync_seconds)
                await self._list_again()
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def _first_list(self) -> None:
        backoff = Backoff()
        failures = 0
        while True:
            try:
                await self._resync.run()
            except ClusterError as error:
                failures += 1
                logger.warning("Cannot list yet: %s", error)
                await asyncio.sleep(backoff.seconds(failures, random.random()))  # noqa: S311
            else:
                logger.info("Everything is listed, work begins")
                return

    async def _list_again(self) -> None:
        try:
            await self._resync.run()
        except ClusterError as error:
            logger.warning("Cannot list now: %s", error)
            return
        for job in self._store.compile_jobs():
            if not job.status.phase.final:
                self._queue.add(job.name)

    async def _measure_lag(self) -> None:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(_LAG_SAMPLE_SECONDS)
            self._lag_seconds = time.monotonic() - begin - _LAG_SAMPLE_SECONDS

    def _gauges(self) -> None:
        gauge = self._metrics.gauge
        gauge("qmk_compile_running", "Build slots in use.", lambda: self._admission.running)
        gauge("qmk_compile_waiting", "CompileJobs in the queue.", lambda: self._admission.waiting)
        gauge("qmk_operator_backlog", "Looks to take, now or later.", lambda: len(self._queue))
        gauge("qmk_operator_loop_lag_seconds", "Event loop delay.", lambda: self._lag_seconds)


def _now() -> datetime:
    return datetime.now(UTC)
