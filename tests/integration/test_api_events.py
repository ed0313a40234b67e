"""Live progress over real processes: server-sent events and logs, with a played kubelet."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from kubernetes import client

from qmk_contract import artifacts
from qmk_contract.result import Artifact
from qmk_local.apiserver import RunningApiServer
from tests.event_watcher import EventWatcher
from tests.integration.api_process import ApiSystem, request_body, running_apis
from tests.integration.played_kubelet import PlayedKubelet, playing_kubelet
from tests.integration.published import upload
from tests.integration.s3_server import BUCKET, S3Server

_NUMBERS = count(1)


@dataclass
class Build:
    """A job that the test brings through its phases."""

    system: ApiSystem
    kubelet: PlayedKubelet
    job_id: str
    pods: int = 0

    @property
    def key(self) -> str:
        return self.job_id.partition(".")[0]

    def start(self) -> str:
        """What operator and kubelet do until the build's pod runs."""
        self.pods += 1
        pod = f"{self.key}-pod{self.pods}"
        self.kubelet.add_pod(pod)
        self.system.set_status(self.key, phase="Starting", reason="WaitingForPod", podName=pod)
        return pod

    def run(self) -> str:
        pod = self.start()
        self.kubelet.print(pod, "")
        self.system.set_status(self.key, phase="Running", reason="Building", podName=pod)
        return pod

    def finish(self, log: str) -> None:
        key = artifacts.build(self.key, artifacts.LOG)
        self.system.s3.put_object(Bucket=BUCKET, Key=key, Body=log.encode())
        digest = hashlib.sha256(log.encode()).hexdigest()
        upload(self.system.s3, self.key, log=Artifact(len(log.encode()), digest))

    def watch(self, process: int = 0, last_id: str = "") -> EventWatcher:
        return EventWatcher(self.system.apis[process].url, self.job_id, last_id)

    def get(self, path: str, process: int = 0) -> httpx.Response:
        return self.system.clients[process].get(f"/v1/compile/{self.job_id}{path}")


@dataclass
class Stage:
    """Two API processes and a kubelet."""

    system: ApiSystem
    kubelet: PlayedKubelet

    def build(self) -> Build:
        body = request_body(*(f"KC_{digit}" for digit in f"{next(_NUMBERS):03}"))
        reply = self.system.clients[0].post("/v1/compile", json=body)
        assert reply.status_code == 200, reply.text
        return Build(self.system, self.kubelet, str(reply.json()["job_id"]))


@pytest.fixture(scope="module")
def stage(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("api")
    changes = {"QMK_DRAIN_SECONDS": "3"}
    with (
        running_apis(2, api_server, api_client, s3_server, folder, **changes) as system,
        playing_kubelet(api_client, system.jobs.namespace, api_server.state / "pki") as kubelet,
    ):
        yield Stage(system, kubelet)


def test_lines_reach_many_watchers_as_they_are_printed_by_one_reader(stage: Stage) -> None:
    build = stage.build()
    with ExitStack() as watching:
        watchers = [watching.enter_context(build.watch()) for _ in range(20)]
        for watcher in watchers:
            status = watcher.wait_kind("status").data
            assert (status["status"], status["is_failed"]) == ("queued", None)
            assert status["eta_seconds"] > 0
            assert "result" not in status
        pod = build.run()
        stage.kubelet.wait_readers(1)
        stage.kubelet.print(pod, "Compiling: a.c\nCompiling: b")
        for watcher in watchers:
            watcher.wait_log(["Compiling: a.c"])
        stage.kubelet.print(pod, ".c\n")
        for watcher in watchers:
            watcher.wait_log(["Compiling: a.c", "Compiling: b.c"])
        assert stage.kubelet.opened.count(pod) == 1
        # The stored log has a line that was never seen live, and comes before the pod's end.
        build.finish("Compiling: a.c\nCompiling: b.c\nLinking\n")
        ended = time.monotonic()
        for watcher in watchers:
            watcher.wait_ended()
        assert time.monotonic() - ended < 1
        for watcher in watchers:
            assert watcher.log == ["Compiling: a.c", "Compiling: b.c", "Linking"]
            assert [event.kind for event in watcher.events].count("end") == 1
            end = watcher.events[-1]
            assert (end.kind, end.data) == ("end", build.get("").json())
            assert not watcher.of_kind("restart")
    stage.kubelet.wait_readers(0, seconds=2)


def test_reading_stops_with_the_last_watcher(stage: Stage) -> None:
    build = stage.build()
    build.run()
    with build.watch() as first, build.watch() as second:
        stage.kubelet.wait_readers(1)
        first.leave()
        second.wait_kind("status")
        assert stage.kubelet.reading == 1
    stage.kubelet.wait_readers(0, seconds=2)


def test_another_process_goes_on_after_the_last_line(stage: Stage) -> None:
    build = stage.build()
    pod = build.run()
    stage.kubelet.print(pod, "one\ntwo\n")
    with build.watch(0) as watcher:
        watcher.wait_log(["one", "two"])
        last_id = watcher.last_id
    stage.kubelet.print(pod, "three\n")
    with build.watch(1, last_id) as watcher:
        watcher.wait_log(["three"])
    with build.watch(1, "nosuch:7") as watcher:
        watcher.wait_kind("restart")
        watcher.wait_log(["one", "two", "three"])
    build.finish("one\ntwo\nthree\nfour\n")
    with build.watch(1, last_id) as watcher:
        watcher.wait_ended()
        assert watcher.log == ["three", "four"]


def test_a_new_pod_begins_a_new_log(stage: Stage) -> None:
    build = stage.build()
    lost = build.run()
    stage.kubelet.print(lost, "one\ntwo\n")
    with build.watch() as watcher:
        watcher.wait_log(["one", "two"])
        pod = build.run()
        stage.kubelet.print(pod, "one again\n")
        watcher.wait_log(["one again"])
        assert [event.kind for event in watcher.events if event.kind == "restart"] == ["restart"]


def test_an_unreadable_log_is_tried_again_and_never_ends_a_stream(stage: Stage) -> None:
    build = stage.build()
    pod = build.start()
    with build.watch() as watcher:
        watcher.wait_kind("status")
        stage.kubelet.print(pod, "one\n")  # the container starts only now
        watcher.wait_log(["one"])
        stage.kubelet.away.set()
        stage.kubelet.wait_readers(0)
        assert build.get("/log", 1).text == ""
        stage.kubelet.away.clear()
        stage.kubelet.print(pod, "two\n")
        watcher.wait_log(["one", "two"], seconds=15)
        stage.kubelet.away.set()
        try:
            build.finish("one\ntwo\nthree\n")
            watcher.wait_ended()
        finally:
            stage.kubelet.away.clear()
        assert watcher.log == ["one", "two", "three"]


def test_log_is_there_before_during_and_after_the_build(stage: Stage) -> None:
    build = stage.build()
    queued = build.get("/log")
    assert (queued.status_code, queued.text) == (200, "")
    assert queued.headers["X-Log-Complete"] == "false"
    pod = build.run()
    stage.kubelet.print(pod, "Compiling: ä.c\n")
    with build.watch(0) as watcher:
        watcher.wait_log(["Compiling: ä.c"])
        requests = stage.kubelet.opened.count(pod)
        assert build.get("/log", 0).text == "Compiling: ä.c\n"  # from what is followed already
        assert stage.kubelet.opened.count(pod) == requests
        assert build.get("/log", 1).text == "Compiling: ä.c\n"  # asked of the kubelet
        assert build.get("/log", 1).headers["X-Log-Complete"] == "false"
    build.finish("Compiling: ä.c\nLinking\n")
    stage.kubelet.end(pod)
    with build.watch(1) as watcher:
        watcher.wait_ended()
    whole = build.get("/log", 1)
    assert (whole.text, whole.headers["X-Log-Complete"]) == ("Compiling: ä.c\nLinking\n", "true")
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    again = stage.system.clients[1].get(
        f"/v1/compile/{build.job_id}/log", headers={"If-None-Match": whole.headers["ETag"]}
    )
    assert again.status_code == 304


def test_a_process_that_ends_sends_its_watchers_on(stage: Stage) -> None:
    build = stage.build()
    pod = build.run()
    stage.kubelet.print(pod, "one\n")
    leaving = stage.system.apis[0]
    with build.watch(0) as watcher:
        watcher.wait_log(["one"])
        leaving.terminate()
        reconnect = watcher.wait_kind("reconnect", seconds=1)
        assert reconnect.retry == 1000
        watcher.wait_ended(seconds=1)
        with build.watch(0, reconnect.last_id) as again:  # it is still sent requests for a while
            again.wait_ended(seconds=2)
            assert [event.kind for event in again.events] == ["status", "reconnect"]
            assert again.last_id == reconnect.last_id
        stage.kubelet.print(pod, "two\n")
        with build.watch(1, again.last_id) as next_watcher:
            next_watcher.wait_log(["two"])
            assert not next_watcher.of_kind("restart")
    assert leaving.process is not None
    assert leaving.process.wait(timeout=10) == 0
