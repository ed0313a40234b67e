"""One spelling for each path, and a clear refusal of those that could mean two things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.serving.paths import PATH_BYTES_MAX, UnfitPathError, plain_path


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"//", "/"),
        (b"/v1", "/v1"),
        (b"//v1/compile", "/v1/compile"),
        (b"////v1", "/v1"),
        (b"/v1/", "/v1"),
        (b"/v1/compile//", "/v1/compile"),
        (b"/v1/keyboards/clueboard/66/rev3/info.json", "/v1/keyboards/clueboard/66/rev3/info.json"),
        (b"/v1/caf%C3%A9", "/v1/café"),
        (b"/v1/a%20b%2Bc", "/v1/a b+c"),
        (b"/v1/..a/b..", "/v1/..a/b.."),
        (b"/.well-known/x", "/.well-known/x"),
    ],
)
def test_path_is_brought_into_one_spelling(raw: bytes, path: str) -> None:
    assert plain_path(raw) == path


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"/v1/%2e%2e/x", 400),
        (b"/v1/.%2E", 400),
        (b"/v1/./x", 400),
        (b"/v1/../../etc/passwd", 400),
        (b"/..", 400),
        (b"/v1/a%2Fb", 400),
        (b"/v1/a%2fb", 400),
        (b"/v1/a%5Cb", 400),
        (b"/v1/a\\b", 400),
        (b"/v1/%00", 400),
        (b"/v1/%0d%0aSet-Cookie:x", 400),
        (b"/v1/%7F", 400),
        (b"/v1/%ff%fe", 400),
        (b"/v1/%c0%af", 400),
        (b"/v1/%zz", 400),
        (b"/v1/%", 400),
        (b"/" + b"a" * PATH_BYTES_MAX, 414),
    ],
)
def test_path_that_could_mean_two_things_is_refused(raw: bytes, code: int) -> None:
    with pytest.raises(UnfitPathError) as refused:
        plain_path(raw)
    assert refused.value.code == code
    assert str(refused.value)


@given(st.binary(max_size=64))
def test_no_path_leads_anywhere_else(raw: bytes) -> None:
    try:
        path = plain_path(b"/" + raw)
    except UnfitPathError:
        return
    assert path.startswith("/")
    assert not path.startswith("//")
    assert not {".", ".."} & set(path.split("/"))
    assert not any(character < " " or character in "\\\x7f" for character in path)
