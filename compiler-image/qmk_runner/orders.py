"""Work orders: JSON text, wherever it came from, to checked values. Pure."""

import json
import re
from typing import Any, TypeVar

from qmk_contract.artifacts import COMMIT_PATTERN, CONTENT_TYPES, DIGEST_PATTERN
from qmk_contract.codec import BodyError, from_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.patterns import KEY_PATTERN, KEYBOARD_LENGTH_MAX, KEYBOARD_PATTERN, NAME_PATTERN
from qmk_contract.work_order import SCHEMA, BuildOrder, UploadOrder
from qmk_runner.errors import InfrastructureError

Order = TypeVar("Order", BuildOrder, UploadOrder)


def build_order(text: str) -> BuildOrder:
    """Read the order of ``build``.

    Raises:
        InfrastructureError: it is no order, or one that this runner must not follow.
    """
    order = _order(BuildOrder, text)
    _check("schema", order.schema == SCHEMA)
    _check("key", re.fullmatch(KEY_PATTERN, order.key))
    _check("keyboard", re.fullmatch(KEYBOARD_PATTERN, order.keyboard))
    _check("keyboard", len(order.keyboard) <= KEYBOARD_LENGTH_MAX)
    _check("keymapName", re.fullmatch(NAME_PATTERN, order.keymap_name))
    _check("firmwareCommit", re.fullmatch(COMMIT_PATTERN, order.firmware_commit))
    _check("layers", order.layers)
    for fetch in (order.request, *order.layers, order.generator, order.record):
        _check("url", fetch is None or _is_url(fetch.url))
    if order.record is not None or order.recording:
        _check("recordDigest", re.fullmatch(DIGEST_PATTERN, order.record_digest))
    _check("seconds", min(order.timeout_seconds, order.fetch_seconds) > 0)
    _check("logBytes", order.log_bytes >= 1024)
    _check("makeJobs", 1 <= order.make_jobs <= 64)
    return order


def upload_order(text: str) -> UploadOrder:
    """Read the order of ``upload``.

    Raises:
        InfrastructureError: it is no order, or one that this runner must not follow.
    """
    order = _order(UploadOrder, text)
    _check("schema", order.schema == SCHEMA)
    _check("key", re.fullmatch(KEY_PATTERN, order.key))
    for name, url in order.targets.items():
        _check("targets", name in CONTENT_TYPES)
        _check("url", _is_url(url))
    _check("seconds", min(order.build_seconds, order.upload_seconds) > 0)
    return order


def _order(cls: type[Order], text: str) -> Order:
    try:
        return from_body(cls, json.loads(text))
    except BodyError as error:
        raise _bad(str(error)) from error
    except ValueError as error:
        raise _bad("it is not JSON") from error


def _check(what: str, fits: Any) -> None:
    if not fits:
        raise _bad(f"{what} is missing or out of bounds")


def _is_url(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _bad(why: str) -> InfrastructureError:
    return InfrastructureError(ExitCode.BAD_ORDER, f"The work order cannot be followed: {why}.")
