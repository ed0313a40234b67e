"""Who may talk to whom, by the chart's NetworkPolicies."""

from datetime import UTC, datetime

import pytest

from qmk_contract.compile_job import CompileJob, CompileJobSpec
from qmk_contract.names import BUILD_COMPONENT, COMPONENT_LABEL
from qmk_operator.manifests import job_labels
from tests.unit.chart import NAMESPACE, VALUES_FILES, find, installed, of_kind, pods


def test_build_pods_reach_storage_and_names_only() -> None:
    policy = find(installed("minimal"), "NetworkPolicy", "qmk-compile-build")["spec"]
    assert policy["podSelector"] == {"matchLabels": {COMPONENT_LABEL: BUILD_COMPONENT}}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == []
    ports = [sorted(port["port"] for port in rule["ports"]) for rule in policy["egress"]]
    assert ports == [[53, 53], [8333]]
    assert all(peer for rule in policy["egress"] for peer in rule["to"])
    storage = pods(installed("minimal"))["StatefulSet/qmk-compile-s3"]["metadata"]["labels"]
    assert policy["egress"][1]["to"] == [{"podSelector": {"matchLabels": storage}}]


@pytest.mark.parametrize("name", VALUES_FILES)
def test_no_policy_selects_who_talks_to_the_world(name: str) -> None:
    """The API asks GitHub and Discord, and both talk to the API server: no policy names those."""
    selectors = [
        item["spec"]["podSelector"]["matchLabels"].items()
        for item in of_kind(installed(name), "NetworkPolicy")
    ]
    labels = {key: pod["metadata"]["labels"] for key, pod in pods(installed(name)).items()}
    free = {
        key
        for key, found in labels.items()
        if not any(selector <= found.items() for selector in selectors)
    }
    assert {key.rpartition("-")[2] for key in free} >= {"api", "operator"}


def test_pods_made_later_wear_the_labels_that_policies_select() -> None:
    job = CompileJob(
        name="demo",
        namespace=NAMESPACE,
        uid="1",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        spec=CompileJobSpec(keyboard="demo/pad6", keymap={}),
    )
    build = job_labels(job, 0, "a" * 26)
    manifests = installed("minimal")
    closed = find(manifests, "NetworkPolicy", "qmk-compile-build")["spec"]["podSelector"]
    assert closed["matchLabels"].items() <= build.items()
    [rule] = find(manifests, "NetworkPolicy", "qmk-compile-s3")["spec"]["ingress"]
    [allowed] = rule["from"][0]["podSelector"]["matchExpressions"]
    assert build[allowed["key"]] in allowed["values"]


def test_build_pods_reach_an_external_store_by_its_addresses() -> None:
    policy = find(installed("external"), "NetworkPolicy", "qmk-compile-build")["spec"]
    assert policy["egress"][1] == {
        "to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }
