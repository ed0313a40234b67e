"""JSON out of a firmware tree, and what is none."""

import pytest

from qmk_contract.documents import DOCUMENT_BYTES_MAX, read_document


def test_a_document_is_read() -> None:
    assert read_document(b'{"keyboards": [1]}') == {"keyboards": [1]}
    assert read_document(b"1" + b" " * (DOCUMENT_BYTES_MAX - 1)) == 1


@pytest.mark.parametrize("nest", [b"[", b'{"a":'])
def test_one_without_a_bottom_is_a_value_error(nest: bytes) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read_document(nest * 50_000)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"\xff\xfe[", b"9" * 5000])
def test_what_is_no_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_document(content)


def test_one_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(ValueError, match="larger than"):
        read_document(b"[" * (DOCUMENT_BYTES_MAX + 1))
