"""Configuration files and command lines of the cluster's programs."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from qmk_local import bootstrap, containerd, node, pki
from qmk_local.api_client import object_path
from qmk_local.control_plane import ControlPlane
from qmk_local.layout import HostLayout
from qmk_local.settings import CLONE

LAYOUT = HostLayout()
PLANE = ControlPlane(
    pki=Path("/pki"),
    data=Path("/data"),
    api_address="10.213.0.1",
    api_port=6443,
    etcd_port=12379,
    etcd_peer_port=12380,
    service_cidr="10.214.0.0/16",
)


def test_containerd_configuration_keeps_to_our_folders() -> None:
    parsed = tomllib.loads(containerd.config(LAYOUT, "localhost/pause:1", Path("/usr/lib/cni")))
    cri = parsed["plugins"]["io.containerd.grpc.v1.cri"]
    assert parsed["grpc"]["address"] == "/run/qmk-compile/containerd.sock"
    assert cri["sandbox_image"] == "localhost/pause:1"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    places = [parsed["root"], parsed["state"], cri["cni"]["conf_dir"]]
    assert all(place.startswith(("/var/lib/qmk-compile", "/run/qmk-compile")) for place in places)


def test_kubelet_never_collects_images_that_cannot_be_pulled_again() -> None:
    parsed = json.loads(node.kubelet_config(LAYOUT, Path("/etc/resolv.conf")))
    assert parsed["imageGCHighThresholdPercent"] == 100
    assert parsed["cgroupRoot"] == "/qmk-compile"
    assert parsed["address"] == LAYOUT.bridge_address
    assert parsed["readOnlyPort"] == 0


def test_no_pod_has_processes_without_end() -> None:
    parsed = json.loads(node.kubelet_config(LAYOUT, Path("/etc/resolv.conf")))
    assert parsed["podPidsLimit"] == 512


def test_node_ports_open_on_the_bridge_only() -> None:
    parsed = json.loads(node.kube_proxy_config(LAYOUT))
    assert parsed["nodePortAddresses"] == ["10.213.0.1/32"]
    assert parsed["iptables"]["localhostNodePorts"] is False


def test_pod_network_uses_our_bridge_and_gateway() -> None:
    (bridge,) = json.loads(node.cni_config(LAYOUT))["plugins"]
    assert bridge["bridge"] == LAYOUT.bridge
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.213.0.0/16", "gateway": "10.213.0.1"}]]


def test_names_outside_fail_at_once_without_an_upstream() -> None:
    assert "template ANY ANY" in node.corefile(LAYOUT, [])
    with_upstream = node.corefile(LAYOUT, ["192.0.2.53", "192.0.2.54"])
    assert "forward . 192.0.2.53 192.0.2.54 {" in with_upstream
    assert "failfast_all_unhealthy_upstreams" in with_upstream


def test_nameservers_are_read_in_order() -> None:
    text = (
        "# nameserver 1.1.1.1\nsearch lan\nnameserver 192.0.2.1\nnameserver  fd00::1\nnameserver\n"
    )
    assert node.nameservers(text) == ["192.0.2.1", "fd00::1"]


@pytest.mark.parametrize(
    "arguments",
    [
        PLANE.etcd(),
        PLANE.kube_apiserver(),
        PLANE.kube_controller_manager(),
        PLANE.kube_scheduler(),
    ],
)
def test_control_plane_binds_no_outside_address(arguments: list[str]) -> None:
    binds = [
        argument.partition("=")[2]
        for argument in arguments
        if argument.startswith(("--bind-address", "--listen"))
    ]
    assert binds
    assert all("127.0.0.1" in value or value == "10.213.0.1" for value in binds)


def test_controller_manager_has_room_for_bursts_of_jobs() -> None:
    assert {"--kube-api-qps=100", "--kube-api-burst=200", "--concurrent-job-syncs=20"} <= set(
        PLANE.kube_controller_manager()
    )


@pytest.mark.parametrize(
    ("version", "as_map"), [("kubeadm.k8s.io/v1beta3", True), ("kubeadm.k8s.io/v1beta4", False)]
)
def test_kind_sets_the_same_controller_arguments(version: str, as_map: bool) -> None:
    config = yaml.safe_load((CLONE / "kind-config.yaml").read_text())
    patches = [yaml.safe_load(patch) for patch in config["kubeadmConfigPatches"]]
    (patch,) = [item for item in patches if item["apiVersion"] == version]
    extra = patch["controllerManager"]["extraArgs"]
    found = extra if as_map else {item["name"]: item["value"] for item in extra}
    wanted = {"kube-api-qps": "100", "kube-api-burst": "200", "concurrent-job-syncs": "20"}
    assert wanted.items() <= found.items()


def test_kind_maps_the_node_port_to_loopback() -> None:
    config = yaml.safe_load((CLONE / "kind-config.yaml").read_text())
    (mapping,) = config["nodes"][0]["extraPortMappings"]
    assert mapping["containerPort"] == LAYOUT.node_port
    assert (mapping["listenAddress"], mapping["hostPort"]) == ("127.0.0.1", LAYOUT.http_port)


def test_dns_service_leads_to_the_process_on_this_machine() -> None:
    *_, service, endpoints = bootstrap.dns_manifests(LAYOUT)
    assert service["spec"]["clusterIP"] == LAYOUT.dns_service_address
    assert "selector" not in service["spec"]
    assert endpoints["endpoints"][0]["addresses"] == [LAYOUT.bridge_address]


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
            "/api/v1/namespaces/a",
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}},
            "/api/v1/namespaces/b/services/a",
        ),
        (
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": "a"},
            },
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a",
        ),
    ],
)
def test_objects_are_applied_where_their_kind_lies(manifest: dict[str, Any], path: str) -> None:
    assert object_path(manifest) == path


def test_kubeadm_is_told_the_version_and_our_addresses() -> None:
    request = pki.PkiRequest("v1.34.4", "10.213.0.1", 6443, "10.214.0.0/16", "qmk-local")
    init, cluster = yaml.safe_load_all(pki.kubeadm_config(request, Path("/pki")))
    assert cluster["kubernetesVersion"] == "v1.34.4"
    assert cluster["apiServer"]["certSANs"] == ["10.213.0.1", "127.0.0.1", "localhost"]
    assert init["localAPIEndpoint"] == {"advertiseAddress": "10.213.0.1", "bindPort": 6443}


def test_user_kubeconfig_has_our_context_only() -> None:
    admin = yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"certificate-authority-data": "Q0E="}}],
            "users": [{"name": "u", "user": {"client-certificate-data": "Q0VSVA=="}}],
        }
    )
    made = yaml.safe_load(pki.user_kubeconfig(admin, "local-qmk", "https://10.213.0.1:6443"))
    assert made["current-context"] == "local-qmk"
    assert [item["name"] for item in made["contexts"]] == ["local-qmk"]
    assert made["clusters"][0]["cluster"]["server"] == "https://10.213.0.1:6443"


def test_client_files_are_for_their_owner_only(tmp_path: Path) -> None:
    kubeconfig = yaml.safe_dump(
        {
            "clusters": [{"cluster": {"certificate-authority-data": "Q0E="}}],
            "users": [{"user": {"client-certificate-data": "QQ==", "client-key-data": "Qg=="}}],
        }
    )
    files = pki.unpack_client(kubeconfig, tmp_path)
    assert files.authority.read_bytes() == b"CA"
    assert files.key.read_bytes() == b"B"
    assert files.key.stat().st_mode & 0o077 == 0
