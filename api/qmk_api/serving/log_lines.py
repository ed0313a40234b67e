"""The process's log: one JSON object a line, tracebacks and the text of requests included."""

import json
import logging
import logging.config
import time
from typing import Any

_encode = json.JSONEncoder(default=str).encode
_LEVELS = {
    **dict.fromkeys(("botocore", "boto3", "urllib3", "kubernetes", "httpx", "httpcore"), "WARNING"),
    # It warns of every connection that a full pool does not keep, which is how it should be.
    "urllib3.connectionpool": "ERROR",
}


class JsonLines(logging.Formatter):
    """time (UTC), level, logger, message, and the record's own ``fields`` where it has any."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._second_text = ""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if fields := getattr(record, "fields", None):
            line.update(fields)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)

    def _time(self, created: float) -> str:
        second = int(created)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((created - second) * 1000):03d}Z"


def configure(level: str) -> None:
    """Log everything to standard error from ``level`` on, and of libraries what goes wrong."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": JsonLines}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {name: {"level": least} for name, least in _LEVELS.items()},
        }
    )
    # Nothing here reads them, and each costs a call for every line, see
    # https://docs.python.org/3/howto/logging.html#optimization
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None
