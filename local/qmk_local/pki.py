"""Certificates, keys and kubeconfigs, made by kubeadm's own phases."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from qmk_local.commands import run

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class PkiRequest:
    """What the certificates are made out to."""

    kubernetes_version: str
    advertise_address: str
    api_port: int
    service_cidr: str
    node: str
    extra_names: tuple[str, ...] = ("127.0.0.1", "localhost")


def kubeadm_config(request: PkiRequest, certificates: Path) -> str:
    """The configuration file for kubeadm, as JSON (which is YAML too).

    The version is always named: without it kubeadm asks the Internet for the newest one.
    """
    cluster = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": "qmk",
        "kubernetesVersion": request.kubernetes_version,
        "certificatesDir": str(certificates),
        "encryptionAlgorithm": "ECDSA-P256",
        "controlPlaneEndpoint": f"{request.advertise_address}:{request.api_port}",
        "networking": {"serviceSubnet": request.service_cidr, "dnsDomain": "cluster.local"},
        "apiServer": {"certSANs": [request.advertise_address, *request.extra_names]},
        "etcd": {"local": {"dataDir": str(certificates / "etcd-data"), "serverCertSANs": []}},
    }
    init = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {
            "advertiseAddress": request.advertise_address,
            "bindPort": request.api_port,
        },
        "nodeRegistration": {
            "name": request.node,
            "criSocket": "unix:///run/qmk-compile/containerd.sock",
        },
    }
    return f"{json.dumps(init)}\n---\n{json.dumps(cluster)}\n"


def create(kubeadm: Path, folder: Path, request: PkiRequest, users: tuple[str, ...] = ()) -> None:
    """Make all certificates, `<program>.conf` for kubeadm's own users and `<user>.conf` for others.

    `users` are the names that a certificate is made out to, such as `system:kube-proxy`; the file
    is named after the last part. Raises `CommandFailed`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "kubeadm.yaml"
    config.write_text(kubeadm_config(request, folder))
    run([kubeadm, "init", "phase", "certs", "all", "--config", config], timeout_s=TIMEOUT_SECONDS)

    def all_programs() -> None:
        run(
            (
                *(kubeadm, "init", "phase", "kubeconfig", "all"),
                "--config",
                config,
                "--kubeconfig-dir",
                folder,
            ),
            timeout_s=TIMEOUT_SECONDS,
        )

    def one_user(user: str) -> None:
        text = run(
            [kubeadm, "kubeconfig", "user", "--config", config, "--client-name", user],
            timeout_s=TIMEOUT_SECONDS,
        )
        path = folder / f"{user.rpartition(':')[2]}.conf"
        path.touch(mode=0o600)
        path.write_text(text)

    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(all_programs), *(pool.submit(one_user, user) for user in users)]
    for task in tasks:
        task.result()


@dataclass(frozen=True)
class ClientFiles:
    """Certificate, key and authority of a kubeconfig, as files for a TLS context."""

    authority: Path
    certificate: Path
    key: Path


def user_kubeconfig(admin: str, context: str, server: str) -> str:
    """A kubeconfig for people: kubeadm's administrator under our own context name."""
    source = yaml.safe_load(admin)
    authority = source["clusters"][0]["cluster"]["certificate-authority-data"]
    credentials = source["users"][0]["user"]
    cluster = {"server": server, "certificate-authority-data": authority}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": credentials}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        },
        sort_keys=False,
    )


def unpack_client(kubeconfig: str, folder: Path) -> ClientFiles:
    """Write the credentials of a kubeconfig as files below `folder`, readable by the owner only."""
    source = yaml.safe_load(kubeconfig)
    user = source["users"][0]["user"]
    files = ClientFiles(folder / "client-ca.crt", folder / "client.crt", folder / "client.key")
    for path, encoded in (
        (files.authority, source["clusters"][0]["cluster"]["certificate-authority-data"]),
        (files.certificate, user["client-certificate-data"]),
        (files.key, user["client-key-data"]),
    ):
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(encoded))
    return files
