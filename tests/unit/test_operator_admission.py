"""Slots: counted from what is, given once, passed on when they are free."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.phases import JobClass, Phase
from qmk_contract.queue import Limits
from qmk_operator.admission import Admission
from qmk_operator.decision import Slot
from qmk_operator.store import Kind, Store
from tests.unit.operator_bodies import compile_job_body, job_body, pod_body
from tests.unit.operator_objects import compile_job


class Slots:
    """A store with its admission, and whom each change woke."""

    def __init__(self, max_running: int = 1) -> None:
        self.store = Store()
        self.admission = Admission(self.store, Limits(max_running))
        self.store.changed = self.admission.update
        self.version = 0

    def add(
        self, name: str, phase: Phase = Phase.PENDING, key: str | None = None, **spec: Any
    ) -> None:
        self.version += 1
        status = {"build_key": key} if key else {}
        job = compile_job(phase, name=name, status=status, **spec)
        self.store.put(Kind.COMPILE_JOB, compile_job_body(job, self.version))

    def add_job(self, name: str, key: str, **changes: Any) -> None:
        self.version += 1
        self.store.put(Kind.JOB, job_body(name, key, version=self.version, **changes))

    def add_pod(self, name: str, *codes: int) -> None:
        self.version += 1
        self.store.put(Kind.POD, pod_body(name, *codes, version=self.version))

    def take_woken(self) -> set[str]:
        return self.admission.take_woken()


def test_a_slot_is_reserved_until_its_job_is_there() -> None:
    slots = Slots(max_running=1)
    slots.add("a")
    slots.add("b")
    assert slots.admission.slot("a", "key-a") is Slot.FREE
    assert slots.admission.slot("b", "key-b") is Slot.FULL
    slots.add_job("a", "key-a")
    slots.admission.settle("a", failed=False)
    assert slots.admission.running == 1
    assert slots.admission.slot("b", "key-b") is Slot.FULL


def test_a_slot_whose_job_could_not_be_made_goes_to_the_next() -> None:
    slots = Slots(max_running=1)
    slots.add("a")
    slots.add("b")
    assert slots.admission.slot("a", "key-a") is Slot.FREE
    slots.admission.settle("a", failed=True)
    assert slots.take_woken() == {"b"}
    assert slots.admission.slot("b", "key-b") is Slot.FREE


def test_one_that_fails_is_not_passed_for_ever() -> None:
    slots = Slots(max_running=1)
    slots.add("a")
    slots.admission.settle("a", failed=True)
    assert slots.take_woken() == set()
    slots.admission.settle("a", failed=False)
    assert slots.take_woken() == {"a"}


def test_a_build_that_ended_frees_its_slot_before_kubernetes_says_so() -> None:
    slots = Slots(max_running=1)
    slots.add("a", Phase.RUNNING)
    slots.add_job("a", "key-a")
    slots.add("b")
    assert slots.admission.slot("b", "key-b") is Slot.FULL
    slots.take_woken()
    slots.add_pod("a", 0, 0)
    assert slots.take_woken() == {"b"}
    assert slots.admission.slot("b", "key-b") is Slot.FREE


def test_a_pod_that_failed_keeps_its_slot_for_the_retry() -> None:
    slots = Slots(max_running=1)
    slots.add("a", Phase.RUNNING)
    slots.add_job("a", "key-a")
    slots.add_pod("a", 21, 23)
    assert slots.admission.running == 1
    slots.add_job("a", "key-a", conditions=["Failed"])
    assert slots.admission.running == 0


def test_a_job_of_a_compile_job_that_is_gone_holds_its_slot() -> None:
    slots = Slots(max_running=1)
    slots.add_job("orphan", "key")
    slots.add("a")
    assert slots.admission.slot("a", "key-a") is Slot.FULL
    slots.store.remove(Kind.JOB, "orphan", "job-orphan")
    assert slots.take_woken() == {"a"}


def test_a_job_that_vanished_keeps_its_slot() -> None:
    slots = Slots(max_running=1)
    slots.add("a", Phase.RUNNING)
    assert slots.admission.running == 1


def test_a_test_whose_job_vanished_gives_its_slot_way() -> None:
    slots = Slots(max_running=1)
    slots.add("test", Phase.RUNNING, job_class=JobClass.TEST)
    slots.add("user")
    assert slots.take_woken() == {"test"}
    assert slots.admission.gives_way("test")


def test_a_slot_that_a_test_is_about_to_take_counts_as_a_tests() -> None:
    slots = Slots(max_running=2)
    slots.add("old", Phase.RUNNING, job_class=JobClass.TEST)
    slots.add_job("old", "key-old", creationTimestamp="2026-01-01T11:00:00Z")
    slots.add("new", job_class=JobClass.TEST)
    assert slots.admission.slot("new", "key-new") is Slot.FREE
    slots.add("user")
    assert not slots.admission.gives_way("old"), "the younger one goes first"
    slots.add_job("new", "key-new", creationTimestamp="2026-01-01T12:00:00Z")
    slots.admission.settle("new", failed=False)
    assert slots.take_woken() == {"new"}


def test_those_who_wait_for_a_result_are_woken_even_without_a_slot() -> None:
    slots = Slots(max_running=1)
    slots.add("a", Phase.RUNNING, "same")
    slots.add_job("a", "same")
    slots.add("b", Phase.QUEUED, "same")
    slots.add("c", Phase.QUEUED, "other", client="c")
    assert slots.admission.slot("b", "same") is Slot.SAME_BUILD
    slots.take_woken()
    slots.add_pod("a", 0, 0)
    assert "b" in slots.take_woken()


def test_the_elder_of_two_equal_builds_goes_first() -> None:
    slots = Slots(max_running=5)
    slots.add("a", Phase.QUEUED, "same")
    slots.add("b", Phase.QUEUED, "same")
    assert slots.admission.slot("b", "same") is Slot.SAME_BUILD
    assert slots.admission.slot("a", "same") is Slot.FREE


def test_who_is_cancelled_or_done_waits_for_nothing() -> None:
    slots = Slots()
    slots.add("a", cancel=True)
    slots.add("b", Phase.SUCCEEDED)
    assert slots.admission.waiting == 0
    assert slots.admission.slot("a", "key") is Slot.FULL


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["start", "end", "fail"]))),
)
def test_the_cap_holds_whatever_happens(cap: int, steps: list[tuple[str, str]]) -> None:
    slots = Slots(cap)
    for name in "abcdefgh":
        slots.add(name)
    running: set[str] = set()
    done: set[str] = set()
    for name, step in steps:
        if step == "end" and name in running:
            slots.add(name, Phase.SUCCEEDED)
            slots.add_job(name, name, conditions=["Complete"])
            running.discard(name)
            done.add(name)
        elif name not in running | done and slots.admission.slot(name, name) is Slot.FREE:
            if step == "start":
                slots.add_job(name, name)
                running.add(name)
            slots.admission.settle(name, failed=step == "fail")
        assert slots.admission.running == len(running) <= cap


def test_the_first_that_came_are_the_first_that_start() -> None:
    slots = Slots(max_running=2)
    for name in ("c", "a", "b"):
        slots.add(name)
    assert slots.take_woken() == {"a", "b"}
    assert slots.admission.slot("c", "key-c") is Slot.FULL


def test_a_test_waits_for_everybody_else() -> None:
    slots = Slots(max_running=1)
    slots.add("test", job_class=JobClass.TEST)
    assert slots.take_woken() == {"test"}
    slots.add("user")
    assert slots.take_woken() == {"user"}
    assert slots.admission.slot("test", "key-test") is Slot.FULL
    assert slots.admission.slot("user", "key-user") is Slot.FREE


def test_a_test_leaves_its_slot_to_a_user() -> None:
    slots = Slots(max_running=2)
    for name in ("old", "young"):
        slots.add(name, Phase.RUNNING, job_class=JobClass.TEST)
    slots.add_job("old", "key-old", creationTimestamp="2026-01-01T11:00:00Z")
    slots.add_job("young", "key-young")
    slots.take_woken()
    slots.add("user")
    assert slots.take_woken() == {"young"}
    assert slots.admission.gives_way("young")
    assert not slots.admission.gives_way("old")
    assert not slots.admission.gives_way("user")
    slots.store.remove(Kind.JOB, "young", "job-young")
    slots.add("young", Phase.QUEUED, job_class=JobClass.TEST)
    assert slots.take_woken() == {"user"}
    assert slots.admission.slot("young", "key-young") is Slot.FULL
    assert slots.admission.slot("user", "key-user") is Slot.FREE
    assert not slots.admission.gives_way("old")


def test_nobody_else_leaves_a_slot() -> None:
    slots = Slots(max_running=1)
    slots.add("ci", Phase.RUNNING, job_class=JobClass.CI)
    slots.add_job("ci", "key-ci")
    slots.add("user")
    slots.add("test", job_class=JobClass.TEST)
    assert slots.take_woken() == set()
    assert not slots.admission.gives_way("ci")


def test_a_test_leaves_its_place_to_a_user_that_no_node_has_room_for() -> None:
    slots = Slots(max_running=5)
    slots.add("test", Phase.RUNNING, job_class=JobClass.TEST)
    slots.add_job("test", "key-test")
    slots.add("user", Phase.STARTING)
    slots.add_job("user", "key-user")
    slots.take_woken()
    body = pod_body("user", version=99)
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    slots.store.put(Kind.POD, body | {"status": body["status"] | {"conditions": [condition]}})
    assert slots.take_woken() == {"test"}
    assert slots.admission.gives_way("test")


def test_a_users_build_that_a_test_makes_is_not_begun_anew() -> None:
    slots = Slots(max_running=1)
    slots.add("test", Phase.RUNNING, job_class=JobClass.TEST)
    slots.add_job("test", "same")
    slots.add("user", Phase.QUEUED, "same")
    assert not slots.admission.gives_way("test")
    assert slots.admission.slot("user", "same") is Slot.SAME_BUILD


def test_nobody_is_woken_twice_for_one_change() -> None:
    slots = Slots(max_running=2)
    slots.add("a")
    assert slots.take_woken() == {"a"}
    assert slots.take_woken() == set()
