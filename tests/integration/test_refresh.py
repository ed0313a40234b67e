"""Refreshes of git channels: what they publish, what they take over, and how they end."""

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.refresh import ObjectCounts, RefreshRequest, RefreshState
from tests.integration.git_server import git
from tests.integration.refresh_system import MODULE, RefreshSystem, refresh_system
from tests.integration.s3_server import BUCKET, S3Server

FOLDER = "keyboards/clueboard/66/rev3"


@pytest.fixture
def system(own_s3_server: S3Server, tmp_path: Path) -> Iterator[RefreshSystem]:
    with refresh_system(tmp_path, own_s3_server) as running:
        yield running
        running.empty()


def names(system: RefreshSystem, key: str) -> list[str]:
    packed = system.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    plain = subprocess.run(["zstd", "-dc"], input=packed, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return tar.getnames()


def test_a_channel_is_published_with_its_submodules_and_then_left_alone(
    system: RefreshSystem,
) -> None:
    commit = system.firmware.head()
    request = RefreshRequest("master", commit, datetime.now(UTC), "delivery")
    system.put(artifacts.refresh_request("master"), to_body(request))
    ended = system.refresh()
    assert ended.returncode == 0, ended.stderr
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == commit
    system.assert_whole(commit)
    assert f"{MODULE}/printf.h" in names(system, artifacts.core(commit))
    generator = names(system, artifacts.generator(commit))
    assert {"lib/python/qmk/cli/__init__.py", "requirements.txt"} <= set(generator)
    others = ("keyboards/", "quantum/", "data/templates/")
    assert not [name for name in generator if name.startswith(others)]
    content = system.s3.get_object(Bucket=BUCKET, Key=artifacts.source(commit))["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.read(f"qmk_firmware/{MODULE}/printf.h") == b"// printf\n"
        assert not [name for name in packed.namelist() if "/.git/" in name]
    assert not system.exists(artifacts.refresh_request("master"))
    status = system.status()
    assert (status.state, status.commit, status.serving) == (
        RefreshState.PUBLISHED,
        commit,
        commit,
    )
    assert set(status.seconds) == {"checkout", "snapshot", "publish"}
    before = {key: system.read(key) for key in (artifacts.manifest(commit),)}
    pod = system.new_pod()
    asked = len(system.git.asked)
    pod.steps("plan", "checkout", "snapshot", "publish")
    assert before == {key: system.read(key) for key in before}
    assert not list(pod.work.iterdir())
    # Refs alone were asked for.
    assert {path.rsplit("/", 1)[-1] for path in system.git.asked[asked:]} <= {
        "refs",
        "git-upload-pack",
    }
    assert system.pointer() == pointer


def test_of_one_changed_keyboard_no_more_is_made_than_it_needs(system: RefreshSystem) -> None:
    system.refresh()
    first = system.firmware.head()
    commit = system.firmware.commit({f"{FOLDER}/readme.md": "# Another text\n"})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    objects = pod.work / commit / "objects" / f"firmware/{commit}"
    layers = {
        str(path.relative_to(objects))
        for path in objects.rglob("*")
        if path.is_file() and "api" not in path.relative_to(objects).parts[0]
    }
    assert layers == {"keyboards/clueboard.tar.zst", "source.zip", "manifest.json", "site.json"}
    published = pod.step("publish")
    assert published.returncode == 0, published.stderr
    system.assert_whole(commit)
    old, new = system.manifest(first), system.manifest(commit)
    assert new.core.sha256 == old.core.sha256
    assert new.keyboards["demo"].sha256 == old.keyboards["demo"].sha256
    assert new.keyboards["clueboard"].sha256 != old.keyboards["clueboard"].sha256
    made = sum(1 for path in objects.rglob("*") if path.is_file()) - 2
    listed = 6 + sum(1 + len(file.encoded) for file in system.index(commit).files.values())
    status = system.status()
    assert status.objects == ObjectCounts(stored=made, copied=listed - made)
    # The layer, the source, the readme; and of the site the lists that tell of all keyboards.
    assert made <= 10
    assert status.objects.copied >= 25


def test_channels_at_the_same_commit_share_it(system: RefreshSystem) -> None:
    """One follows a branch, one a tag, one is held at a commit; and the branch has moved."""
    commit = system.firmware.head()
    git(system.firmware.work, "tag", "--annotate", "--message=one", "v1")
    system.firmware.push("v1")
    for name, ref in (("stable", "v1"), ("held", commit)):
        system.channels.append({"name": name, "url": system.firmware.url, "ref": ref})
    ended = system.refresh()
    assert ended.returncode == 0, ended.stderr
    pointers = [system.pointer(name) for name in ("master", "stable", "held")]
    assert {pointer.commit for pointer in pointers if pointer is not None} == {commit}
    assert None not in pointers
    system.assert_whole(commit)
    assert len({key.split("/")[1] for key in system.keys("firmware/")}) == 1


def test_a_server_without_git_behind_it_does(system: RefreshSystem) -> None:
    """It gives no single commits, so that all history comes."""
    git(system.printf.bare, "update-server-info")
    dumb = f"{system.git.url}/dumb/firmware.git"
    system.channels[0]["url"] = dumb
    ended = system.refresh()
    assert ended.returncode == 0, ended.stderr
    system.assert_whole(system.firmware.head())


def test_a_branch_that_is_set_back_takes_its_channel_back(system: RefreshSystem) -> None:
    system.refresh()
    first = system.firmware.head()
    second = system.firmware.commit({"quantum/new.h": "// newer\n"})
    system.refresh()
    system.firmware.push(f"{first}:refs/heads/master")
    system.refresh()
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == first
    system.assert_whole(first)
    system.assert_whole(second)


def test_a_keyboard_that_cannot_be_read_is_listed_and_the_others_published(
    system: RefreshSystem,
) -> None:
    pad = "keyboards/demo/pad6/keyboard.json"
    document = json.loads((system.firmware.work / pad).read_text())
    document["layouts"]["LAYOUT_wide"]["layout"][0]["matrix"] = [9, 9]
    commit = system.firmware.commit({pad: json.dumps(document)})
    ended = system.refresh()
    assert ended.returncode == 0, ended.stderr
    status = system.status()
    assert (status.state, status.fault_count) == (RefreshState.PUBLISHED, 1)
    assert set(status.faults) == {"demo/pad6"}
    assert "v1/keyboards/clueboard/66/rev3/info.json" in system.index(commit).files
    system.assert_whole(commit)


def test_a_published_commit_is_made_again_by_force(system: RefreshSystem) -> None:
    system.refresh()
    commit = system.firmware.head()
    core = artifacts.core(commit)
    content = system.s3.get_object(Bucket=BUCKET, Key=core)["Body"].read()
    system.s3.put_object(Bucket=BUCKET, Key=core, Body=b"damaged")
    assert system.refresh().returncode == 0
    assert system.s3.get_object(Bucket=BUCKET, Key=core)["Body"].read() == b"damaged"
    ended = system.refresh("--force")
    assert ended.returncode == 0, ended.stderr
    assert system.s3.get_object(Bucket=BUCKET, Key=core)["Body"].read() == content
    system.assert_whole(commit)
