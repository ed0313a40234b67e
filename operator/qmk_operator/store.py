"""The operator's own copy of the objects that it watches, by kind and name."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from qmk_contract.compile_job import CompileJob
from qmk_operator.decision import Observed, current_run
from qmk_operator.observation import JobView, PodView, by_age, job_view, pod_view

logger = logging.getLogger(__name__)


class Kind(Enum):
    """Kinds of objects that the operator watches, by their plural name."""

    COMPILE_JOB = "compilejobs"
    JOB = "jobs"
    POD = "pods"


@dataclass(frozen=True)
class _Entry:
    uid: str
    version: int
    owner: str
    view: CompileJob | JobView | PodView


class Store:
    """Objects as last seen. Calls ``changed`` with a CompileJob's name at each piece of news.

    Objects come from watches, lists and replies to writes, in any order: the one with the
    higher resourceVersion stays. They are integers that grow:
    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """

    def __init__(self) -> None:
        self._entries: dict[Kind, dict[str, _Entry]] = {kind: {} for kind in Kind}
        self._names: dict[Kind, dict[str, set[str]]] = {kind: defaultdict(set) for kind in Kind}
        self.changed: Callable[[str], None] = lambda _name: None

    def put(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Keep an object, if it is news; says whether it was."""
        metadata = body["metadata"]
        name, uid = metadata["name"], metadata["uid"]
        if kind is Kind.COMPILE_JOB and "deletionTimestamp" in metadata:
            # Only its dependents keep it; nothing may be made for it any more.
            self.remove(kind, name, uid)
            return False
        version = int(metadata["resourceVersion"])
        known = self._entries[kind].get(name)
        if known is not None and known.version >= version:
            return False
        view = _view(kind, body)
        if view is None:
            if known is not None and kind is Kind.COMPILE_JOB:
                # What it asked for before is no longer so. A Job that is forgotten would be
                # made again, so of Jobs and pods the last that could be read counts.
                self.remove(kind, name, known.uid)
            return False
        if known is not None:
            self._names[kind][known.owner].discard(name)
        owner = view.name if isinstance(view, CompileJob) else view.compile_job
        self._entries[kind][name] = _Entry(uid, version, owner, view)
        self._names[kind][owner].add(name)
        self.changed(owner)
        return True

    def remove(self, kind: Kind, name: str, uid: str) -> None:
        """Forget an object, unless another one has its name by now."""
        known = self._entries[kind].get(name)
        if known is None or known.uid != uid:
            return
        del self._entries[kind][name]
        siblings = self._names[kind][known.owner]
        siblings.discard(name)
        if not siblings:
            del self._names[kind][known.owner]
        self.changed(known.owner)

    def uids(self, kind: Kind) -> dict[str, str]:
        """The uid of each object by its name."""
        return {name: entry.uid for name, entry in self._entries[kind].items()}

    def compile_job(self, name: str) -> CompileJob | None:
        entry = self._entries[Kind.COMPILE_JOB].get(name)
        return entry.view if entry is not None and isinstance(entry.view, CompileJob) else None

    def compile_jobs(self) -> list[CompileJob]:
        views = (entry.view for entry in self._entries[Kind.COMPILE_JOB].values())
        return [view for view in views if isinstance(view, CompileJob)]

    def jobs(self, compile_job: str) -> list[JobView]:
        """All Jobs that say they are of a CompileJob of that name."""
        return [view for view in self._owned(Kind.JOB, compile_job) if isinstance(view, JobView)]

    def pods(self, job: JobView) -> tuple[PodView, ...]:
        """The pods of a Job, the newest last."""
        views = self._owned(Kind.POD, job.compile_job)
        return by_age(
            view for view in views if isinstance(view, PodView) and view.owner_uid == job.uid
        )

    def observe(self, job: CompileJob) -> Observed:
        """What is, around a CompileJob, as far as the cluster goes."""
        own = [item for item in self.jobs(job.name) if item.owner_uid == job.uid]
        rerun = current_run(job, own)
        child = next((item for item in own if item.rerun == rerun), None)
        return Observed(rerun, child, () if child is None else self.pods(child))

    def _owned(self, kind: Kind, owner: str) -> list[CompileJob | JobView | PodView]:
        entries = self._entries[kind]
        return [entries[name].view for name in self._names[kind].get(owner, ())]


def _view(kind: Kind, body: Mapping[str, Any]) -> CompileJob | JobView | PodView | None:
    """Read an object; one that cannot be read, of a schema not known here, must stop no other."""
    try:
        if kind is Kind.JOB:
            return job_view(body)
        if kind is Kind.POD:
            return pod_view(body)
        return CompileJob.from_body(body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        name = body["metadata"]["name"]
        logger.error("%s %s is unreadable: %r", kind.value, name, error)
        return None
