"""What is wrong with a request, said so that its author can mend it."""

from collections.abc import Sequence

from qmk_contract.phases import Reason
from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic

_KEYCODE_LENGTH_MAX = 256


class RequestError(ValueError):
    """A request that no build can be made of.

    ``diagnostics`` holds all that was found, at least one and at most DIAGNOSTICS_MAX; the message
    is that of the first.
    """

    def __init__(
        self, reason: Reason, message: str, *, diagnostics: Sequence[Diagnostic] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.diagnostics = tuple(diagnostics) or (Diagnostic("error", message),)

    @property
    def layer(self) -> int | None:
        """The layer of the first fault, from 0, if it is in one."""
        return self.diagnostics[0].layer

    @property
    def key(self) -> int | None:
        """The key of the first fault, from 0, if it is at one."""
        return self.diagnostics[0].key


class Faults:
    """Collects what is wrong with a keymap, so that its author need not mend it one by one."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []

    @property
    def full(self) -> bool:
        """Whether looking for more is idle."""
        return len(self._found) >= DIAGNOSTICS_MAX

    def add(
        self,
        message: str,
        *,
        layer: int | None = None,
        key: int | None = None,
        keycode: str | None = None,
    ) -> None:
        """Note a fault; ``keycode`` is the client's text, whatever it holds."""
        if not self.full:
            text = None if keycode is None else _printable(keycode[:_KEYCODE_LENGTH_MAX])
            self._found.append(Diagnostic("error", message, layer=layer, key=key, keycode=text))

    def check(self, reason: Reason = Reason.INVALID_KEYMAP) -> None:
        """End the collection.

        Raises:
            RequestError: something was found.
        """
        if self._found:
            raise RequestError(reason, self._found[0].message, diagnostics=self._found)


def invalid_keymap(message: str) -> RequestError:
    """The error of a keymap that is no keymap at all."""
    return RequestError(Reason.INVALID_KEYMAP, message)


def _printable(text: str) -> str:
    """Text that UTF-8 can carry, without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
