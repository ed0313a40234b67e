"""Admission: first come, first served, under the cap, one build of a key at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.queue import (
    RECENT_BUILDS,
    UNSEEN_BUILD_SECONDS,
    Holding,
    Limits,
    Waiting,
    admit,
    eta,
    giving_way,
    position,
    queue_order,
    typical_seconds,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
jobs = st.lists(
    st.builds(
        Waiting,
        name=st.text("abc", min_size=1, max_size=3),
        key=st.sampled_from("klmno"),
        created=st.integers(0, 5).map(lambda second: START + timedelta(seconds=second)),
        idle=st.booleans(),
    ),
    unique_by=lambda job: job.name,
    max_size=12,
)


@given(jobs, st.sets(st.sampled_from("klmno")), st.integers(0, 6), st.integers(0, 6))
def test_the_cap_holds_and_no_key_runs_twice(
    waiting: list[Waiting], keys: set[str], running: int, cap: int
) -> None:
    admitted = admit(waiting, keys, running, Limits(cap))
    assert len(admitted) <= max(0, cap - running)
    made = [job.key for job in admitted]
    assert len(set(made)) == len(made)
    assert not keys & set(made)


@given(jobs, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_events(
    waiting: list[Waiting], random: Random
) -> None:
    mixed = list(waiting)
    random.shuffle(mixed)
    assert admit(mixed, (), 0, Limits(3)) == admit(waiting, (), 0, Limits(3))


@given(jobs)
def test_every_job_gets_its_turn(waiting: list[Waiting]) -> None:
    left = {job.name: job for job in waiting}
    for _ in range(len(waiting)):
        for job in admit(left.values(), (), 0, Limits(1)):
            del left[job.name]
    assert not left


@given(jobs)
def test_the_position_counts_who_is_ahead(waiting: list[Waiting]) -> None:
    for index, job in enumerate(queue_order(waiting)):
        assert position(job.name, waiting) == index
    assert position("nobody", waiting) is None


@given(jobs, st.integers(0, 4), st.integers(0, 4))
def test_nobody_waits_behind_one_that_nobody_waits_for(
    waiting: list[Waiting], running: int, cap: int
) -> None:
    admitted = admit(waiting, (), running, Limits(cap))
    if any(job.idle for job in admitted):
        made = {job.key for job in admitted}
        assert all(job.key in made for job in waiting if not job.idle)
    order = queue_order(waiting)
    assert [job.idle for job in order] == sorted(job.idle for job in order)


holdings = st.dictionaries(
    st.text("xyz", min_size=1, max_size=3),
    st.builds(
        Holding,
        key=st.sampled_from("klmnopqrst"),
        since=st.integers(0, 5).map(lambda second: START + timedelta(seconds=second)),
        idle=st.booleans(),
        homeless=st.booleans(),
    ),
    max_size=6,
)


@given(jobs, holdings, st.integers(1, 6))
def test_idle_jobs_give_way_as_far_as_they_must(
    waiting: list[Waiting], holding: dict[str, Holding], cap: int
) -> None:
    gone = giving_way(waiting, holding, Limits(cap))
    kept = {name: held for name, held in holding.items() if name not in gone}
    awaited = {job.key for job in waiting if not job.idle}
    homeless = sum(1 for held in holding.values() if held.homeless and not held.idle)
    assert all(holding[name].idle for name in gone)
    assert not {holding[name].key for name in gone} & awaited
    spare = [held for held in kept.values() if held.idle and held.key not in awaited]
    still_waiting = len(awaited - {held.key for held in kept.values()})
    free = max(0, cap - len(kept))
    assert not spare or len(holding) > cap or (still_waiting <= free and homeless <= len(gone))
    assert not gone or len(gone) <= homeless or still_waiting >= free, "more than had to"
    assert all(held.since <= holding[name].since for held in spare for name in gone)


@given(jobs, holdings, st.integers(1, 6))
def test_a_slot_that_is_left_goes_to_one_that_is_waited_for(
    waiting: list[Waiting], holding: dict[str, Holding], cap: int
) -> None:
    holding = {name: replace(held, homeless=False) for name, held in holding.items()}
    gone = giving_way(waiting, holding, Limits(cap))
    kept = {name: held for name, held in holding.items() if name not in gone}
    keys = {held.key for held in kept.values()}
    admitted = admit(waiting, keys, len(kept), Limits(cap))
    if gone and len(holding) <= cap:
        assert len([job for job in admitted if not job.idle]) >= len(gone)
        assert giving_way(waiting, kept, Limits(cap)) == []


def test_an_idle_build_leaves_its_place_to_a_pod_that_no_node_has_room_for() -> None:
    test, user = Holding("k", START, idle=True), Holding("l", START, homeless=True)
    assert giving_way([], {"test": test, "user": user}, Limits(9)) == ["test"]
    assert giving_way([], {"test": replace(test, homeless=True)}, Limits(9)) == []
    assert giving_way([], {"test": test, "user": replace(user, homeless=False)}, Limits(9)) == []


def test_nobody_gives_way_while_there_is_room() -> None:
    test = Holding("k", START, idle=True)
    user = Waiting("user", "l", START)
    assert giving_way([user], {"test": test}, Limits(2)) == []
    assert giving_way([user], {"test": test}, Limits(1)) == ["test"]
    assert giving_way([Waiting("user", "k", START)], {"test": test}, Limits(1)) == []
    assert giving_way([Waiting("other", "l", START, idle=True)], {"test": test}, Limits(1)) == []


counts = st.integers(0, 10_000)
slots = st.integers(1, 1000)
lengths = st.floats(0, 3600)


@given(counts, counts, counts, slots, lengths)
def test_who_stands_further_back_never_ends_sooner(
    ahead: int, more: int, running: int, cap: int, seconds: float
) -> None:
    limits = Limits(cap)
    own = eta(ahead, running, limits, seconds)
    assert 0 <= own <= eta(ahead + more, running, limits, seconds)
    assert own <= eta(ahead, running + more, limits, seconds)
    assert own >= eta(ahead, running, Limits(cap + more), seconds)


@given(lengths)
def test_a_job_with_a_free_slot_takes_one_build(seconds: float) -> None:
    assert seconds <= eta(0, 1, Limits(2), seconds) <= seconds + 1


def test_every_full_round_of_slots_takes_one_build_more() -> None:
    assert [eta(ahead, 2, Limits(2), 10) for ahead in range(5)] == [15, 20, 25, 30, 35]


def test_the_last_builds_tell_how_long_the_next_one_takes() -> None:
    assert typical_seconds([]) == UNSEEN_BUILD_SECONDS
    old = [(START, 100.0)] * RECENT_BUILDS
    new = [(START + timedelta(seconds=1), 3.0)] * RECENT_BUILDS
    assert typical_seconds([*new, *old]) == 3.0
    assert typical_seconds([*old, *new[:20]]) == 100.0
