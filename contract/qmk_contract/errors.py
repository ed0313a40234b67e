"""What is wrong with a request, said so that its author can mend it."""

from qmk_contract.phases import Reason


class RequestError(ValueError):
    """A request that no build can be made of.

    ``layer`` and ``key`` count from 0 and say where, if the fault is at one place.
    """

    def __init__(
        self, reason: Reason, message: str, *, layer: int | None = None, key: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.layer = layer
        self.key = key


def invalid_keymap(
    message: str, *, layer: int | None = None, key: int | None = None
) -> RequestError:
    """The error of a keymap that cannot be built."""
    return RequestError(Reason.INVALID_KEYMAP, message, layer=layer, key=key)
