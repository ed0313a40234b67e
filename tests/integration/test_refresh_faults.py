"""Whatever goes wrong, no half-published commit is seen, the old one serves, and it is told why."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.refresh import RefreshState
from tests.integration.refresh_system import RefreshSystem, refresh_system
from tests.integration.s3_proxy import s3_proxy
from tests.integration.s3_server import S3Server

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def system(own_s3_server: S3Server, tmp_path: Path) -> Iterator[RefreshSystem]:
    with refresh_system(tmp_path, own_s3_server) as running:
        yield running
        running.empty()


@pytest.fixture
def serving(system: RefreshSystem) -> str:
    """The commit that channel master is at."""
    ended = system.refresh()
    assert ended.returncode == 0, ended.stderr
    return system.firmware.head()


def assert_failed(system: RefreshSystem, serving: str, why: str) -> None:
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == serving
    system.assert_whole(serving)
    status = system.status()
    assert (status.state, status.serving) == (RefreshState.FAILED, serving)
    assert why in status.message


def test_who_was_stopped_for_long_writes_nothing_over_what_another_refresh_published(
    system: RefreshSystem,
) -> None:
    commit = system.firmware.head()
    slow, fast = system.new_pod(), system.new_pod()
    slow.steps("plan", "checkout", "snapshot")
    fast.steps("plan", "checkout", "snapshot")
    stopped = threading.Event()

    def stop(number: int, key: str) -> None:
        if number == 3 and not stopped.is_set():
            stopped.set()
            os.kill(process.pid, signal.SIGSTOP)
            system.expire(commit)
            fast.steps("publish")
            system.assert_whole(commit)
            os.kill(process.pid, signal.SIGCONT)

    with s3_proxy(system.s3_server, artifacts.firmware(commit)) as proxy:
        proxy.before = stop
        process = slow.start("publish", S3_ENDPOINT_URL=proxy.url)
        _, errors = process.communicate(timeout=120)
    assert stopped.is_set()
    assert process.returncode == 1
    assert "another refresh has" in errors
    system.assert_whole(commit)
    assert system.status().state is RefreshState.PUBLISHED


def test_git_that_is_away_fails_its_channel_alone_and_is_tried_again(
    system: RefreshSystem, serving: str
) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    away = "http://127.0.0.1:9/firmware.git"
    system.channels.append({"name": "away", "url": away, "ref": "master"})
    system.channels.append({"name": "none", "url": system.firmware.url, "ref": "gone"})
    # A submodule whose host is away, after the tree itself was fetched.
    system.git.refused = {"/printf.git"}
    ended = system.refresh()
    assert ended.returncode == 1
    assert_failed(system, serving, "submodule lib/printf cannot be fetched")
    assert not system.exists(artifacts.manifest(commit))
    assert "Channel away could not be refreshed" in ended.stderr
    assert "ls-remote failed" in system.status("away").message
    assert "has no branch and no tag gone" in system.status("none").message
    system.git.refused.clear()
    ended = system.refresh()
    assert ended.returncode == 1
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == commit
    system.assert_whole(commit)


def test_a_tree_whose_own_code_fails_leaves_the_old_one(
    system: RefreshSystem, serving: str
) -> None:
    module = "lib/python/qmk/cli/__init__.py"
    ill = system.firmware.commit({module: "raise SystemExit('the tree is ill')\n"})
    ended = system.refresh()
    assert ended.returncode == 1
    assert "the tree is ill" in ended.stderr
    assert_failed(system, serving, "the tree is ill")
    assert not system.exists(artifacts.manifest(ill))


@pytest.mark.parametrize("step", ["checkout", "snapshot"])
def test_a_disk_that_is_full_leaves_the_old_one(
    system: RefreshSystem, serving: str, step: str
) -> None:
    system.firmware.commit({f"quantum/{name}.h": f"// {name}\n" * 3000 for name in "abc"})
    pod = system.new_pod()
    for name in ("plan", "checkout", "snapshot"):
        below = ["prlimit", "--fsize=12000", "--"] if name == step else []
        ended = pod.step(name, below=below)
        assert ended.returncode == 0, ended.stderr
    assert pod.step("publish").returncode == 1
    assert_failed(system, serving, f"{step} failed: ")
    assert system.refresh().returncode == 0


def test_a_tree_that_is_too_large_is_not_taken(system: RefreshSystem, serving: str) -> None:
    system.firmware.commit({"quantum/large.h": "// large\n" * 150_000})
    assert system.refresh(QMK_GIT_BYTES=str(1 << 20)).returncode == 1
    assert_failed(system, serving, "the tree is too large")


def test_a_step_that_is_killed_is_taken_up(system: RefreshSystem, serving: str) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pod = system.new_pod()
    work = pod.work / commit
    seen = len(system.git.asked)
    pod.kill_once("plan", lambda: len(system.git.asked) > seen)
    pod.steps("plan")
    pod.kill_once("checkout", lambda: (work / "git/tree.git/objects").is_dir())
    pod.steps("checkout")
    pod.kill_once("snapshot", lambda: any((work / "packing").rglob("*.tar*")))
    pod.steps("snapshot", "publish")
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == commit
    system.assert_whole(commit)


def test_a_publication_that_is_killed_at_any_write_shows_nothing(
    system: RefreshSystem, serving: str
) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    lists = (artifacts.site_index(commit), artifacts.manifest(commit))
    last = (*lists, artifacts.channel("master"))
    for at in ("1", "20", *last):
        with s3_proxy(system.s3_server) as proxy:
            process = pod.start("publish", S3_ENDPOINT_URL=proxy.url)

            def kill(
                number: int, key: str, at: str = at, process: "subprocess.Popen[str]" = process
            ) -> None:
                if at in (str(number), key):
                    process.kill()

            proxy.before = kill
            process.communicate(timeout=60)
            assert process.returncode == -9, f"it was to be killed at {at}"
        pointer = system.pointer()
        assert pointer is not None
        if pointer.commit == commit:
            # The write was on its way.
            system.assert_whole(commit)
            assert at == last[-1]
        else:
            system.assert_whole(serving)
        if system.exists(artifacts.manifest(commit)):
            system.assert_whole(commit)
        system.expire(commit)
    before = system.keys(artifacts.firmware(commit))
    ended = pod.step("publish")
    assert ended.returncode == 0, ended.stderr
    assert before == system.keys(artifacts.firmware(commit))
    system.assert_whole(commit)
    assert system.status().state is RefreshState.PUBLISHED


def test_storage_that_goes_away_in_the_middle_shows_nothing(
    system: RefreshSystem, serving: str
) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    with s3_proxy(system.s3_server, artifacts.firmware(commit)) as proxy:

        def stop(number: int, key: str) -> None:
            if number == 12:
                system.s3_server.stop()

        proxy.before = stop
        process = pod.start("publish", S3_ENDPOINT_URL=proxy.url)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "Channel master could not be moved" in line:
                break
        assert "storage failed at" in said
        system.s3_server.start()
        process.communicate(timeout=120)
    assert process.returncode == 1
    assert_failed(system, serving, "storage failed at")
    assert not system.exists(artifacts.manifest(commit))
    kept = len(system.keys(artifacts.firmware(commit)))
    system.expire(commit)
    ended = pod.step("publish")
    assert ended.returncode == 0, ended.stderr
    assert system.status().objects.kept == kept > 0
    system.assert_whole(commit)


def test_two_at_once_publish_one_whole_commit(system: RefreshSystem, serving: str) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pods = [system.new_pod(), system.new_pod()]
    for pod in pods:
        pod.steps("plan", "checkout", "snapshot")
    running = [pod.start("publish") for pod in pods]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == commit
    system.assert_whole(commit)
    # One found what the other had published.
    assert sum("Stored" in out for out, _ in said) == 1


def test_a_slow_refresh_takes_no_channel_back(system: RefreshSystem, serving: str) -> None:
    slow = system.new_pod()
    system.firmware.commit({"quantum/new.h": "// older\n"})
    slow.steps("plan", "checkout", "snapshot")
    newer = system.firmware.commit({"quantum/new.h": "// newer\n"})
    assert system.refresh().returncode == 0
    ended = slow.step("publish")
    assert ended.returncode == 0, ended.stderr
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == newer
    status = system.status()
    assert (status.state, status.commit) == (RefreshState.PUBLISHED, newer)


def test_a_commit_before_that_was_removed_meanwhile_is_made_without(
    system: RefreshSystem, serving: str
) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    for key in system.keys(artifacts.firmware(serving)):
        system.s3.delete_object(Bucket="qmk", Key=key)
    ended = pod.step("publish")
    assert ended.returncode == 1
    assert "the next refresh makes it anew" in ended.stderr
    assert not system.exists(artifacts.manifest(commit))
    assert system.refresh().returncode == 0
    system.assert_whole(commit)


def test_what_a_host_asks_for_comes_from_a_file_and_is_never_shown(
    system: RefreshSystem, tmp_path: Path
) -> None:
    config = tmp_path / "gitconfig"
    header = "Authorization: Basic c2VjcmV0"
    config.write_text(f'[http "{system.git.url}/"]\n\textraHeader = "{header}"\n')
    system.git.refused = {"/printf.git"}
    ended = [
        pod.step(name, QMK_GIT_CONFIG=str(config))
        for pod in [system.new_pod()]
        for name in ("plan", "checkout", "snapshot", "publish")
    ]
    assert set(system.git.authorizations) == {"Basic c2VjcmV0"}
    said = "".join(one.stdout + one.stderr for one in ended) + system.status().message
    assert "c2VjcmV0" not in said
    assert "could not be fetched" in said or "cannot be fetched" in said


def test_a_channel_with_a_password_is_refused_without_it(system: RefreshSystem) -> None:
    system.channels[0]["url"] = "https://user:c2VjcmV0@127.0.0.1:9/x.git"
    ended = system.refresh()
    assert ended.returncode == 1
    assert "QMK_GIT_CONFIG" in system.status().message
    assert "c2VjcmV0" not in ended.stderr + system.status().message


def test_a_folder_that_was_tampered_with_is_refused(system: RefreshSystem, serving: str) -> None:
    commit = system.firmware.commit({"quantum/new.h": "// newer\n"})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    objects = pod.work / commit / "objects"
    core = objects / artifacts.core(commit)
    core.write_bytes(b"x" * core.stat().st_size)
    assert pod.step("publish").returncode == 1
    assert_failed(system, serving, "is not the file that the snapshot lists")
    shutil.rmtree(objects)
    objects.symlink_to("/etc")
    assert pod.step("publish").returncode == 1
    assert_failed(system, serving, "")
    assert not system.exists(artifacts.manifest(commit))
