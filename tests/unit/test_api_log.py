"""The log is one JSON object a line, whatever a request or a traceback holds."""

import json
import logging
import subprocess
import sys

from qmk_api.serving.log_lines import JsonLines


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("qmk_api.x", logging.INFO, "x.py", 1, message, arguments, None)
    made.created = 1795507200.0625
    for name, value in extra.items():
        setattr(made, name, value)
    return made


def test_a_line_says_when_and_what() -> None:
    line = json.loads(JsonLines().format(record("%s: %s", "s3", "there")))
    assert line == {
        "time": "2026-11-24T08:00:00.062Z",
        "level": "INFO",
        "logger": "qmk_api.x",
        "message": "s3: there",
    }


def test_fields_stand_beside_the_message() -> None:
    fields = {"path": '/a"\n\x1b[31m', "status": 404}
    text = JsonLines().format(record("request", fields=fields))
    assert "\n" not in text
    assert "\x1b" not in text
    assert json.loads(text).items() >= fields.items()


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        text = JsonLines().format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "RuntimeError: first\nsecond" in json.loads(text)["exception"]


PROGRAM = """
import logging
from qmk_api.serving.log_lines import configure
configure("INFO")
for name in ("qmk_api.x", "urllib3.connectionpool", "urllib3.x"):
    for level in ("info", "warning", "error"):
        getattr(logging.getLogger(name), level)(f"{name} {level}")
"""


def test_libraries_tell_what_goes_wrong_and_no_more() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    lines = [json.loads(line)["message"] for line in ended.stderr.splitlines()]
    assert lines == [
        "qmk_api.x info",
        "qmk_api.x warning",
        "qmk_api.x error",
        "urllib3.connectionpool error",
        "urllib3.x warning",
        "urllib3.x error",
    ]
