"""The Job and its orders: facts that the design rests on."""

import json
from dataclasses import replace
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.exit_codes import NOT_RETRIED, ExitCode
from qmk_contract.phases import JobClass
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.work_order import BuildOrder, SandboxMode, UploadOrder
from qmk_operator.manifests import JobLimits, job_manifest
from qmk_operator.orders import Orders, Run, deadline_seconds, make_orders
from qmk_operator.settings import PodSettings
from tests.unit.operator_bodies import FakeStorage
from tests.unit.operator_objects import (
    COMMIT,
    DIGEST,
    KEY,
    NOW,
    POINTER,
    RECORD,
    REQUEST,
    SETTINGS,
    ago,
    compile_job,
)

RUN = Run(60, 900, requested=ago(5), admitted=NOW)
LIMITS = JobLimits(active_deadline_seconds=900, infra_retries=2, ttl_seconds=300)


def manifest(pod: PodSettings = SETTINGS.pod, rerun: int = 0) -> dict[str, Any]:
    orders = make_orders(REQUEST, None, RUN, pod, FakeStorage())
    return job_manifest(compile_job(), rerun, orders, pod, LIMITS)


def pod_spec(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = manifest(replace(SETTINGS.pod, **changes))["spec"]["template"]["spec"]
    return spec


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container["env"]}


def test_the_job_is_named_after_its_run_and_owned_by_its_compile_job() -> None:
    first, third = manifest(), manifest(rerun=2)
    assert first["metadata"]["name"] == KEY
    assert third["metadata"]["name"] == f"{KEY}-r2"
    (owner,) = first["metadata"]["ownerReferences"]
    assert owner["uid"] == f"uid-{KEY}"
    assert owner["controller"] is True
    assert "blockOwnerDeletion" not in owner


def test_the_job_and_its_pod_carry_the_labels_that_the_watches_select() -> None:
    body = manifest(rerun=1)
    labels = body["metadata"]["labels"]
    assert labels == body["spec"]["template"]["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/managed-by": "qmk-compile",
        "app.kubernetes.io/name": "qmk-compile",
        "app.kubernetes.io/component": "build",
        "qmk.fm/compile-job": KEY,
        "qmk.fm/build-key": KEY,
        "qmk.fm/rerun": "1",
    }
    assert body["metadata"]["annotations"] == {"qmk.fm/toolchain-digest": DIGEST}


def test_what_would_come_again_fails_the_job_and_what_the_cluster_did_counts() -> None:
    spec = manifest()["spec"]
    disruption, exit_codes = spec["podFailurePolicy"]["rules"]
    assert disruption["action"] == "Count"
    assert disruption["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert exit_codes["action"] == "FailJob"
    assert exit_codes["onExitCodes"]["containerName"] == "build"
    assert set(exit_codes["onExitCodes"]["values"]) == {*map(int, NOT_RETRIED), 137}
    assert ExitCode.FETCH_FAILED not in exit_codes["onExitCodes"]["values"]
    assert (spec["podReplacementPolicy"], spec["backoffLimit"]) == ("Failed", 2)
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (900, 300)


def test_the_pod_is_restricted() -> None:
    spec = pod_spec()
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for side in ("requests", "limits"):
            assert set(container["resources"][side]) == {"cpu", "memory", "ephemeral-storage"}


def test_each_container_gets_its_own_order_only() -> None:
    build, upload = pod_spec()["containers"]
    assert (build["args"], upload["args"]) == (["build"], ["upload"])
    assert build["image"] == upload["image"] == SETTINGS.pod.image
    order = from_body(BuildOrder, json.loads(environment(build)["QMK_BUILD_ORDER"]))
    assert (order.key, order.firmware_commit, order.toolchain_digest) == (KEY, COMMIT, DIGEST)
    assert order.timeout_seconds == 60
    assert "put:" not in environment(build)["QMK_BUILD_ORDER"]
    targets = from_body(UploadOrder, json.loads(environment(upload)["QMK_UPLOAD_ORDER"])).targets
    assert set(targets) == {
        artifacts.FIRMWARE, artifacts.LOG, artifacts.FAILED_LOG, artifacts.KEYMAP_C,
        artifacts.RESULT,
    }  # fmt: skip
    assert all(url.startswith(f"put:builds/{KEY}/") for url in targets.values())
    assert "QMK_UPLOAD_ORDER" not in environment(build)
    assert "QMK_BUILD_ORDER" not in environment(upload)


@pytest.mark.parametrize(
    ("in_memory", "volume"),
    [
        (True, {"sizeLimit": "1073741824", "medium": "Memory"}),
        (False, {"sizeLimit": "1073741824"}),
    ],
)
def test_the_containers_share_what_a_build_leaves_and_nothing_else(
    in_memory: bool, volume: dict[str, str]
) -> None:
    spec = pod_spec(scratch_bytes=1 << 30, scratch_in_memory=in_memory)
    volumes = {item["name"]: item["emptyDir"] for item in spec["volumes"]}
    assert volumes == {"scratch": volume, "out": {"sizeLimit": "256Mi"}}
    build, upload = (
        {item["mountPath"]: item["name"] for item in container["volumeMounts"]}
        for container in spec["containers"]
    )
    assert build == {"/scratch": "scratch", "/tmp": "scratch", "/scratch/out": "out"}
    assert upload == {"/scratch/out": "out"}
    assert environment(spec["containers"][0])["QMK_SCRATCH_BYTES"] == str(1 << 30)
    for container, mounts in zip(spec["containers"], (build, upload), strict=True):
        assert environment(container)["HOME"] in mounts
        assert environment(container)["TMPDIR"] in mounts


@pytest.mark.parametrize("name", ["", "builds"])
def test_a_priority_class_is_named_only_if_there_is_one(name: str) -> None:
    assert pod_spec(priority_class=name or None).get("priorityClassName", "") == name


def test_the_job_outlives_all_that_its_pods_may_take() -> None:
    pod = replace(SETTINGS.pod, fetch_seconds=10, upload_seconds=20)
    once = deadline_seconds(100, pod, infra_retries=0, image_pull_seconds=0)
    assert once > 10 + 100 + 20
    assert deadline_seconds(100, pod, infra_retries=2, image_pull_seconds=30) > 3 * once + 30


@pytest.mark.parametrize("job_class", JobClass)
def test_a_build_that_nobody_waits_for_yields_the_processor(job_class: JobClass) -> None:
    orders = make_orders(REQUEST, None, RUN, SETTINGS.pod, FakeStorage())
    body = job_manifest(compile_job(job_class=job_class), 0, orders, SETTINGS.pod, LIMITS)
    build = body["spec"]["template"]["spec"]["containers"][0]
    expected = "10m" if job_class is JobClass.TEST else SETTINGS.pod.build.cpu_request
    assert build["resources"]["requests"]["cpu"] == expected
    assert build["resources"]["limits"]["cpu"] == SETTINGS.pod.build.cpu_limit


def orders_of(record: RecordPointer | None = None, **changes: Any) -> Orders:
    request = replace(REQUEST, record=RECORD, **changes)
    return make_orders(request, record, RUN, SETTINGS.pod, FakeStorage())


def test_a_build_is_told_when_it_was_asked_for_and_admitted() -> None:
    build = orders_of().build
    assert (build.requested, build.admitted) == (RUN.requested, RUN.admitted)
    assert build.sandbox is SandboxMode.REQUIRE


def test_a_build_gets_the_record_of_its_keyboard() -> None:
    build = orders_of(POINTER).build
    assert build.record is not None
    assert build.generator is not None
    assert (build.record.sha256, build.record.size) == (POINTER.sha256, POINTER.size)
    assert RECORD.object_key in build.record.url
    assert RECORD.generator.key in build.generator.url
    assert build.record_digest == RECORD.digest


@pytest.mark.parametrize("may_record", [True, False])
@pytest.mark.parametrize("record", [None, POINTER])
def test_only_a_build_that_records_can_write_a_record(
    record: RecordPointer | None, may_record: bool
) -> None:
    orders = orders_of(record, may_record=may_record)
    recording = may_record and record is None
    assert orders.build.recording is recording
    written = {name: url for name, url in orders.upload.targets.items() if "put:cache/" in url}
    expected = {
        artifacts.RECORD: f"put:{RECORD.object_key}:application/zstd:1200",
        artifacts.RECORD_POINTER: f"put:{RECORD.pointer_key}:application/json:1200",
    }
    assert written == (expected if recording else {})


def test_where_no_record_can_be_the_order_has_none() -> None:
    orders = make_orders(REQUEST, POINTER, RUN, SETTINGS.pod, FakeStorage())
    build = orders.build
    assert (build.record, build.generator, build.record_digest) == (None, None, "")
    assert not any("cache/" in url for url in orders.upload.targets.values())


def test_urls_outlive_the_job() -> None:
    orders = make_orders(REQUEST, None, RUN, SETTINGS.pod, FakeStorage())
    urls = [orders.build.request.url, *(layer.url for layer in orders.build.layers)]
    urls += orders.upload.targets.values()
    assert all(int(url.rsplit(":", 1)[1]) > 900 for url in urls)


def test_what_is_fetched_has_its_digest_and_size() -> None:
    orders = make_orders(REQUEST, None, RUN, SETTINGS.pod, FakeStorage())
    for fetch in (orders.build.request, *orders.build.layers):
        assert fetch.sha256 is not None
        assert len(fetch.sha256) == 64
        assert fetch.size
