"""Configuration of what runs on the node: kubelet, kube-proxy, pod network, cluster DNS."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qmk_local.layout import HostLayout

PODS_MAX = 250
#: Processes and threads of one pod: more than any part of the service has, and less than what a
#: build that only makes new ones could take from everybody else.
POD_PIDS_MAX = 512


def kubelet_config(layout: HostLayout, resolv_conf: Path) -> str:
    """The kubelet's configuration file (JSON, which is YAML too).

    Images are never collected, because they cannot be pulled again, and pods are evicted by what
    is left of the disk and not by a share of it: a developer's disk is often more than 85 % full.
    """
    values: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.bridge_address,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup}",
        "clusterDNS": [layout.dns_service_address],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "512Mi",
            "imagefs.available": "512Mi",
        },
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "maxPods": PODS_MAX,
        "podPidsLimit": POD_PIDS_MAX,
        "podLogsDir": str(layout.pod_logs),
        "readOnlyPort": 0,
        "resolvConf": str(resolv_conf),
        "volumePluginDir": str(layout.state / "volume-plugins"),
    }
    return json.dumps(values, indent=2)


def kubelet_arguments(layout: HostLayout) -> list[str]:
    """The command line beside the configuration file."""
    return [
        f"--config={layout.config / 'kubelet.json'}",
        f"--kubeconfig={layout.pki / 'kubelet.conf'}",
        f"--root-dir={layout.state / 'kubelet'}",
        f"--cert-dir={layout.state / 'kubelet-pki'}",
        f"--hostname-override={layout.node}",
        f"--node-ip={layout.bridge_address}",
    ]


def kube_proxy_config(layout: HostLayout) -> str:
    """The kube-proxy's configuration file (JSON).

    Node ports open on the bridge's address only, never on the machine's own. Conntrack limits are
    the machine's own business and stay as they are.
    """
    values: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "bindAddress": layout.bridge_address,
        "clientConnection": {"kubeconfig": str(layout.pki / "kube-proxy.conf")},
        "clusterCIDR": layout.pod_cidr,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": layout.node,
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "100ms"},
        "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": [f"{layout.bridge_address}/32"],
    }
    return json.dumps(values, indent=2)


def cni_config(layout: HostLayout) -> str:
    """The pod network: one bridge. Addresses given out are forgotten with the machine's run folder.

    No masquerading here: one rule for all pods does it, instead of two programs run for each pod.
    """
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": layout.bridge,
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.run / "cni"),
            "ranges": [[{"subnet": layout.pod_cidr, "gateway": layout.bridge_address}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps(
        {"cniVersion": "0.4.0", "name": layout.network, "plugins": [bridge]}, indent=2
    )


def corefile(layout: HostLayout, upstreams: Sequence[str]) -> str:
    """CoreDNS's configuration.

    Without an upstream, and with none that answers, a name outside of the cluster fails at once
    instead of after seconds. Names of the cluster are not cached: a service that was just made
    must be found.
    """
    if upstreams:
        outside = (
            f"forward . {' '.join(upstreams)} {{\n"
            "        max_fails 1\n"
            "        health_check 1s\n"
            "        failfast_all_unhealthy_upstreams\n"
            "    }"
        )
    else:
        outside = "template ANY ANY {\n        rcode NXDOMAIN\n    }"
    return f""".:{layout.dns_port} {{
    bind {layout.bridge_address}
    errors
    health 127.0.0.1:10054
    ready 127.0.0.1:10055
    reload 2s 1s
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {layout.pki / "coredns.conf"}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {outside}
}}
"""


def nameservers(resolv_conf: str) -> list[str]:
    """The servers that a resolv.conf names, in order."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            found.append(words[1])
    return found
