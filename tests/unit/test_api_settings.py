"""The API's environment."""

import pytest

from qmk_api.environment import SettingsError
from qmk_api.settings import LimitSettings, ProcessSettings, Settings

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
        ("NUM_WORKERS", "0"),
        ("NUM_WORKERS", "many"),
        ("MAX_REQUESTS", "-1"),
        ("TIMEOUT", "0"),
        ("QMK_DRAIN_SECONDS", "25"),
        ("QMK_TERMINATION_GRACE_SECONDS", "0"),
        ("QMK_COMPILE_RATE", "10"),
        ("QMK_CONVERTER_RATE", "10/day"),
        ("QMK_QUEUED_MAX", "1e3"),
        ("QMK_MAX_RUNNING", "0"),
        ("QMK_GITHUB_API_URL", "file:///etc"),
        ("QMK_CHANNELS", "{"),
        ("QMK_START_REFRESHES", "yes"),
        ("QMK_CHANNELS", '{"name": "master"}'),
        ("QMK_CHANNELS", '[{"name": "master", "url": "https://a.b/c"}]'),
        ("GITHUB_WEBHOOK_SECRET", "with space"),
        ("DISCORD_WEBHOOK_URL", "javascript:alert(1)"),
        ("DISCORD_WEBHOOK_ERROR_URL", "https://discord"),
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


def test_the_predecessor_s_names_tune_the_processes() -> None:
    given = {"NUM_WORKERS": "8", "TIMEOUT": "30", "MAX_REQUESTS": "1000"}
    settings = Settings.from_environment({**REQUIRED, **given, "MAX_REQUESTS_JITTER": "100"})
    assert settings.process == ProcessSettings(8, 1000, 100, 30)
    assert Settings.from_environment(REQUIRED).process == ProcessSettings(1, 0, 0, 60)


def test_a_discord_url_stands_for_those_that_are_not_given() -> None:
    environment = {
        **REQUIRED,
        "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/all",
        "DISCORD_WEBHOOK_ERROR_URL": "https://discord.com/api/webhooks/2/error",
        "DISCORD_WEBHOOK_INFO_URL": "none",
    }
    hooks = Settings.from_environment(environment).webhooks
    assert hooks.discord_info_url == ""
    assert hooks.discord_warning_url.endswith("/1/all")
    assert hooks.discord_error_url.endswith("/2/error")
    told = Settings.from_environment({**REQUIRED, "QMK_START_REFRESHES": "false"}).webhooks
    assert not told.start_refreshes
    nothing = Settings.from_environment(REQUIRED).webhooks
    assert nothing.start_refreshes
    assert (nothing.discord_info_url, nothing.secrets, nothing.channels) == ("", (), ())


def test_two_webhook_secrets_serve_a_rotation() -> None:
    environment = {
        **REQUIRED,
        "GITHUB_WEBHOOK_SECRET": "new",
        "GITHUB_WEBHOOK_SECRET_PREVIOUS": "old",
    }
    assert Settings.from_environment(environment).webhooks.secrets == ("new", "old")


def test_channels_are_read_from_json() -> None:
    document = '[{"name": "develop", "url": "https://a.b/qmk/qmk_firmware.git", "ref": "develop"}]'
    [channel] = Settings.from_environment({**REQUIRED, "QMK_CHANNELS": document}).webhooks.channels
    assert channel.follows("QMK/qmk_firmware", "refs/heads/develop")


def test_limits_are_high_and_can_be_lifted() -> None:
    assert Settings.from_environment(REQUIRED).limits == LimitSettings()
    lifted = {"QMK_COMPILE_RATE": "0", "QMK_QUEUED_MAX": "0", "QMK_QUEUED_PER_CLIENT_MAX": "0"}
    limits = Settings.from_environment({**REQUIRED, **lifted}).limits
    assert (limits.compile_rate, limits.queued, limits.queued_per_client) == ("0", 0, 0)


def test_secrets_are_not_shown() -> None:
    environment = {
        **REQUIRED,
        "GITHUB_WEBHOOK_SECRET": "hook-word",
        "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/discord-word",
        "QMK_CLIENT_SALT": "salt-word",
        "REDIS_HOST": "redis",
        "REDIS_PASSWORD": "redis-word",
    }
    shown = repr(Settings.from_environment(environment))
    assert not any(
        word in shown
        for word in ("secret-word", "salt-word", "redis-word", "hook-word", "discord-word")
    )


def test_salt_is_random_where_none_is_given() -> None:
    first, second = (Settings.from_environment(REQUIRED) for _ in range(2))
    assert first.client_salt != second.client_salt
