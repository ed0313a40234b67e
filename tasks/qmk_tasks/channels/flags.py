"""Flags that ask for a refresh of a channel: removed once what they asked for is served."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.refresh import RefreshRequest
from qmk_tasks.storage import published
from qmk_tasks.storage.storage import Stored

#: A host may tell of a push before each of its servers has it.
_SETTLED = timedelta(minutes=10)


class Flags(Protocol):
    """What flags need of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def delete(self, keys: list[str]) -> None: ...


def clear(storage: Flags, channel: str, commit: str, resolved: datetime) -> None:
    """Remove a channel's flag if ``commit``, which its source had at ``resolved``, answers it.

    That is the commit that the flag names, or one that the source had so long after it was asked
    for that it must be newer. A flag that nobody can read asks for nothing.
    """
    key = artifacts.refresh_request(channel)
    flag = published.read(storage, RefreshRequest, key)
    if flag is not None and flag.commit != commit and resolved < flag.requested + _SETTLED:
        return
    if flag is not None or storage.objects(key):
        storage.delete([key])
