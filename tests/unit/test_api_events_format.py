"""Events on the wire, ids, and a log that grows: pure."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.watching.events import (
    BATCH_BYTES,
    OTHER_TAG,
    STORED_TAG,
    Cursor,
    end_event,
    log_event,
    log_tag,
    parse_event_id,
    reconnect_event,
    restart_event,
    status_event,
    with_output,
)
from qmk_api.watching.numbered_lines import NumberedLines
from tests.server_sent_events import Event, log_of, parse_events

TAG = "x7k2p"
texts = st.lists(st.text(max_size=20).map(lambda text: text.replace("\n", " ")), max_size=30)


def told(lines: NumberedLines, cursor: Cursor, *, ended: bool = False) -> list[Event]:
    """All that a watcher is told from where it is."""
    wire = b""
    while event := lines.read(cursor, ended=ended):
        wire += event
    return list(parse_events(wire.decode().split("\n")))


def fed(*chunks: bytes) -> NumberedLines:
    lines = NumberedLines(TAG)
    for chunk in chunks:
        lines.feed(chunk)
        lines.flush()
    return lines


@pytest.mark.parametrize(
    ("text", "tag", "line"),
    [
        ("x7k2p:12", "x7k2p", 12),
        (None, None, 0),
        ("", None, 0),
        ("12", None, 0),
        ("x7k2p:", None, 0),
        ("x7k2p:-1", None, 0),
        ("X7K2P:1", None, 0),
        ("x7k2p:1\n", None, 0),
        ("x7k2p:1 ", None, 0),
        ("../../etc:1", None, 0),
        ("x7k2p:9999999999", None, 0),
        (f"{'a' * 17}:1", None, 0),
        ("x7k2p:\u0661", None, 0),
    ],
)
def test_only_ids_of_ours_are_heeded(text: str | None, tag: str | None, line: int) -> None:
    assert parse_event_id(text) == Cursor(tag, line)


def test_a_tag_is_the_part_of_a_pods_name_that_is_its_own() -> None:
    assert log_tag("k5t7g3xw2pzq4hmn6ycd3rfbae-x7k2p") == "x7k2p"
    assert log_tag("k5t7g3xw2pzq4hmn6ycd3rfbae-r1-x7k2p") == "x7k2p"
    for odd in ("a-Ä", "a-", f"a-{'b' * 40}", f"a-{STORED_TAG}", f"a-{OTHER_TAG}"):
        assert log_tag(odd) == "pod"


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_survives_the_wire(data: dict[str, str]) -> None:
    [event] = parse_events(end_event(data).decode().split("\n"))
    assert (event.kind, event.data) == ("end", data)


@given(st.text(), st.text(min_size=1).map(lambda text: text * (BATCH_BYTES // len(text) + 1)))
def test_an_output_is_filled_in_bit_by_bit(name: str, output: str) -> None:
    reply = {"id": "a", "result": {"output": "not this", "name": name}, "is_failed": False}
    pieces = list(with_output(end_event(reply), output.encode()))
    [event] = parse_events(b"".join(pieces).decode().split("\n"))
    assert event.data == reply | {"result": {"output": output, "name": name}}
    assert len(pieces) > 3
    assert max(len(piece) for piece in pieces) <= 6 * BATCH_BYTES  # "\\u0000" for a byte


@given(st.lists(st.text()))
def test_a_line_never_ends_an_event(lines: list[str]) -> None:
    [event] = parse_events(log_event(TAG, 3, lines).decode().split("\n"))
    assert event.data == {"lines": lines}
    assert event.last_id == f"{TAG}:{3 + len(lines)}"


def test_kinds_of_events() -> None:
    wire = status_event({"id": "a", "result": None}) + reconnect_event(Cursor())
    wire += restart_event(TAG) + reconnect_event(Cursor(TAG, 7))
    status, early, restart, reconnect = parse_events(wire.decode().split("\n"))
    assert (early.kind, early.last_id) == ("reconnect", "")  # nothing is known: no id to go on from
    assert (status.kind, status.data, status.last_id) == ("status", {"id": "a"}, "")
    assert (restart.kind, restart.last_id) == ("restart", f"{TAG}:0")
    assert (reconnect.kind, reconnect.retry) == ("reconnect", 1000)
    assert parse_event_id(reconnect.last_id) == Cursor(TAG, 7)


@given(texts, st.integers(0, 40), st.integers(1, 9))
def test_any_cut_of_the_bytes_and_any_resumption_give_the_same_lines(
    texts: list[str], line: int, size: int
) -> None:
    content = "".join(f"{text}\n" for text in texts).encode()
    lines = fed(*(content[at : at + size] for at in range(0, len(content), size)))
    assert log_of(told(lines, Cursor())) == texts
    assert log_of(told(lines, Cursor(TAG, line))) == texts[line:]


@given(texts, texts, st.integers(0, 30))
def test_reading_again_from_the_start_tells_no_line_twice(
    texts: list[str], more: list[str], cut: int
) -> None:
    first = "".join(f"{text}\n" for text in texts).encode()
    whole = first + "".join(f"{text}\n" for text in more).encode()
    lines = fed(first[:cut])
    lines.begin_again()
    lines.feed(whole)
    lines.flush()
    assert log_of(told(lines, Cursor())) == texts + more


def test_lines_are_told_once_they_are_whole() -> None:
    lines = fed(b"one\ntw")
    cursor = Cursor()
    [event] = told(lines, cursor)
    assert (event.data, event.last_id) == ({"lines": ["one"]}, f"{TAG}:1")
    lines.feed(b"o\n\xff\xc3\n")
    assert told(lines, cursor) == []  # not yet flushed
    assert lines.flush()
    assert not lines.flush()
    assert log_of(told(lines, cursor)) == ["two", "\ufffd\ufffd"]


def test_events_stay_small() -> None:
    lines = fed(b"".join(b"%099d\n" % number for number in range(1000)))
    events = told(lines, Cursor())
    assert len(events) == -(-1000 // (BATCH_BYTES // 100))
    assert len(log_of(events)) == 1000


def test_a_line_without_an_end_is_told_in_pieces() -> None:
    lines = fed(b"x" * (2 * BATCH_BYTES + 5))
    assert [len(line) for line in log_of(told(lines, Cursor()))] == [BATCH_BYTES] * 2


@given(st.integers(-3, 3), st.integers(0, 2), st.integers(1, 3 * BATCH_BYTES))
def test_long_lines_are_cut_alike_however_they_come(more: int, sort: int, cut: int) -> None:
    line = "xä✓"[sort] * ((2 * BATCH_BYTES + more) // (1, 2, 3)[sort])
    content = f"first\n{line}\n{line[:-1]}\nlast\n".encode()
    live = fed(content[:cut], content[cut:])
    stored = NumberedLines.whole(content)
    pieces = log_of(told(stored, Cursor()))
    assert log_of(told(live, Cursor())) == pieces
    assert max(len(piece.encode()) for piece in pieces) <= BATCH_BYTES
    assert "".join(pieces) == content.decode().replace("\n", "")
    live.begin_again()
    live.feed(content)
    assert not live.flush()  # each of them was known
    assert log_of(told(live.finish(content), Cursor(TAG, 2), ended=True)) == pieces[2:]


def test_sizes_are_those_of_bytes() -> None:
    lines = NumberedLines(TAG, kept_bytes_max=10_000)
    for _ in range(10):
        lines.feed("✓".encode() * 1000 + b"\n")
        lines.flush()
    assert lines.held_bytes == 3 * 3001
    events = told(NumberedLines.whole(("✓" * 99 + "\n").encode() * 1000), Cursor())
    assert max(len(json.dumps(e.data, ensure_ascii=False).encode()) for e in events) < 18_000


def test_a_stored_log_is_held_as_it_is() -> None:
    content = b"\n" * (4 << 20)
    tracemalloc.start()
    try:
        lines = NumberedLines.whole(content)
        held, most = tracemalloc.get_traced_memory()
        assert lines.total == len(content)
        assert log_of(told(lines, Cursor(STORED_TAG, lines.total - 3), ended=True)) == [""] * 3
    finally:
        tracemalloc.stop()
    assert most < 1 << 18, held


def test_the_oldest_lines_of_a_long_log_are_left_out() -> None:
    lines = NumberedLines(TAG, kept_bytes_max=30)
    for number in range(10):
        lines.feed(b"%09d\n" % number)
        lines.flush()
    assert log_of(told(lines, Cursor())) == [
        "[... 7 lines left out here ...]", "000000007", "000000008", "000000009",
    ]  # fmt: skip
    assert log_of(told(lines, Cursor(TAG, 8))) == ["000000008", "000000009"]
    stored = "".join(f"{number:09}\n" for number in range(11)).encode()
    whole = lines.finish(stored)
    assert log_of(told(whole, Cursor(TAG, 9))) == ["000000009", "000000010"]
    assert len(log_of(told(whole, Cursor()))) == 11
    assert lines.finish(stored[:25]) is lines  # what was cut there is known here


@pytest.mark.parametrize(
    ("stored", "resumed", "expected"),
    [
        ("one\ntwo\nthree\n", [], ["three"]),
        ("one\ntwo\n", [], []),
        ("one\ntwo\nthree", [], ["three"]),
        ("", [], ["thr"]),
        ("one\ntw", [], []),
        ("one\nTWO\nthree\n", ["restart"], ["one", "TWO", "three"]),
    ],
)
def test_the_stored_log_completes_what_was_seen(
    stored: str, resumed: list[str], expected: list[str]
) -> None:
    lines = fed(b"one\ntwo\nthr")
    cursor = Cursor()
    told(lines, cursor)
    events = told(lines.finish(stored.encode()), cursor, ended=True)
    assert [event.kind for event in events if event.kind != "log"] == resumed
    assert log_of(events) == expected


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        (Cursor(), ["log:one,two"]),
        (Cursor("other", 1), ["log:two"]),
        (Cursor("x7k2p", 2), []),
        (Cursor("x7k2p", 3), ["restart", "log:one,two"]),
        (Cursor(STORED_TAG, 1), ["log:two"]),
        (Cursor(STORED_TAG, 9), ["restart", "log:one,two"]),
    ],
)
def test_a_stored_log_goes_on_from_any_pods(cursor: Cursor, expected: list[str]) -> None:
    def short(event: Event) -> str:
        data: Any = event.data
        return f"log:{','.join(data['lines'])}" if event.kind == "log" else event.kind

    events = told(NumberedLines.whole(b"one\ntwo\n"), cursor, ended=True)
    assert [short(event) for event in events] == expected


def test_a_watcher_that_knows_more_than_this_process_waits() -> None:
    lines = fed(b"one\n")
    cursor = Cursor(TAG, 2)
    assert told(lines, cursor) == []
    lines.feed(b"two\nthree\n")
    lines.flush()
    assert log_of(told(lines, cursor)) == ["three"]


def test_another_pods_log_restarts_a_watcher() -> None:
    events = told(fed(b"one\n"), Cursor("zzzzz", 5))
    assert [event.kind for event in events] == ["restart", "log"]
    assert json.loads(log_event(TAG, 0, ["one"]).split(b"\n")[1][6:]) == events[1].data
