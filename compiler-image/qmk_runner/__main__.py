"""``python3 -m qmk_runner build|upload``: the two containers of a build's pod."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Never

from qmk_contract.exit_codes import ExitCode
from qmk_runner import lock, orders, settings
from qmk_runner.errors import InfrastructureError, Terminated

_TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str]) -> int:
    """Run one of the two programs; returns its exit code."""
    programs: dict[str, Callable[[], ExitCode]] = {"build": _build, "upload": _upload}
    program = programs.get(arguments[0]) if len(arguments) == 1 else None
    if program is None:
        _say("usage: python3 -m qmk_runner build|upload")
        return ExitCode.BAD_ORDER
    try:
        return program()
    except InfrastructureError as error:
        _say(error.message)
        return error.exit_code
    except Terminated:  # the log says so
        return _TERMINATED


def _build() -> ExitCode:
    started = datetime.now(UTC)
    signal.signal(signal.SIGTERM, _terminate)
    current = settings.from_environment(settings.BUILD_ORDER)
    current.shared.mkdir(parents=True, exist_ok=True)
    # Before anything that can fail: upload waits for this lock to be let go.
    lock.hold(current.shared)
    from qmk_runner import build, process_group

    process_group.hide_from_children()
    process_group.adopt_orphans()
    return build.run(orders.build_order(current.order), current, started)


def _upload() -> ExitCode:
    # The same signal ends the build, and with it the wait; what is there is still stored.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from qmk_runner import upload

    current = settings.from_environment(settings.UPLOAD_ORDER)
    order = orders.upload_order(current.order)
    try:
        lock.wait_for_release(
            current.shared,
            start_seconds=current.build_start_seconds,
            held_seconds=order.build_seconds,
        )
    except lock.NeverHeldError as error:
        raise InfrastructureError(ExitCode.NO_RESULT, str(error)) from error
    return upload.run(order, current.shared, _say)


def _terminate(_signal: int, _frame: object) -> Never:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: no thread's socket is worth waiting for, and upload waits for this end.
    os._exit(code)
