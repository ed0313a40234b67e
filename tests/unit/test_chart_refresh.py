"""What the chart makes of channels: one CronJob each, and who in its pod holds what."""

import json
from typing import Any

import pytest

from qmk_contract.names import CHANNEL_LABEL, COMPONENT_LABEL, TASKS_COMPONENT
from tests.unit.chart import (
    Manifest,
    containers_of,
    find,
    installed,
    of_kind,
    pods,
    render,
    values_file,
    with_value,
)

MASTER = {"name": "master", "url": "https://git.example.com/qmk_firmware.git", "ref": "master"}
DEVELOP = {**MASTER, "name": "develop", "ref": "develop"}
NAME = "qmk-compile-refresh-master"
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def following(*channels: dict[str, str], **values: Any) -> list[Manifest]:
    given = with_value(values_file("minimal"), "channels", list(channels))
    for path, value in values.items():
        given = with_value(given, path.replace("__", "."), value)
    return render(given)


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return following(MASTER, DEVELOP, refresh__git__existingSecret="our-git")


@pytest.fixture(scope="module")
def pod(manifests: list[Manifest]) -> Manifest:
    return pods(manifests)[f"CronJob/{NAME}"]


def variables(container: Manifest) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in container.get("env", ())}


def mounts(pod: Manifest) -> dict[str, dict[str, str]]:
    """Volumes by container, as ``<path>`` or ``<path>, read only``."""
    return {
        name: {
            item["name"]: item["mountPath"] + (", read only" if item.get("readOnly") else "")
            for item in container["volumeMounts"]
        }
        for name, container in containers_of(pod).items()
    }


@pytest.mark.parametrize(
    "manifests", [installed("minimal"), following(MASTER, refresh__enabled=False)]
)
def test_without_channels_or_switched_off_there_is_nothing_of_it(manifests: list[Manifest]) -> None:
    names = [item["metadata"]["name"] for item in manifests]
    assert [name for name in names if "refresh" in name] == []


def test_each_channel_has_a_cron_job_that_says_so(manifests: list[Manifest]) -> None:
    found = {item["metadata"]["name"]: item for item in of_kind(manifests, "CronJob")}
    assert found.keys() == {NAME, "qmk-compile-refresh-develop"}
    for channel in ("master", "develop"):
        cron_job = found[f"qmk-compile-refresh-{channel}"]
        template = cron_job["spec"]["jobTemplate"]
        pod = template["spec"]["template"]
        for item in (cron_job, template, pod):
            labels = item["metadata"]["labels"]
            assert labels[CHANNEL_LABEL] == channel
            assert labels[COMPONENT_LABEL] == TASKS_COMPONENT
        plan = containers_of(pod)["plan"]
        assert f"--channel={channel}" in plan["args"]
        assert json.loads(variables(plan)["QMK_CHANNELS"]) == [MASTER, DEVELOP]


@pytest.mark.parametrize("name", ["a", "a.-b", "my_fork", "x" * 63, "v1.2", "a-b", "a.b", "a_b"])
@pytest.mark.parametrize("full", ["q", "f" * 40])
def test_every_channel_gives_a_name_of_its_own_that_kubernetes_takes(name: str, full: str) -> None:
    channels = [{**MASTER, "name": name}, MASTER, {**MASTER, "name": "a--b"}]
    manifests = following(*channels, fullnameOverride=full)
    names = {item["metadata"]["name"] for item in of_kind(manifests, "CronJob")}
    assert len(names) == 3
    for found in names:
        assert len(found) <= 52
        assert found.replace("-", "").isalnum()
        assert not found.startswith("-")
        assert not found.endswith("-")


def test_one_channel_is_refreshed_once_at_a_time_and_not_for_ever(
    manifests: list[Manifest],
) -> None:
    spec = find(manifests, "CronJob", NAME)["spec"]
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", False)
    assert spec["startingDeadlineSeconds"] > 10  # Kubernetes looks every ten seconds
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 5400


def test_a_reason_that_was_told_is_final_and_a_lost_pod_is_not(manifests: list[Manifest]) -> None:
    job = find(manifests, "CronJob", NAME)["spec"]["jobTemplate"]["spec"]
    ignored, failed = job["podFailurePolicy"]["rules"]
    assert ignored == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    assert (failed["action"], failed["onExitCodes"]["values"]) == ("FailJob", [1, 2])
    assert job["backoffLimit"] == 2
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_programs_run_in_order_and_the_tree_s_own_in_the_toolchain(pod: Manifest) -> None:
    assert [item["name"] for item in pod["spec"]["initContainers"]] == [
        "plan", "checkout", "snapshot",
    ]  # fmt: skip
    images = {name: item["image"] for name, item in containers_of(pod).items()}
    assert {name for name, image in images.items() if "toolchain" in image} == {"snapshot"}
    for name, container in containers_of(pod).items():
        assert container["command"] == ["python3", "-m", "qmk_tasks", name]


def test_storage_s_keys_are_in_plan_and_publish_only(pod: Manifest) -> None:
    holders = {
        name
        for name, container in containers_of(pod).items()
        for item in container.get("env", ())
        if "secretKeyRef" in item.get("valueFrom", {})
    }
    assert holders == {"plan", "publish"}


def test_the_tree_s_own_code_runs_in_the_sandbox_that_builds_have() -> None:
    manifests = following(MASTER, build__sandbox="prefer")
    snapshot = containers_of(pods(manifests)[f"CronJob/{NAME}"])["snapshot"]
    assert variables(snapshot) == {"QMK_SANDBOX": "prefer"}


def test_who_runs_the_tree_s_own_code_holds_nothing(pod: Manifest) -> None:
    snapshot = containers_of(pod)["snapshot"]
    assert variables(snapshot) == {"QMK_SANDBOX": "require"}
    assert mounts(pod)["snapshot"] == {"plan": "/plan, read only", "work": "/work"}


def test_git_s_secret_and_the_account_s_token_are_where_they_are_used(pod: Manifest) -> None:
    git, account = "/git, read only", f"{ACCOUNT_PATH}, read only"
    assert mounts(pod) == {
        "plan": {"plan": "/plan", "git": git},
        "checkout": {"plan": "/plan, read only", "work": "/work", "git": git},
        "snapshot": {"plan": "/plan, read only", "work": "/work"},
        "publish": {"plan": "/plan", "work": "/work", "service-account": account},
    }
    configured = {
        name
        for name, container in containers_of(pod).items()
        if variables(container).get("QMK_GIT_CONFIG") == "/git/config"
    }
    assert configured == {"plan", "checkout"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["serviceAccountName"] == "qmk-compile-refresh"


def test_the_token_comes_as_kubernetes_itself_would_mount_it(pod: Manifest) -> None:
    volumes = {item["name"]: item for item in pod["spec"]["volumes"]}
    sources = volumes["service-account"]["projected"]["sources"]
    assert [next(iter(source)) for source in sources] == [
        "serviceAccountToken", "configMap", "downwardAPI",
    ]  # fmt: skip
    assert volumes["git"]["secret"] == {"secretName": "our-git", "defaultMode": 0o400}
    assert volumes["plan"]["emptyDir"] == {"sizeLimit": "128Mi"}
    assert volumes["work"]["emptyDir"] == {"sizeLimit": "6Gi"}


def test_without_a_secret_for_git_there_is_no_volume_of_it() -> None:
    pod = pods(following(MASTER))[f"CronJob/{NAME}"]
    assert "git" not in {item["name"] for item in pod["spec"]["volumes"]}
    assert not any("QMK_GIT_CONFIG" in variables(item) for item in containers_of(pod).values())


def test_publish_knows_favourites_toolchain_and_grace() -> None:
    pod = pods(following(MASTER, refresh__favourites=["crkbd/rev1"]))[f"CronJob/{NAME}"]
    given = variables(containers_of(pod)["publish"])
    assert json.loads(given["QMK_FAVOURITES"]) == ["crkbd/rev1"]
    assert given["QMK_REMOVAL_SECONDS"] == "86400"
    assert given["QMK_TOOLCHAIN_DIGEST"].startswith("sha256:")


def test_only_an_api_that_is_told_of_pushes_may_create_jobs() -> None:
    def starts(manifests: list[Manifest]) -> bool:
        """Whether it may, which is told to it."""
        rules = find(manifests, "Role", "qmk-compile-api")["rules"]
        granted = {resource for rule in rules for resource in rule["resources"]}
        told = variables(containers_of(pods(manifests)["Deployment/qmk-compile-api"])["api"])
        assert told["QMK_START_REFRESHES"] == str("jobs" in granted).lower()
        assert ("cronjobs" in granted) == ("jobs" in granted)
        return "jobs" in granted

    told = {"webhooks__existingSecret": "hooks"}
    assert not starts(following(MASTER))
    assert starts(following(MASTER, **told))
    assert not starts(following(**told))
    assert not starts(following(MASTER, **told, refresh__enabled=False))


def test_its_pods_reach_storage_and_what_git_and_kubernetes_listen_on() -> None:
    manifests = following(MASTER)
    policy = find(manifests, "NetworkPolicy", "qmk-compile-tasks")["spec"]
    labels = pods(manifests)[f"CronJob/{NAME}"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["ingress"] == []
    *closed, anywhere = policy["egress"]
    assert [sorted(port["port"] for port in rule["ports"]) for rule in closed] == [[53, 53], [8333]]
    assert "to" not in anywhere
    assert [port["port"] for port in anywhere["ports"]] == [22, 443, 6443]


def test_no_port_is_open_anywhere_where_none_is_named() -> None:
    policy = find(following(MASTER, refresh__egressPorts=[]), "NetworkPolicy", "qmk-compile-tasks")[
        "spec"
    ]
    assert all("to" in rule for rule in policy["egress"])
