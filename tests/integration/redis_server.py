"""A real Redis for the integration tests, that can be stopped, emptied and started again."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.waiting import wait_for

READY_SECONDS = 10


@dataclass
class RedisServer:
    """One server without persistence: it starts empty each time."""

    state: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("redis-server is missing: install the Debian package redis-server")
        with (self.state / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--dir", str(self.state)],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_for("Redis", self._answers, seconds=READY_SECONDS)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    @property
    def variables(self) -> dict[str, str]:
        """What tells an API process to use it."""
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port)}

    def stored_keys(self) -> list[str]:
        with self._client() as client:
            return sorted(key.decode() for key in client.scan_iter())

    def calls(self, command: str) -> int:
        """How often it was asked for something."""
        with self._client() as client:
            stats: Any = client.info("commandstats")
        return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])

    def _answers(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def _client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2)


@contextmanager
def running_redis(state: Path) -> Iterator[RedisServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = RedisServer(state, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
