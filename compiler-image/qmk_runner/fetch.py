"""What a build is made of, from storage: everything at once, each checked against its order."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.exit_codes import ExitCode
from qmk_contract.work_order import BuildOrder, Fetch
from qmk_runner import transfer
from qmk_runner.errors import InfrastructureError
from qmk_runner.transfer import TransferError

_REQUEST_BYTES_MAX = 1 << 20
_LAYER_BYTES_MAX = 1 << 30
_THREADS = 4


@dataclass(frozen=True)
class Inputs:
    """Downloads under way; ``result()`` of each is the file, checked."""

    request: "Future[Path]"
    layers: Sequence["Future[Path]"]


def start(order: BuildOrder, folder: Path) -> Inputs:
    """Begin to fetch everything of an order into ``folder``.

    A future's ``result()`` raises InfrastructureError when storage did not give what the order
    asks for in time, and OSError when the disk is full.
    """
    deadline = time.monotonic() + order.fetch_seconds
    pool = ThreadPoolExecutor(_THREADS)
    layers = [
        pool.submit(_fetch, item, folder / f"layer-{number}", _LAYER_BYTES_MAX, deadline)
        for number, item in enumerate(order.layers, 1)
    ]
    request = pool.submit(
        _fetch, order.request, folder / "request.json", _REQUEST_BYTES_MAX, deadline
    )
    pool.shutdown(wait=False)
    return Inputs(request, layers)


def _fetch(item: Fetch, path: Path, size_max: int, deadline: float) -> Path:
    def attempt() -> Path:
        with path.open("wb") as sink:
            limit = size_max if item.size is None else item.size
            size, sha256 = transfer.get(item.url, sink, size_max=limit, deadline=deadline)
        if item.size not in (None, size) or item.sha256 not in (None, sha256):
            raise TransferError("it is not what the order describes: size or digest differ")
        return path

    try:
        return transfer.retry(attempt, deadline=deadline)
    except TransferError as error:
        raise InfrastructureError(
            ExitCode.FETCH_FAILED, f"Cannot fetch {path.name} from storage: {error}."
        ) from error
