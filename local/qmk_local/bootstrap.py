"""Objects that every fresh native cluster needs, as manifests."""

from typing import Any

from qmk_local.layout import HostLayout

Manifest = dict[str, Any]


def cluster_admins() -> Manifest:
    """Lets the API server ask the kubelet for logs and exec (its certificate is of this group)."""
    return _cluster_role_binding(
        "kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"
    )


def dns_manifests(layout: HostLayout) -> list[Manifest]:
    """The kube-dns Service, led to the CoreDNS process of this machine, and its rights."""
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": layout.dns_port},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": layout.dns_port},
    ]
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {"clusterIP": layout.dns_service_address, "ports": ports},
    }
    endpoints: Manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "qmk-compile",
            },
        },
        "endpoints": [{"addresses": [layout.bridge_address], "conditions": {"ready": True}}],
        "ports": [
            {"name": port["name"], "port": layout.dns_port, "protocol": port["protocol"]}
            for port in ports
        ],
    }
    role: Manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["endpoints", "services", "pods", "namespaces"],
                "verbs": ["list", "watch"],
            },
            {
                "apiGroups": ["discovery.k8s.io"],
                "resources": ["endpointslices"],
                "verbs": ["list", "watch"],
            },
        ],
    }
    binding = _cluster_role_binding("system:coredns", "system:coredns", "User", "system:coredns")
    return [role, binding, service, endpoints]


def _cluster_role_binding(name: str, role: str, kind: str, subject: str) -> Manifest:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": kind, "name": subject}],
    }
