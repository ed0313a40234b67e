"""version.h: which firmware this is, and when it was built."""

import subprocess
import time

from qmk.constants import GENERATED_HEADER_C_LIKE

_EPOCH = "1970-01-01-00:00:00"
_UNKNOWN = "NA"
_GIT_TIMEOUT_SECONDS = 10


def version_h(skip_git=False, skip_all=False):
    """Returns the lines of version.h.

    `skip_git` leaves the commit out, `skip_all` also the time, so that two builds of the same
    sources are the same.
    """
    date = _EPOCH if skip_all else time.strftime("%Y-%m-%d-%H:%M:%S", time.gmtime())
    version = (
        _UNKNOWN if skip_git or skip_all else _git("describe", "--always", "--tags", "--dirty")
    )
    commit = _UNKNOWN if skip_git or skip_all else _git("rev-parse", "--short", "HEAD")
    return [
        GENERATED_HEADER_C_LIKE,
        "#pragma once",
        "",
        f'#define QMK_VERSION "{version}"',
        f'#define QMK_BUILDDATE "{date}"',
        f'#define QMK_GIT_HASH "{commit}"',
    ]


def _git(*arguments):
    try:
        result = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return _UNKNOWN
    return result.stdout.strip() if result.returncode == 0 else _UNKNOWN
