"""kubectl against the local cluster, JSON in and out."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_local.release import NAMESPACE
from qmk_local.settings import Settings
from tests.conftest import refuse_foreign_context
from tests.waiting import wait_for


@dataclass(frozen=True)
class Kubectl:
    """Commands in one namespace of one context."""

    program: Path
    kubeconfig: Path
    context: str
    namespace: str

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = 60) -> str:
        """Run kubectl; a failure raises with what it printed."""
        done = subprocess.run(
            [
                str(self.program),
                f"--kubeconfig={self.kubeconfig}",
                f"--context={self.context}",
                f"--namespace={self.namespace}",
                *words,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise LookupError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *words: str) -> dict[str, Any]:
        """One object, or a List."""
        found: dict[str, Any] = json.loads(self("get", *words, "--output=json"))
        return found

    def items(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(*words)["items"]
        return found

    def apply(self, body: dict[str, Any]) -> None:
        self("apply", "--filename=-", stdin=json.dumps(body))

    def patch(self, kind: str, name: str, body: dict[str, Any]) -> None:
        self("patch", kind, name, "--type=merge", f"--patch={json.dumps(body)}")

    def delete(self, *words: str) -> None:
        self("delete", *words, "--ignore-not-found", "--wait=true")


def wait_for_phase(kubectl: Kubectl, name: str, *phases: str, seconds: float) -> dict[str, Any]:
    def status() -> dict[str, Any] | None:
        found: dict[str, Any] = kubectl.get("compilejob", name)["status"]
        return found if found["phase"] in phases else None

    return wait_for(f"CompileJob {name} to be {' or '.join(phases)}", status, seconds=seconds)


def local_kubectl() -> Kubectl:
    """kubectl on the cluster that the local commands made, and on no other."""
    settings = Settings.from_environment()
    program = settings.bin / "kubectl"
    context = subprocess.run(
        [program, f"--kubeconfig={settings.kubeconfig}", "config", "current-context"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return Kubectl(program, settings.kubeconfig, refuse_foreign_context(context), NAMESPACE)
