"""The Range header, by the examples of RFC 9110 and by what real clients send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.downloading.byte_range import ByteRange, Unsatisfiable, parse_range

SIZE = 10000


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-499", 0, 499),
        ("bytes=500-999", 500, 999),
        ("bytes=-500", 9500, 9999),
        ("bytes=9500-", 9500, 9999),
        ("bytes=0-0", 0, 0),
        ("bytes=-1", 9999, 9999),
        ("bytes=-20000", 0, 9999),
        ("bytes=9999-20000", 9999, 9999),
        ("bytes=0-99999999999999999999999999", 0, 9999),
        ("BYTES=0-", 0, 9999),
        (" bytes = 5-6 ", 5, 6),
    ],
)
def test_one_range_is_taken(header: str, first: int, last: int) -> None:
    assert parse_range(header, SIZE) == ByteRange(first, last)


@pytest.mark.parametrize("header", ["bytes=10000-", "bytes=-0", "bytes=20000-30000"])
def test_range_outside_of_the_file_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, SIZE)


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=--5", "bytes=1-2-3",
        "items=0-5", "bytes=0-1,5-6", "bytes=٣-٤", f"bytes=0-{'9' * 5000}", "bytes=+1-2",
    ],
)  # fmt: skip
def test_anything_else_gets_the_whole(header: str) -> None:
    assert parse_range(header, SIZE) is None


def test_empty_file_has_no_part() -> None:
    for header in ("bytes=0-", "bytes=-5"):
        with pytest.raises(Unsatisfiable):
            parse_range(header, 0)


@given(st.from_regex(r"bytes=[0-9]{0,12}-[0-9]{0,12}", fullmatch=True), st.integers(0, 1 << 40))
def test_part_lies_in_the_file(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.first <= part.last < size
