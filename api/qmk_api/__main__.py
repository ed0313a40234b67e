"""``python -m qmk_api``: serve until SIGTERM, then drain."""

import resource
import socket
import sys
from multiprocessing.connection import Connection

from kubernetes.config import ConfigException

from qmk_api.app import from_settings
from qmk_api.environment import SettingsError
from qmk_api.serving import log_lines
from qmk_api.serving.protocol import CONNECTIONS_MAX
from qmk_api.serving.server import BACKLOG, DrainingServer, listen, server_config
from qmk_api.serving.supervisor import Supervisor
from qmk_api.serving.worker import worker_server
from qmk_api.settings import Settings

UNFIT_SETTINGS = 2
NOT_STARTED = 1
#: File descriptors beside those of connections: to Kubernetes, S3 and Redis, and a few of its own.
OTHER_FILES = 256
#: Between the last worker's end and the pod's, in seconds.
LEAVE_MARGIN = 1


def main() -> int:
    """Returns the exit code: 0 after SIGTERM, 2 for settings that are missing or unfit, 1 where
    it could not start."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        return _fail(str(error), UNFIT_SETTINGS)
    log_lines.configure(settings.log_level)
    _raise_file_limit()
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        return _fail(f"cannot listen on {settings.host} port {settings.port}: {error}", NOT_STARTED)
    process = settings.process
    if process.workers == 1 and process.max_requests == 0:
        return _serve(settings, listener)
    return Supervisor(
        lambda channel: _serve(settings, listener, channel),
        process.workers,
        process.worker_timeout_seconds,
        settings.termination_grace_seconds - LEAVE_MARGIN,
    ).run()


def _serve(settings: Settings, listener: socket.socket, channel: Connection | None = None) -> int:
    """Serve in this process; ``channel`` leads to the supervisor where there is one."""
    try:
        app = from_settings(settings)
    except ConfigException as error:
        return _fail(str(error), UNFIT_SETTINGS)
    config = server_config(app, settings)
    if channel is None:
        server = DrainingServer(config, settings.drain_seconds)
    else:
        server = worker_server(config, settings, channel)
    server.run([listener])
    return 0 if server.started else NOT_STARTED


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"qmk_api: {message}\n")
    return code


def _raise_file_limit() -> None:
    """Each connection takes a file descriptor, and the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # As many as wait are taken at once, before idle ones make room for them.
    wanted = CONNECTIONS_MAX + BACKLOG + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
