"""Command lines of etcd, the API server, the controller manager and the scheduler."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ControlPlane:
    """What the four programs must agree on; all of them listen on this machine only."""

    pki: Path
    data: Path
    api_address: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    service_cidr: str
    loopback: str = "127.0.0.1"

    @property
    def etcd_url(self) -> str:
        """Where etcd answers its clients."""
        return f"https://{self.loopback}:{self.etcd_port}"

    def etcd(self) -> list[str]:
        """Without fsync: this cluster is made anew rather than recovered after a power cut."""
        peer_url = f"https://{self.loopback}:{self.etcd_peer_port}"
        etcd_pki = self.pki / "etcd"
        return [
            "--name=qmk",
            f"--data-dir={self.data}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=qmk={peer_url}",
            "--client-cert-auth",
            f"--cert-file={etcd_pki / 'server.crt'}",
            f"--key-file={etcd_pki / 'server.key'}",
            f"--trusted-ca-file={etcd_pki / 'ca.crt'}",
            "--peer-client-cert-auth",
            f"--peer-cert-file={etcd_pki / 'peer.crt'}",
            f"--peer-key-file={etcd_pki / 'peer.key'}",
            f"--peer-trusted-ca-file={etcd_pki / 'ca.crt'}",
            "--log-level=warn",
        ]

    def kube_apiserver(self) -> list[str]:
        """A cluster address of its own is not advertised where the API server is alone."""
        pki = self.pki
        alone = self.api_address == self.loopback
        return [
            f"--bind-address={self.api_address}",
            f"--advertise-address={self.api_address}",
            f"--secure-port={self.api_port}",
            f"--endpoint-reconciler-type={'none' if alone else 'lease'}",
            f"--service-cluster-ip-range={self.service_cidr}",
            f"--etcd-servers={self.etcd_url}",
            f"--etcd-cafile={pki / 'etcd/ca.crt'}",
            f"--etcd-certfile={pki / 'apiserver-etcd-client.crt'}",
            f"--etcd-keyfile={pki / 'apiserver-etcd-client.key'}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki / 'sa.pub'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--profiling=false",
        ]

    def kube_controller_manager(self) -> list[str]:
        """With room for bursts of Jobs: the default rates would queue a hundred of them."""
        kubeconfig = self.pki / "controller-manager.conf"
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={self.loopback}",
            f"--client-ca-file={self.pki / 'ca.crt'}",
            f"--requestheader-client-ca-file={self.pki / 'front-proxy-ca.crt'}",
            f"--root-ca-file={self.pki / 'ca.crt'}",
            f"--cluster-signing-cert-file={self.pki / 'ca.crt'}",
            f"--cluster-signing-key-file={self.pki / 'ca.key'}",
            f"--service-account-private-key-file={self.pki / 'sa.key'}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--concurrent-job-syncs=20",
            "--profiling=false",
        ]

    def kube_scheduler(self) -> list[str]:
        """The only scheduler, so nothing to elect."""
        kubeconfig = self.pki / "scheduler.conf"
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={self.loopback}",
            "--leader-elect=false",
            "--profiling=false",
        ]
