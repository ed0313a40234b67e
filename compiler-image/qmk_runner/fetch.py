"""What a build is made of, from storage: each object side by side with the others, and checked."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qmk_contract.exit_codes import ExitCode
from qmk_contract.record_pointer import RECORD_BYTES_MAX
from qmk_contract.work_order import BuildOrder, Fetch
from qmk_runner import transfer
from qmk_runner.errors import InfrastructureError
from qmk_runner.transfer import OtherObjectError, TransferError

_REQUEST_BYTES_MAX = 1 << 20
_LAYER_BYTES_MAX = 1 << 30
#: How long a build waits for what it can do without.
_OPTIONAL_SECONDS = 5.0


class UnavailableError(Exception):
    """Something that a build can do without is not to be had.

    ``other``: storage gave something that is not what the order describes.
    """

    def __init__(self, message: str, *, other: bool) -> None:
        super().__init__(message)
        self.other = other


class Download:
    """One object on its way to a file. ``needed``: there is no build without it.

    A thread of its own rather than one of a pool's: what that comes with takes longer to import
    than the file to come.
    """

    def __init__(self, name: str, fetch: Callable[[], Path], *, needed: bool) -> None:
        self._name = name
        self._needed = needed
        self._path: Path | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(fetch,), daemon=True)
        self._thread.start()

    def file(self) -> Path:
        """The file, once it is whole and checked.

        Raises:
            InfrastructureError: storage did not give what a build needs in time.
            UnavailableError: it did not give what a build can do without.
            OSError: the disk is full.
        """
        self._thread.join()
        if self._path is not None:
            return self._path
        if not isinstance(self._error, TransferError):
            raise self._error or RuntimeError(f"nothing came of {self._name}")
        sentence = f"Cannot fetch {self._name} from storage: {self._error}."
        if self._needed:
            raise InfrastructureError(ExitCode.FETCH_FAILED, sentence) from self._error
        other = isinstance(self._error, OtherObjectError)
        raise UnavailableError(sentence, other=other) from self._error

    def _run(self, fetch: Callable[[], Path]) -> None:
        try:
            self._path = fetch()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error


class Inputs:
    """Begins to fetch an order's objects into a folder."""

    def __init__(self, order: BuildOrder, folder: Path) -> None:
        self._order = order
        self._folder = folder

    def request(self) -> Download:
        seconds = self._order.fetch_seconds
        return self._begin("the request", self._order.request, _REQUEST_BYTES_MAX, seconds)

    def layers(self, seconds: float) -> Sequence[Download]:
        """The tree's layers in order, which must all be there after so many seconds."""
        return [
            self._begin(f"layer-{number}", layer, _LAYER_BYTES_MAX, seconds)
            for number, layer in enumerate(self._order.layers, 1)
        ]

    def generator(self) -> Download | None:
        return self._begin_optional("the generator", self._order.generator, _LAYER_BYTES_MAX)

    def record(self) -> Download | None:
        return self._begin_optional("the record", self._order.record, RECORD_BYTES_MAX)

    def _begin_optional(self, name: str, item: Fetch | None, size_max: int) -> Download | None:
        if item is None:
            return None
        seconds = min(_OPTIONAL_SECONDS, self._order.fetch_seconds)
        return self._begin(name, item, size_max, seconds, needed=False)

    def _begin(
        self, name: str, item: Fetch, size_max: int, seconds: float, *, needed: bool = True
    ) -> Download:
        path = self._folder / name.removeprefix("the ")
        deadline = time.monotonic() + seconds
        return Download(
            name,
            lambda: _fetch(item, path, size_max=size_max, deadline=deadline, needed=needed),
            needed=needed,
        )


def _fetch(item: Fetch, path: Path, *, size_max: int, deadline: float, needed: bool) -> Path:
    def attempt() -> Path:
        if item.size is not None and item.size > size_max:
            raise OtherObjectError(f"it is larger than {size_max} bytes", final=True)
        with path.open("wb") as sink:
            limit = size_max if item.size is None else item.size
            size, sha256 = transfer.get(item.url, sink, size_max=limit, deadline=deadline)
        if item.size not in (None, size) or item.sha256 not in (None, sha256):
            # Whoever can do without it need not ask again for what is stored wrong.
            raise OtherObjectError(
                "it is not what the order describes: size or digest differ", final=not needed
            )
        return path

    return transfer.retry(attempt, deadline=deadline)
