"""Pods, permissions and credentials of the chart, under every values file."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.chart import (
    VALUES_FILES,
    Manifest,
    containers_of,
    environment,
    find,
    get,
    installed,
    of_kind,
    pods,
    render,
    values_file,
    with_value,
)

#: Volume types that the restricted Pod Security Standard allows, see
#: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUME_TYPES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


@pytest.fixture(params=VALUES_FILES)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return installed(str(request.param))


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(manifests).items():
        for container in containers_of(pod).values():
            yield f"{name}/{container['name']}", dict(container)


def test_every_pod_is_restricted(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 65532, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for volume in spec.get("volumes", ()):
            assert (volume.keys() - {"name"}) <= VOLUME_TYPES, name
    for name, container in containers(manifests):
        context = container["securityContext"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert all("hostPort" not in port for port in container.get("ports", ())), name


def test_every_container_has_a_memory_limit(manifests: list[Manifest]) -> None:
    for name, container in containers(manifests):
        assert "memory" in container["resources"]["limits"], name


def test_every_server_is_probed(manifests: list[Manifest]) -> None:
    for name, container in containers(manifests):
        if not name.startswith(("Job/", "CronJob/")):
            assert container.keys() >= {"readinessProbe", "livenessProbe"}, name


def test_only_who_calls_kubernetes_holds_a_token(manifests: list[Manifest]) -> None:
    holders = [
        name for name, pod in pods(manifests).items() if pod["spec"]["automountServiceAccountToken"]
    ]
    assert [name.rpartition("-")[2] for name in sorted(holders)] == ["api", "operator"]
    accounts = of_kind(manifests, "ServiceAccount")
    assert {account["automountServiceAccountToken"] for account in accounts} == {False}


def test_no_pod_learns_of_other_services(manifests: list[Manifest]) -> None:
    assert not any(pod["spec"]["enableServiceLinks"] for pod in pods(manifests).values())


def test_permissions_are_namespaced_and_exactly_these(manifests: list[Manifest]) -> None:
    assert not of_kind(manifests, "ClusterRole") + of_kind(manifests, "ClusterRoleBinding")
    granted = {
        (role["metadata"]["name"].rpartition("-")[2], group, resource): set(rule["verbs"])
        for role in of_kind(manifests, "Role")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    refreshing = {
        ("refresh", "qmk.fm", "compilejobs"): {"create", "list"},
        ("api", "batch", "cronjobs"): {"list"},
        ("api", "batch", "jobs"): {"create", "list"},
    }
    [operator] = [pod for key, pod in pods(manifests).items() if key.endswith("-operator")]
    asks = {"create"} if environment(operator)["QMK_RECORDS"] == "true" else set()
    assert granted == (refreshing if of_kind(manifests, "CronJob") else {}) | {
        ("operator", "qmk.fm", "compilejobs"): {"get", "list", "watch", "delete"} | asks,
        ("operator", "qmk.fm", "compilejobs/status"): {"patch"},
        ("operator", "batch", "jobs"): {"create", "get", "list", "watch", "delete"},
        ("operator", "", "pods"): {"get", "list", "watch"},
        ("api", "qmk.fm", "compilejobs"): {"create", "get", "list", "watch", "patch"},
        ("api", "", "pods/log"): {"get"},
    }


def test_who_leaves_no_records_may_ask_for_no_builds_of_them() -> None:
    values = with_value(values_file("everything"), "build.records", value=False)
    granted = {
        role["metadata"]["name"]: set(role["rules"][0]["verbs"])
        for role in of_kind(render(with_value(values, "refresh.favourites", [])), "Role")
    }
    full = get(values, "fullnameOverride")
    assert granted[f"{full}-operator"] == {"get", "list", "watch", "delete"}
    assert granted[f"{full}-refresh"] == {"list"}


def test_each_role_is_bound_to_its_own_account(manifests: list[Manifest]) -> None:
    for binding in of_kind(manifests, "RoleBinding"):
        [subject] = binding["subjects"]
        name = binding["metadata"]["name"]
        assert (binding["roleRef"]["name"], subject["name"]) == (name, name)
    templates = pods(manifests)
    for name in ("operator", "api"):
        [pod] = [
            pod
            for key, pod in templates.items()
            if key.startswith("Deployment/") and key.endswith(f"-{name}")
        ]
        assert pod["spec"]["serviceAccountName"].endswith(f"-{name}")


def test_credentials_come_from_secrets_only(manifests: list[Manifest]) -> None:
    for name, container in containers(manifests):
        for item in container.get("env", ()):
            if item["name"].endswith(
                ("_KEY", "_PASSWORD", "_SALT", "_ACCESS_KEY_ID", "_SECRET", "_PREVIOUS")
            ) or item["name"].startswith("DISCORD_"):
                assert item["valueFrom"].keys() == {"secretKeyRef"}, f"{name}: {item['name']}"


def test_secrets_that_pods_name_exist_or_were_named_by_the_values(
    manifests: list[Manifest],
) -> None:
    made = {item["metadata"]["name"]: item["data"].keys() for item in of_kind(manifests, "Secret")}
    given = {"their-s3", "our-s3", "their-redis", "our-webhooks", "our-discord"}
    for name, container in containers(manifests):
        for item in container.get("env", ()):
            reference = item.get("valueFrom", {}).get("secretKeyRef")
            if reference and reference["name"] not in given:
                assert reference["key"] in made[reference["name"]], name


def test_generated_credentials_are_long_and_differ_by_install() -> None:
    def credentials() -> list[str]:
        manifests = render(values_file("minimal"))
        return [
            base64.b64decode(find(manifests, "Secret", secret)["data"][key]).decode()
            for secret, key in (
                ("qmk-compile-s3", "accessKey"),
                ("qmk-compile-s3", "secretKey"),
                ("qmk-compile-redis", "password"),
                ("qmk-compile-api", "clientSalt"),
            )
        ]

    first, second = credentials(), credentials()
    assert [len(value) for value in first] == [20, 40, 32, 32]
    assert not set(first) & set(second)


def test_only_s3_itself_is_reachable_in_the_storage_pod() -> None:
    storage = pods(installed("minimal"))["StatefulSet/qmk-compile-s3"]
    [container] = storage["spec"]["containers"]
    assert {"-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0", "-master.telemetry=false"} <= set(
        container["args"]
    )
    assert "WEED_JWT_FILER_SIGNING_KEY" in environment(storage)


def test_stores_are_reached_by_this_release_only() -> None:
    manifests = installed("minimal")
    for name in ("s3", "redis"):
        policy = find(manifests, "NetworkPolicy", f"qmk-compile-{name}")["spec"]
        [pod] = [pod for key, pod in pods(manifests).items() if key.endswith(f"-{name}")]
        assert policy["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert policy["egress"] == []
        [rule] = policy["ingress"]
        [port] = pod["spec"]["containers"][0]["ports"]
        assert [item["port"] for item in rule["ports"]] == [port["containerPort"]]
        [peer] = rule["from"]
        [expression] = peer["podSelector"]["matchExpressions"]
        assert ("build" in expression["values"]) == (name == "s3")
