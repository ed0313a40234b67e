"""The cluster of kind, with programs that answer as kind, kubectl and docker do."""

import json
import os
import socket
from pathlib import Path

import pytest

from qmk_local import kind
from qmk_local.errors import LocalError
from qmk_local.kind import KindCluster
from qmk_local.layout import HostLayout
from qmk_local.progress import Progress
from qmk_local.settings import Settings

KIND = """
echo "$@" >> "{state}/calls"
case "$1 $2" in
  "version "*) echo "kind v0.33.0 go1.26.8 linux/amd64" ;;
  "get clusters") cat "{state}/clusters" 2>/dev/null || echo "No kind clusters found." >&2 ;;
  "create cluster") echo qmk > "{state}/clusters"; echo made > "{kubeconfig}" ;;
  "delete cluster") rm -f "{state}/clusters" ;;
esac
"""
KUBECTL = """
case "$*" in
  *"version --client"*) echo "gitVersion: v1.34.4" ;;
  *"get nodes"*) cat "{state}/nodes" ;;
  *"get pods"*) cat "{state}/pods" ;;
esac
"""
CONTROLLER = ["kube-controller-manager", *kind.CONTROLLER_ARGUMENTS]


def node(ready: str) -> str:
    return json.dumps({"items": [{"status": {"conditions": [{"type": "Ready", "status": ready}]}}]})


def controller_manager(command: list[str]) -> str:
    return json.dumps({"items": [{"spec": {"containers": [{"command": command}]}}]})


class Machine:
    """A folder with the programs, what they have made, and what they were told."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        tools = folder / "tools"
        clone = folder / "clone"
        for path in (self.state, tools, clone / ".local"):
            path.mkdir(parents=True)
        self.settings = Settings(
            clone=clone,
            cache=folder / "cache",
            backend="kind",
            kind_node_image=None,
            toolchains="avr",
            firmware=None,
            command_path=f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin",
        )
        self._script(tools / "kind", KIND)
        self._script(tools / "kubectl", KUBECTL)
        self._script(tools / "helm", "\necho v4.0.1\n")
        self.answer(ready="True", command=CONTROLLER)

    def _script(self, path: Path, body: str) -> None:
        text = body.replace("{state}", str(self.state))
        path.write_text("#!/bin/sh" + text.replace("{kubeconfig}", str(self.settings.kubeconfig)))
        path.chmod(0o755)

    def answer(self, *, ready: str, command: list[str]) -> None:
        (self.state / "nodes").write_text(node(ready))
        (self.state / "pods").write_text(controller_manager(command))

    def cluster(self) -> KindCluster:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        return KindCluster.prepare(self.settings, Progress(), HostLayout(http_port=port))

    @property
    def calls(self) -> str:
        return (self.state / "calls").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_cluster_is_created_once_from_our_configuration(machine: Machine) -> None:
    cluster = machine.cluster()
    assert not cluster.is_running()
    cluster.start()
    assert cluster.is_running()
    assert f"--config {machine.settings.clone}/kind-config.yaml" in machine.calls
    assert f"--kubeconfig {machine.settings.kubeconfig}" in machine.calls
    assert "--image" not in machine.calls
    assert machine.cluster().is_running()
    assert machine.calls.count("create cluster") == 1


def test_cluster_that_does_not_answer_is_made_anew(machine: Machine) -> None:
    machine.cluster().start()
    machine.answer(ready="False", command=CONTROLLER)
    cluster = machine.cluster()
    assert not cluster.is_running()
    cluster.start()
    assert machine.calls.count("delete cluster") == 1
    assert machine.calls.count("create cluster") == 2


def test_dropped_configuration_patch_is_noticed(machine: Machine) -> None:
    machine.answer(ready="True", command=CONTROLLER[:-1])
    with pytest.raises(LocalError, match="runs without --concurrent-job-syncs=20"):
        machine.cluster().start()


def test_cluster_of_another_clone_is_named_and_left_alone(machine: Machine, tmp_path: Path) -> None:
    machine.cluster().start()
    (machine.settings.cache / "kind-owner").write_text(str(tmp_path))
    with pytest.raises(LocalError, match=f"The kind cluster of {tmp_path} is there"):
        machine.cluster()
    kind.down(machine.settings, Progress())
    assert "delete cluster" not in machine.calls


def test_down_deletes_our_cluster_and_may_be_repeated(machine: Machine) -> None:
    machine.cluster().start()
    kind.down(machine.settings, Progress())
    assert not machine.settings.kubeconfig.exists()
    kind.down(machine.settings, Progress())
    assert machine.calls.count("delete cluster") == 1
