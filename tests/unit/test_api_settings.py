"""The API's environment."""

import pytest

from qmk_api.environment import SettingsError
from qmk_api.settings import Settings

REQUIRED = {
    "QMK_NAMESPACE": "qmk",
    "QMK_TOOLCHAIN_DIGEST": f"sha256:{'0' * 64}",
    "S3_ENDPOINT_URL": "http://s3:8333",
    "S3_ACCESS_KEY": "access-word",
    "S3_SECRET_KEY": "secret-word",
}


def test_required_variables_are_enough() -> None:
    settings = Settings.from_environment(REQUIRED)
    assert (settings.storage.bucket, settings.redis, settings.trusted_proxies) == ("qmk", None, 0)
    assert settings.port == 8080


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        Settings.from_environment({"QMK_PORT": "x", "QMK_TRUSTED_PROXIES": "99"})
    for name in (*REQUIRED, "QMK_PORT", "QMK_TRUSTED_PROXIES"):
        assert name in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QMK_NAMESPACE", "Not a name"),
        ("QMK_TOOLCHAIN_DIGEST", "latest"),
        ("S3_ENDPOINT_URL", "ftp://s3"),
        ("QMK_EXTERNAL_URL", "javascript:alert(1)"),
        ("QMK_DEFAULT_CHANNEL", "../x"),
        ("QMK_PORT", "0"),
        ("QMK_BODY_BYTES_MAX", "-1"),
        ("QMK_LOG_LEVEL", "loud"),
    ],
)
def test_unfit_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**REQUIRED, name: value})


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_external_url_loses_its_trailing_slash(end: str) -> None:
    settings = Settings.from_environment({**REQUIRED, "QMK_EXTERNAL_URL": f"https://a.b/api{end}"})
    assert settings.external_url == "https://a.b/api"


def test_redis_is_used_where_it_is_named() -> None:
    settings = Settings.from_environment({**REQUIRED, "REDIS_HOST": "redis"})
    assert settings.redis is not None
    assert (settings.redis.host, settings.redis.port) == ("redis", 6379)


def test_secrets_are_not_shown() -> None:
    environment = {
        **REQUIRED,
        "QMK_CLIENT_SALT": "salt-word",
        "REDIS_HOST": "redis",
        "REDIS_PASSWORD": "redis-word",
    }
    shown = repr(Settings.from_environment(environment))
    assert not any(word in shown for word in ("secret-word", "salt-word", "redis-word"))


def test_salt_is_random_where_none_is_given() -> None:
    first, second = (Settings.from_environment(REQUIRED) for _ in range(2))
    assert first.client_salt != second.client_salt
