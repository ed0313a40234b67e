"""Frozen dataclasses to JSON bodies and back, by their annotations.

Field names become camelCase unless the field's metadata names another (``{"name": "class"}``).
Absent and null are the same thing, and are left out when written. Unknown keys are ignored on
reading, so that an older reader accepts a newer writer.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class BodyError(ValueError):
    """A body does not have the shape that its type asks for; the text names the field."""


def to_body(value: Any) -> Any:
    """Turn a dataclass (or any value it may hold) into JSON-ready values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            _wire_name(field): to_body(item)
            for field in dataclasses.fields(value)
            if (item := getattr(value, field.name)) is not None
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return {key: to_body(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_body(item) for item in value]
    return value


def from_body(cls: type[T], body: Any, path: str = "") -> T:
    """Read a dataclass from a JSON body.

    Raises:
        BodyError: a field is missing or has another type.
    """
    if not isinstance(body, Mapping):
        raise BodyError(f"{path or 'body'}: expected an object, got {_kind(body)}")
    hints = _hints(cls)  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        name = _wire_name(field)
        where = f"{path}.{name}" if path else name
        if (item := body.get(name)) is not None:
            values[field.name] = _decode(hints[field.name], item, where)
        elif _required(field):
            raise BodyError(f"{where}: missing")
    return cls(**values)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond where there is a fraction."""
    moment = moment.astimezone(UTC)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time.

    Raises:
        ValueError: the text is no such time, or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _wire_name(field: "dataclasses.Field[Any]") -> str:
    explicit = field.metadata.get("name")
    if isinstance(explicit, str):
        return explicit
    first, *rest = field.name.split("_")
    return first + "".join(part.title() for part in rest)


def _required(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _decode(hint: Any, item: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is types.UnionType or origin is typing.Union:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        origin = typing.get_origin(hint)
    if hint is Any:
        return item
    if origin is tuple:
        return _decode_tuple(typing.get_args(hint)[0], item, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(item, Mapping):
            raise BodyError(f"{where}: expected an object, got {_kind(item)}")
        inner = typing.get_args(hint)[1]
        return {key: _decode(inner, value, f"{where}.{key}") for key, value in item.items()}
    if dataclasses.is_dataclass(hint):
        return from_body(typing.cast("type[Any]", hint), item, where)
    return _decode_scalar(hint, item, where)


def _decode_tuple(inner: Any, item: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(item, list | tuple):
        raise BodyError(f"{where}: expected an array, got {_kind(item)}")
    return tuple(_decode(inner, value, f"{where}[{index}]") for index, value in enumerate(item))


def _decode_scalar(hint: Any, item: Any, where: str) -> Any:
    try:
        if issubclass(hint, Enum):
            return hint(item)
        if hint is datetime:
            return parse_time(item)
    except (ValueError, TypeError) as error:
        raise BodyError(f"{where}: {error}") from error
    accepted = (int, float) if hint is float else hint
    if not isinstance(item, accepted) or (isinstance(item, bool) and hint is not bool):
        raise BodyError(f"{where}: expected {hint.__name__}, got {_kind(item)}")
    return item


def _kind(item: Any) -> str:
    return "null" if item is None else type(item).__name__
