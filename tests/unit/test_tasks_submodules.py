"""What a strangers' .gitmodules may ask for."""

import pytest

from qmk_tasks.checkout.git import TRANSPORTS
from qmk_tasks.checkout.submodules import (
    SUBMODULES_MAX,
    Submodule,
    checked,
    pinned,
    resolve,
    same_host,
)
from qmk_tasks.errors import TaskError

COMMIT = "a" * 40
PARENT = "https://git.example.org/qmk/qmk_firmware.git"


def listed(path: str, url: str, name: str = "one") -> bytes:
    """``.gitmodules`` as ``git config --list -z`` prints it."""
    return f"submodule.{name}.path\n{path}\0submodule.{name}.url\n{url}\0".encode()


def test_a_link_is_fetched_where_its_entry_says() -> None:
    configuration = listed("lib/printf", "../printf.git", "a.b/c")
    configuration += listed("lib/unlinked", "https://git.example.org/other", "two")
    configuration += b"submodule.two.branch\nmaster\0core.editor\nvi\0"
    found = pinned({"lib/printf": COMMIT}, configuration, PARENT, TRANSPORTS)
    url = "https://git.example.org/qmk/printf.git"
    assert found == (Submodule("lib/printf", COMMIT, url),)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("../printf.git", "https://git.example.org/qmk/printf.git"),
        ("../../other/printf", "https://git.example.org/other/printf"),
        ("./sub.git", "https://git.example.org/qmk/qmk_firmware.git/sub.git"),
        ("ssh://git@git.example.org:22/x.git", "ssh://git@git.example.org:22/x.git"),
        ("git://git.example.org/x", "git://git.example.org/x"),
    ],
)
def test_relative_urls_begin_where_the_tree_came_from(url: str, expected: str) -> None:
    assert resolve(url, PARENT, "lib/x", TRANSPORTS) == expected


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "/etc",
        "ext::sh -c id",
        "--upload-pack=id",
        "git@git.example.org:x/y.git",
        "https://user:secret@git.example.org/x",
        "https:///x",
        "../../../../../x",
        "https://git.example.org/a/../b",
        "https://git.example.org/a b",
        "https://git.example.org/$(id)",
        "ftp://git.example.org/x",
        "",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(TaskError) as caught:
        resolve(url, PARENT, "lib/x", TRANSPORTS)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://git.example.org/other", True),
        ("https://token@GIT.example.org:443/other", True),
        ("https://git.example.org:8443/other", False),
        ("http://git.example.org/other", False),
        ("http://git.example.org:443/other", False),
        ("ssh://git@git.example.org/other", False),
        ("https://git.example.org.example.net/other", False),
        ("https://git.example.org@example.net/other", False),
    ],
)
def test_a_host_is_a_scheme_a_name_and_a_port(url: str, same: bool) -> None:
    assert same_host(PARENT, url) is same


def test_files_are_for_channels_that_are_files() -> None:
    assert checked("file:///srv/x.git", "the URL", ("file", *TRANSPORTS)) == "file:///srv/x.git"
    with pytest.raises(TaskError, match="is not of https"):
        checked("file:///srv/x.git", "the URL", TRANSPORTS)


@pytest.mark.parametrize(
    "path",
    ["../x", "/x", "a/../b", "a//b", ".git/hooks", "a/.GIT", "a b", "-x\n", "a/./b", "x" * 200],
)
def test_a_path_that_leaves_the_tree_is_refused(path: str) -> None:
    with pytest.raises(TaskError, match="path of a submodule is not fit"):
        pinned({path: COMMIT}, listed(path, "../x"), PARENT, TRANSPORTS)


def test_a_link_without_an_entry_is_refused() -> None:
    with pytest.raises(TaskError, match=r"lib/x has no URL in \.gitmodules"):
        pinned({"lib/x": COMMIT}, b"", PARENT, TRANSPORTS)


def test_a_tree_of_very_many_submodules_is_refused() -> None:
    links = {f"lib/{number}": COMMIT for number in range(SUBMODULES_MAX + 1)}
    with pytest.raises(TaskError, match="more than"):
        pinned(links, b"", PARENT, TRANSPORTS)
