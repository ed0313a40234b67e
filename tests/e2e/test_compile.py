"""One keymap after another through the installed service, from HTTP to the downloaded bytes."""

import hashlib
import io
from typing import Any

import pytest
from intelhex import IntelHex

from qmk_contract.build_key import parse_job_id
from qmk_contract.record_job import is_record_job
from tests.e2e.kubectl import Kubectl, wait_for_phase
from tests.e2e.service import Service


def key_of(job_id: str) -> str:
    parsed = parse_job_id(job_id)
    assert parsed is not None
    return parsed.key


def test_a_keymap_becomes_firmware(service: Service, kubectl: Kubectl) -> None:
    body = service.keymap("clueboard/66/rev3", "LAYOUT_66_ansi", 66, keymap="Mine & Yours")
    job_id = service.enqueue(body)
    reply = service.wait(job_id)
    result = reply["result"]

    assert (reply["status"], reply["is_failed"]) == ("finished", False)
    assert result["firmware_filename"] == "clueboard_66_rev3_Mine___Yours.hex"
    [url] = result["firmware_binary_url"]
    download = service.http.get(url)
    assert download.status_code == 200
    assert (
        'filename="clueboard_66_rev3_Mine___Yours.hex"' in download.headers["content-disposition"]
    )
    image = IntelHex(io.StringIO(download.text))
    assert 0 < len(image) <= 28672
    assert image.minaddr() == 0

    # The service answers from storage; Kubernetes needs a second to see that the pod has ended.
    status = wait_for_phase(kubectl, key_of(job_id), "Succeeded", seconds=30)
    assert status["firmware"]["sha256"] == hashlib.sha256(download.content).hexdigest()
    nodes = {node["metadata"]["name"] for node in kubectl.items("nodes")}
    assert status["nodeName"] in nodes
    table = kubectl("get", "compilejobs", key_of(job_id))
    assert "clueboard/66/rev3" in table
    assert status["nodeName"] in table


def test_a_firmware_does_not_tell_when_it_was_built(service: Service) -> None:
    result = service.compile(service.keymap("demo/dated", "LAYOUT_ortho_2x3", 6))["result"]
    [url] = result["firmware_binary_url"]
    image = IntelHex(io.StringIO(service.http.get(url).text))
    assert b"Built on Jan  1 1970 at 00:00:00\0" in image.tobinstr()


def test_keymap_and_source_can_be_downloaded(service: Service) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6, keymap="pad", author="A. U. Thor")
    result = service.compile(body)["result"]
    [keymap_url] = result["firmware_keymap_url"]
    [source_url] = result["firmware_source_url"]
    keymap = service.http.get(keymap_url).json()
    assert (keymap["keymap"], keymap["layers"]) == ("pad", body["layers"])
    assert "author" not in keymap
    assert service.http.get(source_url).content[:2] == b"PK"


def test_an_old_name_of_a_keyboard_builds_the_same_firmware(service: Service) -> None:
    body = service.keymap("clueboard/66", "LAYOUT_66_ansi", 66)
    by_alias = service.enqueue(body)
    by_name = service.enqueue({**body, "keyboard": "clueboard/66/rev3"})
    assert by_alias == by_name
    assert service.wait(by_alias)["is_failed"] is False


def test_a_null_layer_and_a_null_key_are_filled(service: Service) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6)
    body["layers"] = [[*body["layers"][0][:5], None], None]
    assert service.compile(body)["is_failed"] is False


def test_an_equal_request_makes_no_second_job(service: Service, kubectl: Kubectl) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6)
    first = service.compile(body)
    jobs = made(kubectl, "jobs")
    again = service.enqueue({**body, "notes": "another person's"})
    reply = service.poll(again)
    assert reply["status"] == "finished"
    assert reply["result"]["sha256"] == first["result"]["sha256"]
    assert made(kubectl, "jobs") <= jobs


def test_a_compile_error_is_told_to_its_author(service: Service) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6)
    body["layers"][0][3] = "KC_NOPE"
    job_id = service.enqueue(body)
    reply = service.wait(job_id)
    result = reply["result"]
    assert (reply["status"], reply["is_failed"]) == ("finished", True)
    assert result["returncode"] != 0
    assert "KC_NOPE" in result["output"]
    assert "/scratch" not in result["output"]
    assert "firmware_binary_url" not in result
    [diagnostic] = [item for item in result["diagnostics"] if "KC_NOPE" in item["message"]]
    assert (diagnostic["layer"], diagnostic["key"]) == (0, 3)
    download = service.http.get(f"{service.url}/v1/compile/{job_id}/download")
    assert download.status_code == 404
    assert download.json()["code"] == 404


def test_firmware_that_does_not_fit_is_no_firmware(service: Service) -> None:
    reply = service.compile(service.keymap("demo/toolarge", "LAYOUT_ortho_2x3", 6))
    assert (reply["status"], reply["is_failed"]) == ("finished", True)
    assert reply["result"]["reason"] == "FirmwareTooLarge"
    assert "firmware_binary_url" not in reply["result"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"keyboard": "no/such", "keymap": "x", "layout": "LAYOUT", "layers": [["KC_A"]]}, 422),
        ({"keyboard": "../etc", "keymap": "x", "layout": "LAYOUT", "layers": [["KC_A"]]}, 422),
        (
            {"keyboard": "demo/pad6", "keymap": "x", "layout": "LAYOUT_no", "layers": [["KC_A"]]},
            422,
        ),
        (
            {
                "keyboard": "demo/pad6",
                "keymap": "x",
                "layout": "LAYOUT_ortho_2x3",
                "layers": [["KC_A"]],
            },
            422,
        ),
    ],
)
def test_a_bad_request_creates_nothing(
    service: Service, kubectl: Kubectl, body: Any, status: int
) -> None:
    before = made(kubectl, "compilejobs")
    reply = service.post(body)
    assert (reply.status_code, reply.json()["code"]) == (status, status)
    assert reply.json()["message"]
    after = made(kubectl, "compilejobs")
    assert after <= before


def made(kubectl: Kubectl, resource: str) -> set[str]:
    """All of a resource but what the operator makes by itself, when it finds time for it."""
    found = (item["metadata"] for item in kubectl.items(resource))
    return {metadata["uid"] for metadata in found if not is_record_job(metadata["name"])}


def test_an_unknown_job_is_a_json_404(service: Service) -> None:
    reply = service.http.get(f"{service.url}/v1/compile/{'a' * 26}.x")
    assert (reply.status_code, reply.json()["code"]) == (404, 404)


def test_the_service_tells_its_state(service: Service) -> None:
    reply = service.http.get(f"{service.url}/v1").json()
    assert reply["status"] == "running"
    assert int(reply["queue_length"]) >= 0
