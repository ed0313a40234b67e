"""What a refresh does for its release beside publishing: old commits removed, favourites built."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qmk_tasks.handover.plan import Move
from qmk_tasks.release.favourites import Favourites
from qmk_tasks.release.removal import Removal
from qmk_tasks.settings import ReleaseSettings
from qmk_tasks.storage.storage import Storage

if TYPE_CHECKING:
    from qmk_tasks.release.cluster import CompileJobs


def tidy(moved: Sequence[Move], storage: Storage, settings: ReleaseSettings) -> None:
    """Ask for the favourites of channels that moved, and remove what nothing names.

    Raises:
        TaskError: storage or Kubernetes failed; what is left is done by the next refresh.
    """
    cluster = _Cluster(settings.namespace)
    asked = Favourites(storage, cluster.create, settings).ask(moved)
    if asked:
        _say(f"Asked for the records of {asked} keyboards.")
    grace = timedelta(seconds=settings.removal_seconds)
    removal = Removal(storage, cluster.commits, grace, datetime.now(UTC))
    if removal.commits() or moved:
        gone = removal.records(settings.toolchain_digest)
        if gone:
            _say(f"Removed {gone} objects of records that no commit needs.")


@dataclass(frozen=True)
class _Cluster:
    """The release's CompileJobs, called only where they matter.

    Loading the client takes longer than all else that a refresh does which finds nothing to do.
    """

    namespace: str

    def create(self, body: Mapping[str, Any]) -> bool:
        return self._jobs.create(body)

    def commits(self) -> set[str]:
        return self._jobs.commits()

    @cached_property
    def _jobs(self) -> "CompileJobs":
        from qmk_tasks.release.cluster import CompileJobs

        return CompileJobs(self.namespace)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
