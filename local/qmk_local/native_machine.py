"""What a native cluster needs from this machine before its programs start."""

from dataclasses import dataclass
from pathlib import Path

from qmk_local import containerd, go_programs, network, node, pki, scratch_image
from qmk_local.cgroups import ClusterCgroups
from qmk_local.go_programs import Programs
from qmk_local.layout import HostLayout

RESOLV_CONF = Path("/etc/resolv.conf")
# systemd-resolved's stub listens on loopback, which pods cannot reach: these are its servers.
RESOLVED_UPSTREAM = Path("/run/systemd/resolve/resolv.conf")


@dataclass(frozen=True)
class NativeMachine:
    """Makes control groups, network, configuration files and certificates; safe to repeat."""

    layout: HostLayout
    programs: Programs
    cni_bin: Path
    go_mod: Path

    def prepare(self) -> None:
        """Make control groups, kernel settings, the bridge and the packet filter rules."""
        ClusterCgroups.of_this_machine(self.layout.cgroup).create()
        network.set_sysctls()
        network.ensure_bridge(self.layout)
        network.ensure_rules(self.layout)

    def pause_image(self) -> scratch_image.ScratchImage:
        """The image that holds every pod's namespaces."""
        return scratch_image.build(
            "qmk-pause",
            self.programs.path("pause"),
            go_programs.architecture(),
            self.layout.state / "images",
        )

    def write_configuration(self) -> None:
        """Write the configuration files that changed.

        CoreDNS takes a new one up by itself; kube-proxy ends itself when its own is touched.
        """
        layout = self.layout
        resolv_conf = RESOLVED_UPSTREAM if RESOLVED_UPSTREAM.is_file() else RESOLV_CONF
        upstreams = node.nameservers(resolv_conf.read_text() if resolv_conf.is_file() else "")
        pause = self.pause_image()
        for name, text in {
            "containerd.toml": containerd.config(layout, pause.reference, self.cni_bin),
            "kubelet.json": node.kubelet_config(layout, resolv_conf),
            "kube-proxy.json": node.kube_proxy_config(layout),
            "Corefile": node.corefile(layout, upstreams),
            "cni/10-qmk-compile.conflist": node.cni_config(layout),
        }.items():
            path = layout.config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.read_text() != text:
                path.write_text(text)
        layout.run.mkdir(parents=True, exist_ok=True)

    def make_pki(self) -> None:
        """Make certificates and kubeconfigs of a new cluster."""
        layout = self.layout
        request = pki.PkiRequest(
            kubernetes_version=go_programs.kubernetes_version(self.go_mod.read_text()),
            advertise_address=layout.bridge_address,
            api_port=layout.api_port,
            service_cidr=layout.service_cidr,
            node=layout.node,
        )
        users = ("system:kube-proxy", "system:coredns")
        pki.create(self.programs.path("kubeadm"), layout.pki, request, users)
        pki.unpack_client((layout.pki / "super-admin.conf").read_text(), layout.pki)
