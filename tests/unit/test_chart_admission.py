"""Where the chart holds the API to the Jobs of refreshes, and which it names then."""

from typing import Any

import pytest

from tests.unit.chart import (
    NAMESPACE,
    VALUES_FILES,
    Manifest,
    find,
    get,
    installed,
    of_kind,
    pods,
    render,
    values_file,
    with_value,
)

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
CHANNELS = get(values_file("everything"), "channels")
NAMES = [channel["name"] for channel in CHANNELS]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render(told_of_pushes())


def told_of_pushes() -> dict[str, Any]:
    return with_value(values_file("everything"), "admissionPolicy.enabled", value=True)


def may_create_jobs(manifests: list[Manifest]) -> bool:
    [role] = [
        item for item in of_kind(manifests, "Role") if item["metadata"]["name"].endswith("-api")
    ]
    return any("jobs" in rule["resources"] for rule in role["rules"])


@pytest.mark.parametrize("name", VALUES_FILES)
@pytest.mark.parametrize("told", [True, False])
def test_there_is_a_policy_just_where_the_api_may_create_jobs(name: str, told: bool) -> None:
    values = with_value(values_file(name), "admissionPolicy.enabled", value=True)
    values = with_value(values, "channels", CHANNELS)
    values = with_value(values, "webhooks.existingSecret", "hooks" if told else "")
    manifests = render(values)
    assert may_create_jobs(manifests) is told
    assert bool(of_kind(manifests, POLICY)) is told
    assert bool(of_kind(manifests, BINDING)) is told


def test_it_can_be_left_out() -> None:
    manifests = installed("everything")
    assert may_create_jobs(manifests)
    assert of_kind(manifests, POLICY) + of_kind(manifests, BINDING) == []


def test_values_that_know_nothing_of_it_have_it() -> None:
    values = told_of_pushes()
    del values["admissionPolicy"]
    assert len(of_kind(render(values), POLICY)) == 1


def test_it_is_about_jobs_that_the_api_s_account_creates(manifests: list[Manifest]) -> None:
    [policy] = of_kind(manifests, POLICY)
    spec = policy["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConstraints"] == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "resourceRules": [
            {
                "apiGroups": ["batch"],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["jobs"],
            }
        ],
    }
    account = pods(manifests)["Deployment/firmware-api"]["spec"]["serviceAccountName"]
    [condition] = spec["matchConditions"]
    assert condition["expression"] == (
        f'request.userInfo.username == "system:serviceaccount:{NAMESPACE}:{account}"'
    )


def test_every_channel_s_jobs_are_compared_with_its_cron_job(manifests: list[Manifest]) -> None:
    bindings = {
        binding["spec"]["matchResources"]["objectSelector"]["matchLabels"][
            "qmk.fm/channel"
        ]: binding
        for binding in of_kind(manifests, BINDING)
        if "name" in binding["spec"]["paramRef"]
    }
    assert list(bindings) == NAMES
    for channel, binding in bindings.items():
        reference = binding["spec"]["paramRef"]
        cron_job = find(manifests, "CronJob", reference["name"])
        assert cron_job["metadata"]["labels"]["qmk.fm/channel"] == channel
        assert reference["namespace"] == NAMESPACE


def test_no_job_is_without_a_binding_and_none_only_warns(manifests: list[Manifest]) -> None:
    [policy] = of_kind(manifests, POLICY)
    *channels, other = of_kind(manifests, BINDING)
    assert len(channels) == len(NAMES)
    assert other["spec"]["matchResources"]["objectSelector"] == {
        "matchExpressions": [{"key": "qmk.fm/channel", "operator": "NotIn", "values": NAMES}]
    }
    selector = other["spec"]["paramRef"]["selector"]["matchLabels"].items()
    assert all(
        selector <= item["metadata"]["labels"].items() for item in of_kind(manifests, "CronJob")
    )
    for binding in (*channels, other):
        assert binding["spec"]["policyName"] == policy["metadata"]["name"]
        assert binding["spec"]["validationActions"] == ["Deny"]
        assert binding["spec"]["paramRef"]["parameterNotFoundAction"] == "Allow"


def test_what_belongs_to_the_cluster_is_named_after_the_release_and_its_namespace(
    manifests: list[Manifest],
) -> None:
    for item in (*of_kind(manifests, POLICY), *of_kind(manifests, BINDING)):
        own, _, namespace = item["metadata"]["name"].partition(".")
        assert own.startswith("firmware-")
        assert namespace == NAMESPACE
