"""Whose native cluster is on this machine, and its end."""

from pathlib import Path

from qmk_local import host_check, native_programs, owner, residue
from qmk_local.errors import LocalError
from qmk_local.layout import HostLayout
from qmk_local.lock import exclusive
from qmk_local.owner import Owner
from qmk_local.progress import Progress
from qmk_local.settings import Settings


def living_owner(layout: HostLayout) -> Owner | None:
    """The owner of a cluster whose API server or kubelet runs now, or None."""
    record = owner.load(layout.owner)
    if record is None:
        return None
    alive = native_programs.running(layout)
    return record if "kube-apiserver" in alive or "kubelet" in alive else None


def refuse_foreign(layout: HostLayout, clone: Path) -> None:
    """Raise `LocalError` if a living cluster of another clone is on this machine."""
    record = living_owner(layout)
    if record is None or record.is_clone(clone):
        return
    if Path(record.clone).is_dir():
        raise LocalError(
            f"A cluster of {record.clone} runs on this machine, and there is room for one: use "
            f"that one, or end it with `make -C {record.clone} down`."
        )
    raise LocalError(
        f"A cluster of {record.clone}, a folder that is gone, still runs on this machine: end it "
        "with `make down` and try again."
    )


def down(settings: Settings, layout: HostLayout, progress: Progress) -> None:
    """Remove this clone's cluster, or what a dead one of any clone left; idempotent."""
    if not residue.find(layout):
        progress.note("No native cluster is up.")
        return
    host_check.check_root()
    with exclusive(layout.lock, f"`down` in {settings.clone}", progress):
        _remove(settings, layout, progress)


def _remove(settings: Settings, layout: HostLayout, progress: Progress) -> None:
    record = living_owner(layout)
    if record is not None and not record.is_clone(settings.clone) and Path(record.clone).is_dir():
        progress.note(f"The cluster of {record.clone} runs and is left alone; none is ours.")
        return
    with progress.step("Removing the cluster") as step:
        left = residue.find(layout)
        residue.remove(layout, step.update)
        step.finish_as(str(left))
    settings.kubeconfig.unlink(missing_ok=True)
