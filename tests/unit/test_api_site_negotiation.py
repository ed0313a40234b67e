"""Content codings and entity tags: what a header asks for, and what it gets."""

import pytest

from qmk_api.downloading.entity_tags import matching
from qmk_api.keyboards.content_coding import negotiate

BOTH = ("gzip", "zstd")


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "identity"),
        ("*", "zstd"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("gzip ; q=1.0 , zstd ; Q=0.999", "gzip"),
        ("zstd;q=0", "identity"),
        ("zstd;q=0, *", "gzip"),
        ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, gzip", "gzip"),
        ("*;q=0, identity", "identity"),
        ("br, identity;q=0", None),
        ("gzip;q=2", "identity"),
        ("gzip;q=1.5", "gzip"),
        ("gzip;q=-1", "identity"),
        ("gzip;q=nan, ;;;, =, gzip;level=9", "identity"),
        ("gzip gzip", "identity"),
        (",,gzip,,", "gzip"),
    ],
)
def test_coding_by_header(accept_encoding: str | None, coding: str | None) -> None:
    assert negotiate(accept_encoding, BOTH) == coding


def test_only_what_there_is_is_given() -> None:
    assert negotiate("gzip, zstd", ("gzip",)) == "gzip"
    assert negotiate("*", ()) == "identity"
    assert negotiate("zstd, identity;q=0", ("gzip",)) is None


def test_long_header_costs_no_more_than_its_length() -> None:
    assert negotiate("gzip;q=0" + " " * 100_000 + "x", BOTH) == "identity"
    assert negotiate("br," * 50_000 + "gzip", BOTH) == "gzip"


@pytest.mark.parametrize(
    ("if_none_match", "tag"),
    [
        ('"a"', '"a"'),
        ('"b"', '"b"'),
        ('W/"b"', '"b"'),
        ('"x", "b" ,"a"', '"a"'),
        ("*", '"a"'),
        (" * ", '"a"'),
        ('"c"', None),
        ("a", None),
        ('w/"a"', None),
        ("", None),
        ('"a', None),
    ],
)
def test_tag_by_header(if_none_match: str, tag: str | None) -> None:
    assert matching(if_none_match, ('"a"', '"b"')) == tag
