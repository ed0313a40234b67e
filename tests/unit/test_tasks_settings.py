"""Variables of the tasks: their defaults, and what is refused."""

import pytest

from qmk_tasks import settings
from qmk_tasks.errors import TaskError

DIGEST = f"sha256:{'7' * 64}"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "QMK_CHANNELS", "QMK_GIT_CONFIG", "QMK_GIT_SECONDS", "QMK_GIT_BYTES", "QMK_NAMESPACE",
        "QMK_TOOLCHAIN_DIGEST", "QMK_FAVOURITES", "QMK_REMOVAL_SECONDS",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def test_without_variables_there_are_defaults() -> None:
    git = settings.git_settings()
    assert (git.config, git.seconds, git.bytes_max) == (None, 1800, 4 << 30)
    assert settings.channels() == ()
    assert settings.release_settings() is None


def test_a_release_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMK_NAMESPACE", "qmk")
    with pytest.raises(TaskError, match="QMK_TOOLCHAIN_DIGEST"):
        settings.release_settings()
    monkeypatch.setenv("QMK_TOOLCHAIN_DIGEST", DIGEST)
    monkeypatch.setenv("QMK_FAVOURITES", '["crkbd/rev1"]')
    release = settings.release_settings()
    assert release is not None
    assert (release.favourites, release.removal_seconds) == (("crkbd/rev1",), 86_400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QMK_GIT_CONFIG", "relative"),
        ("QMK_GIT_CONFIG", "/git/$(id)"),
        ("QMK_GIT_SECONDS", "9"),
        ("QMK_GIT_SECONDS", "x"),
        ("QMK_GIT_BYTES", "-1"),
        ("QMK_CHANNELS", "{"),
        ("QMK_CHANNELS", '[{"name": "../x", "url": "https://a/b", "ref": "master"}]'),
        ("QMK_NAMESPACE", "Qmk"),
        ("QMK_FAVOURITES", "crkbd"),
        ("QMK_FAVOURITES", '["../x"]'),
        ("QMK_FAVOURITES", "[1]"),
        ("QMK_FAVOURITES", "{}"),
        ("QMK_REMOVAL_SECONDS", "99999999999"),
    ],
)
def test_what_cannot_be_right_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("QMK_NAMESPACE", "qmk")
    monkeypatch.setenv("QMK_TOOLCHAIN_DIGEST", DIGEST)
    monkeypatch.setenv(name, value)
    with pytest.raises(TaskError, match=name):
        read_all()


def read_all() -> None:
    settings.git_settings()
    settings.channels()
    settings.release_settings()
