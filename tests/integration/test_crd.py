"""What a real API server accepts as a CompileJob, and what it answers to the rest."""

import copy
from typing import Any, cast

import pytest
from kubernetes import client

from qmk_contract.names import API_VERSION, GROUP, KIND, PLURAL, VERSION

GOOD_KEYMAP = {"layout": "LAYOUT", "layers": [["KC_A", "MO(1)"], None, ["KC_TRNS", None]]}


def job(name: str = "job", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"keyboard": "demo/pad6", "keymap": copy.deepcopy(GOOD_KEYMAP), **spec},
    }


def keymap(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD_KEYMAP), **fields}


class Jobs:
    """CompileJobs of one namespace, with the server's messages as text."""

    def __init__(self, api: client.CustomObjectsApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        return cast(
            "dict[str, Any]",
            self._api.create_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, body, field_validation="Strict"
            ),
        )

    def patch(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return cast(
            "dict[str, Any]",
            self._api.patch_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, name, body
            ),
        )

    def patch_status(self, name: str, status: dict[str, Any]) -> dict[str, Any]:
        return cast(
            "dict[str, Any]",
            self._api.patch_namespaced_custom_object_status(
                GROUP, VERSION, self._namespace, PLURAL, name, {"status": status}
            ),
        )

    def select(self, selector: str) -> list[str]:
        found = self._api.list_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURAL, field_selector=selector
        )
        return [item["metadata"]["name"] for item in cast("dict[str, Any]", found)["items"]]


@pytest.fixture
def jobs(api_client: client.ApiClient, namespace: str) -> Jobs:
    return Jobs(client.CustomObjectsApi(api_client), namespace)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"keyboard": "clueboard/66/rev3"},
        {"channel": "develop", "firmwareCommit": "0" * 40},
        {"firmwareCommit": "0" * 64, "class": "test", "client": "a.b-c"},
        {"keymap": keymap(config={"tapping": {"term": 175}}, host_language="german")},
        {"keymap": keymap(macros=[["hello", {"action": "tap", "keycodes": ["A"]}]])},
        {"keymap": keymap(encoders=[[{"ccw": "KC_VOLD", "cw": "KC_VOLU"}]])},
        {"keymap": keymap(converter="elite_pi", modules=["qmk/hello_world"])},
        {"timeoutSeconds": 1, "ttlSecondsAfterFinished": 0},
        {"cancel": True},
    ],
)
def test_a_good_object_is_accepted(jobs: Jobs, spec: dict[str, Any]) -> None:
    made = jobs.create(job(**spec))
    assert made["spec"]["keymap"] == job(**spec)["spec"]["keymap"]


def test_defaults_are_filled_in(jobs: Jobs) -> None:
    made = jobs.create(job())
    assert made["spec"] == {
        **job()["spec"],
        "keymapName": "keymap",
        "channel": "master",
        "class": "interactive",
        "client": "anonymous",
        "timeoutSeconds": 300,
        "ttlSecondsAfterFinished": 900,
        "cancel": False,
        "rerun": 0,
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (job(name="a" * 53), "at most 52 characters and no dots"),
        (job(name="a.b"), "at most 52 characters and no dots"),
        (job(keyboard=None), "spec.keyboard: Required value"),
        (job(keyboard="../etc"), "spec.keyboard"),
        (job(keyboard="A" * 10), "spec.keyboard"),
        (job(keyboard="a" * 129), "Too long: may not be more than 128"),
        (job(keymap=None), "spec.keymap: Required value"),
        (job(keymap={"layout": "LAYOUT"}), "spec.keymap.layers: Required value"),
        (job(keymap=keymap(layout="L()")), "spec.keymap.layout"),
        (job(keymap=keymap(layers=[])), "should have at least 1 items"),
        (job(keymap=keymap(layers=[["KC_A"]] * 33)), "must have at most 32 items"),
        (job(keymap=keymap(layers=[["KC_A"] * 513])), "must have at most 512 items"),
        (job(keymap=keymap(layers=[["K" * 257]])), "may not be more than 256"),
        (job(keymap=keymap(layers=[[7]])), "must be of type string"),
        (job(keymap=keymap(converter="../x")), "spec.keymap.converter"),
        (job(keymap=keymap(notes="mine")), 'unknown field "spec.keymap.notes"'),
        (job(keymapName="a b"), "spec.keymapName"),
        (job(channel="-"), "spec.channel"),
        (job(firmwareCommit="HEAD"), "spec.firmwareCommit"),
        (job(**{"class": "vip"}), 'supported values: "interactive", "ci", "test"'),
        (job(client="10.0.0.1/24"), "spec.client"),
        (job(timeoutSeconds=0), "greater than or equal to 1"),
        (job(timeoutSeconds=3601), "less than or equal to 3600"),
        (job(ttlSecondsAfterFinished=-1), "greater than or equal to 0"),
        (job(rerun=1000), "less than or equal to 999"),
        (job(command="make"), 'unknown field "spec.command"'),
    ],
)
def test_a_bad_object_is_refused_with_a_message_that_helps(
    jobs: Jobs, body: dict[str, Any], message: str
) -> None:
    with pytest.raises(client.ApiException) as caught:
        jobs.create(body)
    assert caught.value.status in (400, 422)
    assert message in str(caught.value.body).replace('\\"', '"')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keyboard", "demo/pad7"),
        ("keymap", keymap(layout="LAYOUT_all")),
        ("keymap", keymap(config={"tapping": {"term": 1}})),
        ("keymap", keymap(macros=[["x"]])),
        ("keymapName", "other"),
        ("channel", "develop"),
        ("firmwareCommit", "1" * 40),
        ("class", "ci"),
        ("client", "other"),
        ("timeoutSeconds", 1),
    ],
)
def test_what_is_built_cannot_be_changed(jobs: Jobs, field: str, value: Any) -> None:
    jobs.create(job(keymap=keymap(config={"tapping": {"term": 2}}, macros=[["y"]])))
    with pytest.raises(client.ApiException) as caught:
        jobs.patch("job", {"spec": {field: value}})
    assert f"{field} is immutable, create another CompileJob" in str(caught.value.body)


@pytest.mark.parametrize(
    "fields",
    [
        {"config": {"tapping": None}},
        {"dip_switches": [None], "encoders": [None], "keycodes": [None], "macros": [None]},
        {"encoders": [[None, {"cw": None}]], "macros": [[{"action": None}, None]]},
        {"layers": [None, [None]]},
    ],
)
def test_status_can_be_told_of_every_keymap_that_can_be_created(
    jobs: Jobs, fields: dict[str, Any]
) -> None:
    jobs.create(job(keymap=keymap(**fields)))
    assert jobs.patch_status("job", {"phase": "Queued"})["status"]["phase"] == "Queued"


def test_the_firmware_commit_cannot_be_taken_away(jobs: Jobs) -> None:
    jobs.create(job(firmwareCommit="1" * 40))
    with pytest.raises(client.ApiException, match="firmwareCommit is immutable"):
        jobs.patch("job", {"spec": {"firmwareCommit": None}})


def test_cancel_rerun_and_expiry_can_be_asked_for(jobs: Jobs) -> None:
    jobs.create(job())
    assert jobs.patch("job", {"spec": {"cancel": True}})["spec"]["cancel"] is True
    again = jobs.patch("job", {"spec": {"cancel": False, "rerun": 1}})
    assert again["metadata"]["generation"] == 3
    jobs.patch("job", {"spec": {"ttlSecondsAfterFinished": 0}})


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"cancel": False}, "cancel cannot be taken back, ask for a rerun instead"),
        ({"rerun": 3}, "cancel must be false when a rerun is asked for"),
        ({"rerun": 0, "cancel": False}, "rerun only counts up"),
    ],
)
def test_cancel_and_rerun_have_an_order(jobs: Jobs, patch: dict[str, Any], message: str) -> None:
    jobs.create(job(rerun=2, cancel=True))
    with pytest.raises(client.ApiException) as caught:
        jobs.patch("job", {"spec": patch})
    assert message in str(caught.value.body)


def test_a_new_job_is_pending_and_can_be_selected(jobs: Jobs) -> None:
    jobs.create(job("one"))
    jobs.create(job("two", keyboard="demo/other", **{"class": "ci"}))
    jobs.patch_status("two", {"phase": "Running"})
    assert jobs.select("status.phase=Pending") == ["one"]
    assert jobs.select("status.phase=Running,spec.class=ci") == ["two"]
    assert jobs.select("spec.keyboard=demo/pad6") == ["one"]


def test_status_and_spec_are_written_apart(jobs: Jobs) -> None:
    jobs.create(job())
    made = jobs.patch("job", {"status": {"phase": "Succeeded"}, "spec": {"cancel": True}})
    assert made["status"]["phase"] == "Pending"
    with pytest.raises(client.ApiException, match="supported values"):
        jobs.patch_status("job", {"phase": "Done"})
