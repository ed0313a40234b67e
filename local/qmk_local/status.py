"""What `make status` and the end of `make up` say."""

from dataclasses import dataclass

from qmk_local import docker, kind, native, native_programs, owner, processes
from qmk_local.layout import HostLayout
from qmk_local.progress import Progress
from qmk_local.settings import Settings
from qmk_local.up import Cluster


@dataclass(frozen=True)
class Status:
    """Lines to show, and whether a cluster of this clone is complete."""

    lines: list[str]
    complete: bool


def closing_lines(running: Cluster) -> list[str]:
    """What a person needs to go on."""
    lines = [
        f"Up: context {running.context}, NodePort 30080 at http://127.0.0.1:8080.",
        f"  export KUBECONFIG={running.kubeconfig}",
        f"  export PATH={running.kubectl.parent}:$PATH",
    ]
    if running.context == native.CONTEXT:
        lines.append("A native cluster does not enforce NetworkPolicy (docs/local-cluster.md).")
    return lines


def look(settings: Settings, progress: Progress) -> Status:
    """Look at both kinds of cluster, changing nothing."""
    layout = HostLayout()
    record = owner.load(layout.owner)
    if record is not None:
        return _native(record, settings, layout)
    if docker.probe(settings.command_path).works and kind.answers(settings, progress):
        return Status([f"The kind cluster is up (context {kind.CONTEXT})."], True)
    return Status(["No cluster is up."], False)


def _native(record: owner.Owner, settings: Settings, layout: HostLayout) -> Status:
    running = native_programs.running(layout)
    lines = [f"Native cluster of {record.clone}:"]
    for name in native_programs.ALL:
        identity: processes.ProcessIdentity | None = running.get(name)
        state = f"process {identity.pid}" if identity else "not running"
        lines.append(f"  {name:<24} {state}")
    complete = len(running) == len(native_programs.ALL) and record.is_clone(settings.clone)
    return Status(lines, complete)
