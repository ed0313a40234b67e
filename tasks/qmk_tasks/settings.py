"""Environment of the tasks, read once.

==========================  =======  ===========================================================
variable                    task     meaning, default
==========================  =======  ===========================================================
``S3_ENDPOINT_URL``         plan,    the S3 server; required
``S3_BUCKET``               publish  ``qmk``
``S3_REGION``                        ``us-east-1``
``S3_ACCESS_KEY``                    required
``S3_SECRET_KEY``                    required
``QMK_CHANNELS``            plan     JSON list of ``{"name", "url", "ref"}``; none
``QMK_SANDBOX``             snapshot what if the node lacks a layer of the sandbox that the tree's
                                     own code runs in, as for builds: ``require`` (default) makes
                                     no snapshot, ``prefer`` makes it with the layers there are
``PYTHONPATH``              snapshot where the runner's packages are; none if Python knows
``QMK_GIT_CONFIG``          plan,    path of a git configuration file with what hosts ask for:
                            checkout credentials, proxies, certificates; none
``QMK_GIT_SECONDS``         checkout longest fetch of a tree and its submodules; 1800
``QMK_GIT_BYTES``           checkout largest tree, and largest single file that git may write;
                                     4 GiB
``QMK_NAMESPACE``           publish  where the release's CompileJobs are; where empty, no old
                                     commit is removed, and no favourite is built
``QMK_TOOLCHAIN_DIGEST``    publish  digest of the image that builds, as the operator has it;
                                     required with ``QMK_NAMESPACE``
``QMK_FAVOURITES``          publish  JSON list of keyboards whose records are made at once; none
``QMK_REMOVAL_SECONDS``     publish  for how long nothing may have named a commit before it is
                                     removed; 86400
==========================  =======  ===========================================================
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.channels import ChannelSource, read_channels
from qmk_contract.errors import RequestError
from qmk_contract.keyboards import check_keyboard_name
from qmk_contract.work_order import SandboxMode
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError

_URL = r"https?://[A-Za-z0-9.\[\]:-]+/?"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_REGION = r"[a-z0-9-]{1,64}"
_WORD = r"[\x21-\x7e]{1,256}"
_PATH = r"(?:/[A-Za-z0-9._-]{1,128}){1,16}"
_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DIGEST = r"sha256:[0-9a-f]{64}"
_FAVOURITES_MAX = 1000


@dataclass(frozen=True)
class StorageSettings:
    """Where the S3 server is, and as whom it is called."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class GitSettings:
    """How git is run. ``config`` is a file of git's own, for what hosts ask for."""

    search_path: str
    config: Path | None
    seconds: int
    bytes_max: int


@dataclass(frozen=True)
class ReleaseSettings:
    """What publishing does beside it, for the release that lives in a namespace."""

    namespace: str
    toolchain_digest: str
    favourites: tuple[str, ...]
    removal_seconds: int


def storage_settings() -> StorageSettings:
    """Read the variables that the chart gives to everything that talks to S3.

    Raises:
        TaskError: one is missing or cannot be right.
    """
    return StorageSettings(
        endpoint_url=_read("S3_ENDPOINT_URL", _URL),
        bucket=_read("S3_BUCKET", _BUCKET, "qmk"),
        region=_read("S3_REGION", _REGION, "us-east-1"),
        access_key=_read("S3_ACCESS_KEY", _WORD),
        secret_key=_read("S3_SECRET_KEY", _WORD),
    )


def git_settings() -> GitSettings:
    """How git is run.

    Raises:
        TaskError: a variable cannot be right.
    """
    config = _read("QMK_GIT_CONFIG", f"(?:{_PATH})?")
    return GitSettings(
        search_path=search_path(),
        config=Path(config) if config else None,
        seconds=_number("QMK_GIT_SECONDS", 1800, 10, 86_400),
        bytes_max=_number("QMK_GIT_BYTES", 4 << 30, 1 << 20, 1 << 40),
    )


def channels() -> tuple[ChannelSource, ...]:
    """The channels, and where the tree of each comes from.

    Raises:
        TaskError: the variable cannot be right.
    """
    try:
        return read_channels(json.loads(os.environ.get("QMK_CHANNELS") or "[]"))
    except ValueError as error:
        raise TaskError(f"the variable QMK_CHANNELS cannot be right: {error}") from error


def release_settings() -> ReleaseSettings | None:
    """What is done for a release; None where there is none.

    Raises:
        TaskError: a variable is missing or cannot be right.
    """
    namespace = _read("QMK_NAMESPACE", f"(?:{_NAMESPACE})?")
    if not namespace:
        return None
    return ReleaseSettings(
        namespace=namespace,
        toolchain_digest=_read("QMK_TOOLCHAIN_DIGEST", _DIGEST),
        favourites=_favourites(),
        removal_seconds=_number("QMK_REMOVAL_SECONDS", 86_400, 0, 31_536_000),
    )


def containment() -> Containment:
    """What a tree's own code runs in.

    Raises:
        TaskError: a variable cannot be right.
    """
    mode = _read("QMK_SANDBOX", "|".join(SandboxMode), SandboxMode.REQUIRE)
    return Containment(search_path(), os.environ.get("PYTHONPATH", ""), SandboxMode(mode))


def search_path() -> str:
    """Where programs are found."""
    return os.environ.get("PATH", os.defpath)


def _favourites() -> tuple[str, ...]:
    try:
        names = json.loads(os.environ.get("QMK_FAVOURITES") or "[]")
        if not isinstance(names, list) or len(names) > _FAVOURITES_MAX:
            raise TaskError(f"QMK_FAVOURITES must be a list of at most {_FAVOURITES_MAX} keyboards")
        return tuple(check_keyboard_name(name) for name in names)
    except (ValueError, RequestError) as error:
        raise TaskError(f"the variable QMK_FAVOURITES cannot be right: {error}") from error


def _number(name: str, default: int, low: int, high: int) -> int:
    value = int(_read(name, "[0-9]{1,13}", str(default)))
    if not low <= value <= high:
        raise TaskError(f"the variable {name} must be from {low} to {high}")
    return value


def _read(name: str, pattern: str, default: str = "") -> str:
    value = os.environ.get(name) or default
    if not re.fullmatch(pattern, value):
        raise TaskError(f"the variable {name} is missing or cannot be right")
    return value
