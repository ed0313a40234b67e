"""One at a time is at a commit, whoever dies."""

from datetime import timedelta

import pytest

from qmk_contract import artifacts
from qmk_tasks.errors import TaskError
from qmk_tasks.storage.lease import Lease, LeaseTimes, Lost, Taken, held
from tests.unit.snapshot_objects import COMMIT, Bucket

KEY = artifacts.publication(COMMIT)
TIMES = LeaseTimes(expiry=60.0, wait=0.0)


def lease(bucket: Bucket) -> Lease:
    return Lease(bucket, COMMIT, TIMES)


def test_of_two_only_one_has_it() -> None:
    bucket = Bucket()
    assert lease(bucket).take()
    assert not lease(bucket).take()


def test_whoever_has_been_silent_too_long_is_dead() -> None:
    bucket = Bucket()
    dead, next_ = lease(bucket), lease(bucket)
    dead.take()
    bucket.now += timedelta(seconds=59)
    assert not next_.take()
    bucket.now += timedelta(seconds=1)
    assert next_.take()
    next_.check()
    with pytest.raises(Taken, match="taken this commit over"):
        dead.check()


def test_before_a_write_storage_is_asked_once_its_word_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = Bucket()
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    dead = lease(bucket)
    dead.take()
    bucket.delete([KEY])
    lease(bucket).take()
    now += 44
    dead.require()
    now += 1
    with pytest.raises(Lost):
        dead.require()


def test_whoever_gives_a_sign_lives() -> None:
    bucket = Bucket()
    alive = lease(bucket)
    alive.take()
    for _ in range(3):
        bucket.now += timedelta(seconds=50)
        alive.check()
    assert not lease(bucket).take()


def test_it_is_given_back_at_the_end_and_after_a_failure() -> None:
    bucket = Bucket()
    with held(bucket, COMMIT, TIMES):
        assert KEY in bucket.stored
    assert KEY not in bucket.stored
    with pytest.raises(TaskError, match="ours"), held(bucket, COMMIT, TIMES):
        raise TaskError("ours")
    assert KEY not in bucket.stored


def test_whoever_lost_it_takes_nothing_from_the_next() -> None:
    bucket = Bucket()
    dead = lease(bucket)
    dead.take()
    bucket.now += timedelta(seconds=61)
    next_ = lease(bucket)
    next_.take()
    dead.end()
    next_.check()


def test_it_is_waited_for_to_a_bound() -> None:
    bucket = Bucket()
    lease(bucket).take()
    with pytest.raises(Taken, match="another refresh is at commit"), held(bucket, COMMIT, TIMES):
        pytest.fail("two at once")


def test_a_write_whose_reply_was_lost_is_still_ours() -> None:
    class Deaf(Bucket):
        """Does as it is asked, and then says that it was somebody else's."""

        def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
            super().put_if(key, data, content_type, etag)
            return False

    bucket = Deaf()
    ours = lease(bucket)
    assert ours.take()
    ours.check()


def test_what_cannot_be_read_is_nobodys_once_it_is_old() -> None:
    bucket = Bucket()
    bucket.put(KEY, b"{}", artifacts.JSON)
    assert not lease(bucket).take()
    bucket.now += timedelta(seconds=61)
    assert lease(bucket).take()
