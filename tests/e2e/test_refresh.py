"""Firmware from a git repository into the installed release, and from there into a keyboard."""

import json
import re
import secrets
from collections.abc import Iterator

import pytest

from qmk_contract.build_key import build_key
from qmk_contract.keymap import normalise_keymap
from qmk_contract.names import API_VERSION, KIND
from tests.e2e.followed_channel import CHANNEL, FollowedChannel, followed_channel
from tests.e2e.kubectl import Kubectl, wait_for_phase
from tests.e2e.service import Service
from tests.integration.git_server import git
from tests.unit.github_webhooks import encoded, headers, push

KEYBOARD = "demo/pad6"
STORED = re.compile(r"Stored (\d+) objects of commit \w+, copied (\d+)")


@pytest.fixture(scope="module")
def followed(
    kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FollowedChannel]:
    with followed_channel(kubectl, tmp_path_factory.mktemp("followed")) as channel:
        yield channel


def head(followed: FollowedChannel) -> str:
    return git(followed.repository.work, "rev-parse", "HEAD").strip()


def check_built_from(commit: str, service: Service, kubectl: Kubectl) -> None:
    """A CompileJob that names the channel is built from that commit."""
    keymap = service.keymap(KEYBOARD, "LAYOUT_ortho_2x3", 6)
    name = f"e2e-{secrets.token_hex(4)}"
    spec = {
        "keyboard": KEYBOARD,
        "channel": CHANNEL,
        "keymap": {field: keymap[field] for field in ("layout", "layers")},
    }
    kubectl.apply(
        {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
    )
    status = wait_for_phase(kubectl, name, "Succeeded", "Failed", seconds=60)
    assert status["phase"] == "Succeeded", status
    images = json.loads((kubectl.kubeconfig.parent / "images.json").read_text())
    assert status["buildKey"] == build_key(
        firmware_commit=commit,
        toolchain_digest=images["qmk-toolchain"]["digest"],
        keyboard=KEYBOARD,
        keymap=normalise_keymap(keymap),
        keymap_name="any",
    )


def test_a_refresh_by_hand_publishes_the_commit_of_the_ref(
    followed: FollowedChannel, service: Service, kubectl: Kubectl
) -> None:
    printed = followed.wait(followed.start())
    assert f"Channel {CHANNEL} is at {head(followed)}." in printed["publish"]
    check_built_from(head(followed), service, kubectl)


def test_a_push_refreshes_at_once_and_stores_only_what_changed(
    followed: FollowedChannel, service: Service
) -> None:
    before = followed.jobs()
    board = f"keyboards/{KEYBOARD}/keyboard.json"
    content = json.loads((followed.repository.work / board).read_text())
    commit = followed.repository.commit({board: json.dumps({**content, "maintainer": "e2e"})})
    body = encoded(push(after=commit, repository={"full_name": followed.repository_name}))
    told = headers(body, "push", secrets.token_hex(8))
    reply = service.http.post(f"{service.url}/postreceive", content=body, headers=told)
    assert reply.status_code == 204, reply.text

    [name] = followed.jobs().keys() - before.keys()
    assert name.startswith(f"{followed.cron_job}-p")
    printed = followed.wait(name)
    assert f"Channel {CHANNEL} is at {commit}." in printed["publish"]
    found = STORED.search(printed["publish"])
    assert found is not None, printed["publish"]
    stored, copied = map(int, found.groups())
    assert 0 < stored < copied


def test_a_ref_that_is_gone_fails_the_job_with_its_reason_and_leaves_the_commit(
    followed: FollowedChannel, service: Service, kubectl: Kubectl
) -> None:
    commit = head(followed)
    git(followed.repository.bare, "update-ref", "-d", "refs/heads/master")
    try:
        name = followed.start()
        printed = followed.wait(name, "Failed")
    finally:
        followed.repository.push("HEAD:refs/heads/master")
    reason = printed["publish"].strip().splitlines()[-1]
    assert reason.startswith(f"Channel {CHANNEL} could not be refreshed: ")
    assert "master" in reason
    check_built_from(commit, service, kubectl)


def test_a_refresh_of_what_is_published_changes_nothing(followed: FollowedChannel) -> None:
    printed = followed.wait(followed.start())
    assert f"Channel {CHANNEL} is at {head(followed)}, as its source is." in printed["plan"]
