"""kubectl on the local cluster, in the release's namespace."""

import contextlib
import json
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qmk_local.commands import CommandFailed, run
from qmk_local.errors import LocalError
from qmk_local.settings import process_environment
from qmk_local.up import Cluster

_TIMEOUT_SECONDS = 60.0
_FORWARD_SECONDS = 20.0
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")


@dataclass(frozen=True)
class Kubectl:
    """Calls for one namespace; every one of them raises LocalError."""

    cluster: Cluster
    namespace: str

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        body: dict[str, Any] = json.loads(self._run("get", kind, name, "--output=json"))
        return body

    def create(self, body: Mapping[str, Any]) -> None:
        """A new object."""
        self._run("create", "--filename=-", input_text=json.dumps(body))

    def delete(self, kind: str, name: str) -> None:
        """Remove an object and what it owns, if it is there, and wait until it is gone."""
        self._run("delete", kind, name, "--ignore-not-found", "--cascade=foreground")

    def apply(self, body: Mapping[str, Any]) -> None:
        """An object as it is given, new or changed."""
        self._run("apply", "--filename=-", input_text=json.dumps(body))

    def delete_selected(self, kind: str, selector: str) -> None:
        """Remove the objects that a label selector chooses."""
        self._run("delete", kind, f"--selector={selector}")

    def wait(self, target: str, condition: str, seconds: int) -> None:
        """Return when an object fulfils what `kubectl wait --for` understands."""
        self._run("wait", f"--for={condition}", target, f"--timeout={seconds}s")

    def table(self, kind: str) -> str:
        """What `kubectl get` prints for people."""
        return self._run("get", kind)

    def logs(self, target: str, lines: int) -> str:
        """The newest lines that a pod's containers wrote; nothing where there are none yet."""
        try:
            return self._run("logs", target, "--all-containers", f"--tail={lines}")
        except CommandFailed:
            return ""

    @contextlib.contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[int]:
        """A free local port that leads to a port of a service or pod, while the body runs."""
        process = subprocess.Popen(  # noqa: S603 - argv lists of our own, never a shell
            [*self._words(), "port-forward", "--address=127.0.0.1", target, f":{port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=process_environment({}),
        )
        try:
            yield _forwarded_port(process, target)
        finally:
            process.terminate()
            process.communicate(timeout=_TIMEOUT_SECONDS)

    def _run(self, *words: str, input_text: str | None = None) -> str:
        argv = [*self._words(), *words]
        return run(argv, timeout_s=_TIMEOUT_SECONDS, input_text=input_text)

    def _words(self) -> list[str]:
        return [
            str(self.cluster.kubectl),
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--context={self.cluster.context}",
            f"--namespace={self.namespace}",
        ]


def _forwarded_port(process: "subprocess.Popen[bytes]", target: str) -> int:
    """Read the port that kubectl chose from the line that says so."""
    said = ""
    deadline = time.monotonic() + _FORWARD_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            chunk = process.stdout.read1()  # type: ignore[union-attr]
            said += chunk.decode("utf-8", "replace")
            if match := _FORWARDING.search(said):
                return int(match[1])
            if not chunk:
                break
    raise LocalError(f"{target} cannot be reached through the API server: {said.strip()}")
