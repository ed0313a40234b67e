"""What the chart's policy lets the API's account create: a real API server decides."""

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import yaml
from kubernetes import client, utils
from kubernetes.client.exceptions import ApiException

from qmk_api.adapters.refreshes import KubernetesRefreshes
from qmk_api.webhooks.refresh_job import refresh_job
from qmk_contract.names import CHANNEL_LABEL
from qmk_local import go_programs
from qmk_local.apiserver import RunningApiServer
from qmk_local.settings import Settings
from tests.integration.altered_jobs import (
    ALTERED,
    FORK,
    GONE,
    LABELS,
    OTHER_IMAGE,
    PODS,
    PODS_METADATA,
    REFUSED,
    RUNS,
    Body,
    altered,
)
from tests.integration.compile_jobs import CompileJobs
from tests.unit.chart import CHART, RELEASE, chart, values_file, with_value
from tests.waiting import wait_for

POLICY = "ValidatingAdmissionPolicy"
KINDS = ("ServiceAccount", "Role", "RoleBinding", "CronJob", POLICY, f"{POLICY}Binding")
MASTER = "develop"
SECONDS = 30


@dataclass(frozen=True)
class Release:
    """What the chart makes that decides, in a namespace of its own."""

    admin: client.ApiClient
    namespace: str

    def account(self, component: str) -> client.ApiClient:
        """Calls as a service account of the release."""
        made = client.ApiClient(self.admin.configuration)
        user = f"system:serviceaccount:{self.namespace}:firmware-{component}"
        made.default_headers["Impersonate-User"] = user
        assert isinstance(made, client.ApiClient)
        return made

    def cron_job(self, channel: str) -> Body:
        found: Any = client.CustomObjectsApi(self.account("api")).list_namespaced_custom_object(
            "batch", "v1", self.namespace, "cronjobs", label_selector=f"{CHANNEL_LABEL}={channel}"
        )
        [cron_job] = found["items"]
        return dict(cron_job)

    def refresh(self, channel: str = MASTER) -> Body:
        """The Job that the API makes."""
        job = refresh_job(self.cron_job(channel), ())
        assert job is not None
        return job

    def refusal(self, job: Body, account: str = "api") -> str:
        """Why an account may not create a Job; empty where it may. Creates none."""
        try:
            client.CustomObjectsApi(self.account(account)).create_namespaced_custom_object(
                "batch", "v1", self.namespace, "jobs", job, dry_run="All"
            )
        except ApiException as error:
            return str(error.body)
        return ""


@contextmanager
def release(admin: client.ApiClient, api_server: RunningApiServer) -> Iterator[Release]:
    """Installed, and in force: an API server learns of a policy a moment after it is made."""
    made = Release(admin, f"test-{secrets.token_hex(4)}")
    metadata = {"name": made.namespace}
    api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    values = with_value(values_file("everything"), "admissionPolicy.enabled", value=True)
    values = with_value(values, "refresh.suspend", value=False)
    files = chart().render(values, name=RELEASE, namespace=made.namespace)
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    manifests = [item for text in texts for item in yaml.safe_load_all(text) if item]
    manifests = [item for item in manifests if item["kind"] in KINDS]
    for item in sorted(manifests, key=lambda item: KINDS.index(item["kind"])):
        utils.create_from_dict(  # type: ignore[no-untyped-call]
            admin, item, namespace=made.namespace
        )
    try:
        for channel in (MASTER, FORK):
            wait_for(
                f"the policy for channel {channel}",
                partial(_in_force, made, channel),
                seconds=SECONDS,
            )
        nobody_s = altered(made.refresh(), LABELS, {})
        wait_for("the policy for others", lambda: made.refusal(nobody_s), seconds=SECONDS)
        yield made
    finally:
        admission = client.AdmissionregistrationV1Api(admin)
        for item in manifests:
            if item["kind"] == POLICY:
                admission.delete_validating_admission_policy(item["metadata"]["name"])
            elif item["kind"] == f"{POLICY}Binding":
                admission.delete_validating_admission_policy_binding(item["metadata"]["name"])


def _in_force(release: Release, channel: str) -> bool:
    other = altered(release.refresh(channel), *OTHER_IMAGE)
    return PODS in release.refusal(other) and not release.refusal(release.refresh(channel))


@pytest.fixture(scope="module")
def released(api_client: client.ApiClient, api_server: RunningApiServer) -> Iterator[Release]:
    with release(api_client, api_server) as made:
        yield made


async def test_what_the_api_itself_makes_is_admitted(released: Release) -> None:
    jobs = CompileJobs(released.admin, released.namespace)
    await KubernetesRefreshes(released.account("api"), released.namespace).start((MASTER, FORK))
    made = jobs.jobs()
    assert len(made) == 2
    for name in made:
        client.BatchV1Api(released.admin).delete_namespaced_job(
            name, released.namespace, propagation_policy="Background"
        )
        jobs.wait_no_job(name)


@pytest.mark.parametrize("channel", [MASTER, FORK])
def test_a_refresh_of_each_channel_is_admitted(released: Release, channel: str) -> None:
    assert released.refusal(released.refresh(channel)) == ""


@pytest.mark.parametrize("what", ALTERED)
def test_anything_else_is_refused_with_its_reason(released: Release, what: str) -> None:
    path, value, reason = ALTERED[what]
    refusal = released.refusal(altered(released.refresh(), path, value))
    assert f"denied request: {reason}" in refusal
    assert "is forbidden" in refusal


def test_a_selector_of_its_own_is_refused(released: Release) -> None:
    """With one, a Job would take over the pods of others."""
    job = altered(released.refresh(), ("spec", "manualSelector"), value=True)
    selector = {"matchLabels": job["spec"]["template"]["metadata"]["labels"]}
    assert RUNS in released.refusal(altered(job, ("spec", "selector"), selector))


def test_one_channel_s_pods_are_not_run_as_the_other_s(released: Release) -> None:
    job = altered(released.refresh(), ("spec",), released.refresh(FORK)["spec"])
    assert PODS_METADATA in released.refusal(job)


def test_who_may_create_jobs_of_its_own_still_does(released: Release) -> None:
    job = altered(released.refresh(), *OTHER_IMAGE)
    assert released.refusal(job, account="operator") == ""


def test_what_cannot_be_compared_stops_nobody_s_jobs_and_the_others_are_compared_still(
    api_client: client.ApiClient, api_server: RunningApiServer
) -> None:
    with release(api_client, api_server) as made:
        job, anything = made.refresh(FORK), altered(made.refresh(FORK), *OTHER_IMAGE)
        client.BatchV1Api(made.admin).delete_namespaced_cron_job(
            job["metadata"]["ownerReferences"][0]["name"], made.namespace
        )
        wait_for("an end of comparing", lambda: not made.refusal(anything), seconds=SECONDS)
        assert made.refusal(job, account="operator") == ""
        assert REFUSED in made.refusal(altered(anything, (*LABELS, CHANNEL_LABEL), GONE))
        assert REFUSED in made.refusal(altered(made.refresh(), *OTHER_IMAGE))
        assert made.refusal(made.refresh()) == ""


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), True),
        (("v1/Pod",), False),
        (("v1/Pod", f"admissionregistration.k8s.io/v1/{POLICY}"), True),
    ],
    ids=["no cluster", "a cluster without the kind", "a cluster with it"],
)
def test_a_cluster_without_the_kind_gets_none(known: Sequence[str], expected: bool) -> None:
    settings = Settings.from_environment()
    helm = go_programs.built(("cluster",), settings).path("helm")
    rendered = subprocess.run(
        [
            str(helm), "template", RELEASE, str(CHART),
            f"--values={CHART / 'ci/everything-values.yaml'}", "--set=admissionPolicy.enabled=true",
            *(f"--api-versions={version}" for version in known),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert (f"kind: {POLICY}\n" in rendered) is expected
