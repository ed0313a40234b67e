"""``python -m qmk_api``: serve until SIGTERM, then drain."""

import asyncio
import logging.config
import sys
from types import FrameType
from typing import Any

import uvicorn
from kubernetes.config import ConfigException

from qmk_api.app import from_settings
from qmk_api.environment import SettingsError
from qmk_api.settings import Settings

#: How long requests under way may take to end once the listener is closed.
GRACEFUL_SECONDS = 20


class DrainingServer(uvicorn.Server):
    """Serves on for a moment after the first signal, not ready, so that no caller is cut off.

    A Service still sends connections to a pod for a while after the pod was told to end; those
    that callers keep open are closed after their next reply.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: int) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining or self._drain_seconds == 0:
            super().handle_exit(sig, frame)
            return
        self._draining = True
        self.config.app.state.services.health.draining = True  # type: ignore[union-attr]
        self.config.encoded_headers.append((b"connection", b"close"))
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(
            loop.call_later, self._drain_seconds, super().handle_exit, sig, frame
        )


def main() -> int:
    """Returns the exit code: 2 for settings that are missing or unfit."""
    try:
        settings = Settings.from_environment()
        logging.config.dictConfig(_logging(settings.log_level))
        app = from_settings(settings)
    except (SettingsError, ConfigException) as error:
        sys.stderr.write(f"qmk_api: {error}\n")
        return 2
    server = DrainingServer(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ),
        settings.drain_seconds,
    )
    server.run()
    return 0 if server.started else 1


def _logging(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            name: {"level": "WARNING"} for name in ("botocore", "boto3", "urllib3", "kubernetes")
        },
    }


if __name__ == "__main__":
    sys.exit(main())
