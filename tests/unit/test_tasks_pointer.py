"""Pointers move forward only, whoever writes them at the same time."""

from datetime import UTC, datetime, timedelta

import pytest

from qmk_contract.codec import from_body
from qmk_contract.snapshot import Channel
from qmk_tasks.channels import pointer
from qmk_tasks.errors import TaskError
from qmk_tasks.storage import published
from tests.unit.snapshot_objects import POINTER, Bucket

OLD, NEW = "a" * 40, "b" * 40
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
LATER = TEN + timedelta(minutes=1)


def stored(bucket: Bucket) -> Channel:
    return from_body(Channel, bucket.read_json(POINTER))


def test_a_new_channel_gets_one() -> None:
    bucket = Bucket()
    moved = pointer.move(bucket, "master", NEW, TEN)
    assert (moved.commit, moved.resolved) == (NEW, TEN)
    assert (stored(bucket).commit, stored(bucket).resolved) == (NEW, TEN)


def test_an_older_answer_of_the_source_changes_nothing() -> None:
    bucket = Bucket()
    pointer.move(bucket, "master", NEW, LATER)
    assert pointer.move(bucket, "master", OLD, TEN).commit == NEW
    assert stored(bucket).commit == NEW
    assert pointer.move(bucket, "master", OLD, LATER + timedelta(seconds=1)).commit == OLD


def test_a_pointer_of_before_there_were_answers_moves() -> None:
    bucket = Bucket()
    published.write(bucket, POINTER, Channel("master", OLD, TEN))
    assert pointer.move(bucket, "master", NEW, TEN).commit == NEW


def test_a_time_to_come_holds_up_nothing() -> None:
    """A clock that was ahead when the pointer was written, and is not storage's."""
    bucket = Bucket()
    ahead = bucket.now + timedelta(hours=5)
    for commit in (OLD, NEW):
        published.write(bucket, POINTER, Channel("master", OLD, TEN, ahead))
        assert pointer.move(bucket, "master", commit, bucket.now).commit == commit
        assert stored(bucket).resolved == bucket.now


def test_the_same_commit_stays_published_when_it_was() -> None:
    bucket = Bucket()
    pointer.move(bucket, "master", NEW, TEN)
    first = stored(bucket)
    again = pointer.move(bucket, "master", NEW, LATER)
    assert (again.published, again.resolved) == (first.published, LATER)


@pytest.mark.parametrize("content", [b"[", b"{}", b'{"commit": 1}'])
def test_a_pointer_that_cannot_be_read_is_replaced(content: bytes) -> None:
    class Odd(Bucket):
        def read_json(self, key: str) -> None:
            return None

    bucket = Odd()
    bucket.put(POINTER, content, "application/json")
    assert pointer.move(bucket, "master", NEW, TEN).commit == NEW


def test_a_newer_pointer_that_comes_in_between_wins() -> None:
    class Raced(Bucket):
        """Somebody else is faster, once."""

        raced = False

        def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
            if not self.raced:
                self.raced = True
                published.write(self, key, Channel("master", NEW, LATER, LATER))
            return super().put_if(key, data, content_type, etag)

    bucket = Raced()
    assert pointer.move(bucket, "master", OLD, TEN).commit == NEW
    assert stored(bucket).commit == NEW


def test_a_pointer_that_never_stays_is_given_up() -> None:
    class Busy(Bucket):
        def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
            return False

    with pytest.raises(TaskError, match="others move it, too"):
        pointer.move(Busy(), "master", NEW, TEN)
