"""All CompileJobs of the namespace as last seen, kept current by a list and a watch."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kubernetes.client.exceptions import ApiException
from kubernetes.watch import Watch
from urllib3.exceptions import HTTPError

from qmk_contract.codec import BodyError
from qmk_contract.compile_job import CompileJob

LIST_PAGE = 500
#: One watch request lasts this long; a connection that died unseen is noticed no later.
WATCH_SECONDS = 20
#: Everything is listed anew after this, so that no mistake of ours can last.
RELIST_SECONDS = 300
RETRY_SECONDS = 1.0
CONNECT_SECONDS = 2
log = logging.getLogger(__name__)


class JobWatch:
    """A thread that follows the CompileJobs; readers never wait for it.

    ``list_jobs`` is the client's list call with its place bound. Jobs are kept without their
    keymaps: those are most of their size, and no answer from memory needs them.
    """

    def __init__(self, list_jobs: Callable[..., Any]) -> None:
        self._list_jobs = list_jobs
        self._jobs: dict[str, CompileJob] = {}
        # Counted after a change, by both the threads that make any; next() is atomic.
        self._numbers = itertools.count(1)
        self._changes = 0
        self._current = False
        self._stopped = threading.Event()
        self._watch: Any = Watch()  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._run, name="job-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; blocks for as long as a request's time-out at the most."""
        self._stopped.set()
        self._watch.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout=CONNECT_SECONDS)

    @property
    def current(self) -> bool:
        """Whether the jobs are being followed now, so that what is seen is what is."""
        return self._current

    def get(self, name: str) -> CompileJob | None:
        return self._jobs.get(name)

    def all(self) -> list[CompileJob]:
        return list(self._jobs.values())

    @property
    def changes(self) -> int:
        """A number that is another one once any job has changed."""
        return self._changes

    def remember(self, job: CompileJob) -> None:
        """Take in a job that we wrote ourselves, unless the watch has brought it already."""
        seen = self._jobs.get(job.name)
        if seen is None or seen.generation < job.generation:
            self._jobs[job.name] = _without_keymap(job)
            self._changes = next(self._numbers)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow(self._list())
            except ApiException as error:
                self._lost(f"HTTP {error.status} {error.reason}")
            except (HTTPError, OSError) as error:
                self._lost(str(error))
            except Exception:
                log.exception("the watch of CompileJobs failed")
                self._lost("unexpected error")

    def _lost(self, why: str) -> None:
        self._current = False
        if not self._stopped.is_set():
            log.warning("the watch of CompileJobs ended, listing again: %s", why)
            self._stopped.wait(RETRY_SECONDS)

    def _list(self) -> str:
        jobs: dict[str, CompileJob] = {}
        page: dict[str, Any] = {"metadata": {}}
        while True:
            page = self._list_jobs(
                limit=LIST_PAGE,
                _continue=page["metadata"].get("continue"),
                _request_timeout=(CONNECT_SECONDS, WATCH_SECONDS),
            )
            for body in page["items"]:
                if (job := _read(body)) is not None:
                    jobs[job.name] = job
            if not page["metadata"].get("continue"):
                break
        self._jobs = jobs
        self._changes = next(self._numbers)
        self._current = True
        return str(page["metadata"]["resourceVersion"])

    def _follow(self, resource_version: str) -> None:
        relist = time.monotonic() + RELIST_SECONDS
        while not self._stopped.is_set() and time.monotonic() < relist:
            for event in self._watch.stream(
                self._list_jobs,
                resource_version=resource_version,
                allow_watch_bookmarks=True,
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=(CONNECT_SECONDS, WATCH_SECONDS + CONNECT_SECONDS),
            ):
                resource_version = event["raw_object"]["metadata"]["resourceVersion"]
                self._apply(event["type"], event["raw_object"])

    def _apply(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            self._jobs.pop(body["metadata"]["name"], None)
        elif kind in ("ADDED", "MODIFIED") and (job := _read(body)) is not None:
            self._jobs[job.name] = job
        self._changes = next(self._numbers)


def _read(body: Mapping[str, Any]) -> CompileJob | None:
    try:
        return _without_keymap(CompileJob.from_body(body))
    except BodyError as error:
        log.warning("CompileJob %s is not understood: %s", body["metadata"].get("name"), error)
        return None


def _without_keymap(job: CompileJob) -> CompileJob:
    return replace(job, spec=replace(job.spec, keymap={}))
