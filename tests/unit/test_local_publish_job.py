"""The Job that publishes firmware in the local cluster."""

import json
from typing import Any

import pytest

from qmk_local.publish_job import (
    Publication,
    failure,
    is_complete,
    job_name,
    publish_job,
    sandbox_of,
)
from qmk_local.release_storage import storage_environment
from tests.unit.chart import installed

PUBLICATION = Publication(
    commit="c" * 64,
    channel="master",
    tree_url="http://qmk-compile-s3:8333/qmk/incoming/x?X-Amz-Signature=y",
    tree_sha256="d" * 64,
    toolchain_image="localhost/qmk-toolchain:aaaaaaaaaaaa",
    operator_image="localhost/qmk-operator:bbbbbbbbbbbb",
    sandbox="prefer",
)
STORAGE: list[dict[str, Any]] = [
    {"name": "S3_BUCKET", "value": "qmk"},
    {"name": "S3_SECRET_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "secretKey"}}},
]
SPEC = publish_job(PUBLICATION, STORAGE)["spec"]["template"]["spec"]
PLAN, SNAPSHOT = SPEC["initContainers"]
(PUBLISH,) = SPEC["containers"]


def test_the_trees_own_code_runs_without_credentials() -> None:
    assert SNAPSHOT["image"] == PUBLICATION.toolchain_image
    assert SNAPSHOT["env"] == [{"name": "QMK_SANDBOX", "value": "prefer"}]
    assert "S3_" not in json.dumps(SNAPSHOT)
    for container in (PLAN, PUBLISH):
        assert container["image"] == PUBLICATION.operator_image
        assert container["env"] == STORAGE
        assert PUBLICATION.tree_url not in json.dumps(container)


def test_the_trees_own_code_cannot_change_what_is_planned() -> None:
    read_only = {
        container["name"]: {
            item["mountPath"]: item["readOnly"] for item in container["volumeMounts"]
        }
        for container in (PLAN, SNAPSHOT, PUBLISH)
    }
    assert read_only == {
        "plan": {"/plan": False},
        "snapshot": {"/plan": True, "/work": False},
        "publish": {"/plan": False, "/work": False},
    }
    assert {volume["name"] for volume in SPEC["volumes"]} == {"plan", "work"}


def test_each_container_runs_its_step() -> None:
    for container in (PLAN, SNAPSHOT, PUBLISH):
        step = container["name"]
        assert container["command"][:6] == ["python3", "-m", "qmk_tasks", step, "--plan", "/plan"]


@pytest.mark.parametrize(
    "container", [PLAN, SNAPSHOT, PUBLISH], ids=["plan", "snapshot", "publish"]
)
def test_the_pod_fits_the_restricted_pod_security_standard(container: dict[str, object]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert SPEC["securityContext"]["runAsNonRoot"] is True
    assert SPEC["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert SPEC["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("master", "publish-master-cccccccccccc"),
        ("2026_q4.x", "publish-2026-q4-x-cccccccccccc"),
        ("a" * 63, f"publish-{'a' * 32}-cccccccccccc"),
    ],
)
def test_one_publication_has_one_name(channel: str, name: str) -> None:
    assert job_name(channel, PUBLICATION.commit) == name


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, None),
        ({"active": 1}, None),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, None),
        ({"conditions": [{"type": "Failed", "status": "False", "message": "no"}]}, None),
        ({"conditions": [{"type": "Failed", "status": "True", "message": "why"}]}, "why"),
        ({"conditions": [{"type": "Failed", "status": "True", "reason": "R"}]}, "R"),
    ],
)
def test_a_failed_job_says_why(status: dict[str, object], why: str | None) -> None:
    assert failure({"status": status}) == why
    assert is_complete({"status": status}) == ("Complete" in str(status))


def test_the_sandbox_is_that_of_the_releases_builds() -> None:
    [operator] = (
        item
        for item in installed("minimal")
        if (item["kind"], item["metadata"]["name"]) == ("Deployment", "qmk-compile-operator")
    )
    assert sandbox_of(operator) == "require"


def test_storage_is_found_where_the_operator_is_told_of_it() -> None:
    env = [{"name": "QMK_NAMESPACE", "value": "qmk"}, *STORAGE]
    body = {"spec": {"template": {"spec": {"containers": [{"name": "operator", "env": env}]}}}}
    assert storage_environment(body) == STORAGE
