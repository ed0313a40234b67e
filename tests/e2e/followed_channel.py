"""A channel of the installed release that follows a git repository on this machine."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.names import CHANNEL_LABEL
from qmk_local.release import INSTALL_TIMEOUT_SECONDS, RELEASE
from qmk_local.settings import CLONE, Settings
from tests.e2e.kubectl import Kubectl
from tests.integration.git_server import Repository, git_server
from tests.unit.github_webhooks import SECRET
from tests.waiting import wait_for

CHANNEL = "e2e"
WEBHOOK_SECRET = "e2e-webhooks"
REFRESH_SECONDS = 90
FIRMWARE = CLONE / "tests/firmware"


@dataclass(frozen=True)
class FollowedChannel:
    """The channel, its repository, and its refreshes, each of which ends within ``seconds``."""

    kubectl: Kubectl
    repository: Repository
    name: str
    seconds: float

    @property
    def cron_job(self) -> str:
        return f"qmk-compile-refresh-{self.name}"

    @property
    def repository_name(self) -> str:
        """Owner and name, as GitHub would tell of pushes to it."""
        return "/".join(self.repository.url.removesuffix(".git").split("/")[-2:])

    def jobs(self) -> dict[str, dict[str, Any]]:
        found = self.kubectl.items("jobs", f"--selector={CHANNEL_LABEL}={self.name}")
        return {job["metadata"]["name"]: job for job in found}

    def start(self) -> str:
        """Start a refresh as people do; returns the Job's name."""
        name = f"{self.name}-{secrets.token_hex(4)}"
        self.kubectl("create", "job", f"--from=cronjob/{self.cron_job}", name)
        return name

    def wait(self, name: str, ending: str = "Complete") -> dict[str, str]:
        """Wait until a Job has ended so; returns what each container printed."""

        def ended() -> bool:
            conditions = self.kubectl.get("job", name).get("status", {}).get("conditions", ())
            kinds = [item["type"] for item in conditions if item["status"] == "True"]
            if {"Complete", "Failed"} & set(kinds) - {ending}:
                raise AssertionError(f"Job {name} is {kinds}: {self.printed(name)}")
            return ending in kinds

        wait_for(f"Job {name} to be {ending}", ended, seconds=self.seconds, interval=0.5)
        return self.printed(name)

    def printed(self, name: str) -> dict[str, str]:
        return {
            container: self.kubectl("logs", f"job/{name}", f"--container={container}")
            for container in ("plan", "checkout", "snapshot", "publish")
        }


@contextmanager
def followed_channel(
    kubectl: Kubectl,
    folder: Path,
    *,
    tree: Path = FIRMWARE,
    name: str = CHANNEL,
    seconds: float = REFRESH_SECONDS,
) -> Iterator[FollowedChannel]:
    """Let the release follow a new repository with a firmware tree for a while."""
    copy = folder / "tree"
    ignored = shutil.ignore_patterns(".build", "__pycache__", ".git")
    shutil.copytree(tree, copy, symlinks=True, ignore=ignored)
    # A commit that no earlier run has published.
    (copy / "readme.md").write_text(f"# Firmware\n\n{secrets.token_hex()}\n")
    (folder / "git").mkdir()
    with git_server(folder / "git", _address_for_pods(kubectl)) as server:
        (server.root / "keyboards").mkdir()
        repository = server.repository("keyboards/firmware", {"readme.md": "empty\n"})
        repository.commit({}, tree=copy)
        kubectl.delete("secret", WEBHOOK_SECRET)
        kubectl("create", "secret", "generic", WEBHOOK_SECRET, f"--from-literal=secret={SECRET}")
        try:
            _upgrade(kubectl, folder / "values.json", _values(name, repository.url))
            yield FollowedChannel(kubectl, repository, name, seconds)
        finally:
            _upgrade(kubectl, folder / "values.json", {})
            kubectl.delete("jobs", f"--selector={CHANNEL_LABEL}={name}")
            kubectl.delete("secret", WEBHOOK_SECRET)


def _values(name: str, url: str) -> dict[str, Any]:
    [port] = re.findall(r":(\d+)/", url)
    return {
        "channels": [{"name": name, "url": url, "ref": "master"}],
        "webhooks": {"existingSecret": WEBHOOK_SECRET},
        "refresh": {
            "schedule": "0 0 1 1 *",
            "keepSeconds": 60,  # what earlier runs have published may go
            "egressPorts": [443, 6443, int(port)],
        },
    }


def _upgrade(kubectl: Kubectl, file: Path, values: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(values))
    settings = Settings.from_environment()
    done = subprocess.run(
        [
            str(settings.bin / "helm"), "upgrade", RELEASE, str(CLONE / "charts/qmk-compile"),
            f"--kubeconfig={kubectl.kubeconfig}", f"--kube-context={kubectl.context}",
            f"--namespace={kubectl.namespace}", f"--values={settings.local / 'values.json'}",
            f"--values={file}", "--wait", f"--timeout={INSTALL_TIMEOUT_SECONDS}s",
        ],
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_SECONDS + 30,
        check=False,
        env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _address_for_pods(kubectl: Kubectl) -> str:
    """This machine's address on the network that the node is on."""
    [node, *_] = kubectl.items("nodes")
    [address] = [
        item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP"
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))  # sends nothing, but has the kernel choose a way
        return str(probe.getsockname()[0])
