"""Slots, cancelling, reruns, and an operator that is killed at every step."""

import pytest

from tests.integration.operator_system import OperatorSystem, StartSystem
from tests.integration.published import key_of, keymap, upload
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)


def test_a_full_queue_waits_in_order(start_system: StartSystem) -> None:
    with start_system(QMK_MAX_RUNNING="1") as system:
        # Times of creation are whole seconds; within one the name decides.
        first = system.jobs.make(keymap("KC_Q1"), "first")
        pod = system.node.pod(first)
        second = system.jobs.make(keymap("KC_Q2"), "second")
        system.jobs.wait(second, "Queued", "WaitingForSlot")
        third = system.jobs.make(keymap("KC_Q3"), "third")
        system.jobs.wait(third, "Queued", "WaitingForSlot")
        assert system.jobs.jobs() == [first]
        system.operator.restart()
        assert system.jobs.jobs() == [first]
        upload(system.s3, key_of(keymap("KC_Q1")))
        system.node.start(pod)
        system.node.end(pod)
        system.jobs.wait(first, "Succeeded")
        system.node.start(system.node.pod(second))
        system.jobs.wait(second, "Running")
        assert system.jobs.status(third)["phase"] == "Queued"
        assert system.jobs.jobs() == sorted([first, second])
        system.jobs.patch(third, cancel=True)
        cancelled = system.jobs.wait(third, "Cancelled", "CancelRequested")
        assert "jobName" not in cancelled


def test_the_same_build_under_two_names_is_built_once(system: OperatorSystem) -> None:
    body = keymap("KC_R1")
    system.jobs.make(body, "one")
    pod = system.node.pod("one")
    system.jobs.make(body, "two")
    system.jobs.wait("two", "Queued", "SameBuildRunning")
    upload(system.s3, key_of(body))
    system.node.start(pod)
    system.node.end(pod)
    system.jobs.wait("one", "Succeeded", "Completed")
    system.jobs.wait("two", "Succeeded", "Cached")
    assert system.jobs.job("two") is None


def test_cancelling_a_running_build_deletes_its_job(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_R2"))
    system.node.start(system.node.pod(name))
    system.jobs.wait(name, "Running")
    system.jobs.patch(name, cancel=True)
    done = system.jobs.wait(name, "Cancelled", "CancelRequested")
    assert done["timestamps"]["finished"]
    system.jobs.wait_no_job(name)


def test_a_result_that_has_landed_wins_over_a_cancel(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_R3"))
    system.node.start(system.node.pod(name))
    system.jobs.wait(name, "Running")
    upload(system.s3, name)
    system.jobs.patch(name, cancel=True)
    system.jobs.wait(name, "Succeeded", "Completed")


def test_a_rerun_builds_anew(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_R4"))
    pod = system.node.pod(name)
    upload(system.s3, name)
    system.node.start(pod)
    system.node.end(pod)
    system.jobs.wait(name, "Succeeded")
    system.jobs.patch(name, rerun=1)
    system.jobs.wait_job(f"{name}-r1")
    second = system.node.pod(name, number=2)
    system.node.start(second)
    running = system.jobs.wait(name, "Running")
    assert "finished" not in running["timestamps"]
    assert "firmware" not in running
    upload(system.s3, name)
    system.node.end(second)
    done = system.jobs.wait(name, "Succeeded", "Completed")
    assert (done["rerun"], done["jobName"]) == (1, f"{name}-r1")


def test_an_operator_that_is_killed_at_every_step_builds_once(start_system: StartSystem) -> None:
    with start_system() as system:
        before = system.jobs.writes().get("POST jobs", 0)
        system.operator.kill()
        name = system.jobs.make(keymap("KC_K1"), ttlSecondsAfterFinished=2)
        system.operator.start()
        pod = system.node.pod(name)
        system.operator.kill()
        system.node.start(pod)
        system.operator.start()
        system.jobs.wait(name, "Running", "Building")
        system.operator.kill()
        upload(system.s3, name)
        system.node.end(pod)
        system.operator.start()
        system.jobs.wait(name, "Succeeded", "Completed")
        system.operator.restart()
        system.jobs.wait_gone(name)
        assert system.jobs.writes()["POST jobs"] - before == 1


def test_an_operator_that_is_asked_to_end_does_so_in_time(start_system: StartSystem) -> None:
    with start_system() as system:
        assert system.operator.terminate() == 0


def test_metrics_tell_of_ends_and_slots(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_R5"))
    pod = system.node.pod(name)
    upload(system.s3, name)
    system.node.start(pod)
    system.node.end(pod)
    system.jobs.wait(name, "Succeeded")
    text = system.operator.metrics()
    lines = text.splitlines()
    ends = 'qmk_compile_jobs_finished_total{phase="Succeeded",reason="Completed"} '
    (counted,) = [line.removeprefix(ends) for line in lines if line.startswith(ends)]
    assert float(counted) >= 1
    wait_for(
        "the slot to be free",
        lambda: "qmk_compile_running 0.0" in system.operator.metrics().splitlines(),
        seconds=10,
    )
    assert name not in text
