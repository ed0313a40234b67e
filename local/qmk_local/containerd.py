"""Our own containerd: its configuration, and the images in it."""

from dataclasses import dataclass
from pathlib import Path

from qmk_local.commands import run
from qmk_local.layout import HostLayout

NAMESPACE = "k8s.io"
IMPORT_TIMEOUT_SECONDS = 600.0


def config(layout: HostLayout, sandbox_image: str, cni_bin: Path) -> str:
    """The configuration file.

    A host that withholds CAP_SYS_RESOURCE refuses to lower an OOM score, and every sandbox would
    fail there: so the scores are kept within what containerd itself has. Network namespaces lie
    below the state folder, where they are recognised as ours.
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{layout.state}/containerd"
state = "{layout.containerd_state}"

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.state}/opt"

[{cri}]
  sandbox_image = "{sandbox_image}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[{cri}.cni]
  bin_dir = "{cni_bin}"
  conf_dir = "{layout.config}/cni"

[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
  Root = "{layout.run}/runc"
  SystemdCgroup = false
"""


@dataclass(frozen=True)
class ImageStore:
    """The images that the kubelet of a native cluster can start."""

    ctr: Path
    socket: Path

    def references(self) -> set[str]:
        """Names of all images that are there."""
        return set(self._ctr("images", "ls", "--quiet", timeout_s=20).split())

    def load(self, archive: Path) -> None:
        """Import the image of an OCI archive. Raises `CommandFailed`."""
        self._ctr("images", "import", str(archive), timeout_s=IMPORT_TIMEOUT_SECONDS)

    def _ctr(self, *words: str, timeout_s: float) -> str:
        argv: list[str | Path] = [
            self.ctr,
            "--address",
            self.socket,
            "--namespace",
            NAMESPACE,
            *words,
        ]
        return run(argv, timeout_s=timeout_s)
