"""Answers calls of ``qmk`` from other processes, such as make's, by forks of one that is loaded.

A client reaches the server by named pipes: sockets are closed to all that a build runs. It is a
shell script, called ``qmk``, that stands first on the search path.
"""

import contextlib
import errno
import fcntl
import os
import selectors
import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner.workbench.launcher import Fork, Launcher

Output = Callable[[bytes], None]

_CHUNK_BYTES = 1 << 16
_CLIENT = """\
#!/bin/sh
# Asks the server for one command. It answers with an exit code; output waits in a file, and
# what is for the standard error in a pipe: what a full disk makes of a command is to be told.
call={folder}/$$
lost() {{ echo {lost} > {folder}/calls; exit 126; }}
rm -f "$call".*
mkfifo "$call.end" "$call.err" && exec 3<>"$call.end" 4<>"$call.err" || lost
printf '%s\\0' "$PWD" "$@" > "$call.call" && echo "$$" > {folder}/calls || lost
read -r code said <&3
[ -s "$call.out" ] && cat "$call.out"
[ "$said" = 0 ] || {{ exec 5<"$call.err" 4>&-; cat <&5 >&2; }}
exit "$code"
"""
#: What a client says that cannot ask.
_LOST = b"lost"
_NOT_RUN = 126
#: What Linux lets anybody's pipe hold; a command says less.
_ERRORS_BYTES_MAX = 1 << 20


class ServerFailedError(Exception):
    """A command could not be run, or did not come to its end: no fault of what is built."""


@dataclass(frozen=True)
class Call:
    """A command that a client asked for: where, what, how it ended, for how many seconds it ran."""

    folder: Path
    arguments: tuple[str, ...]
    returncode: int
    seconds: float


class QmkServer:
    """Serves while a command of its own runs. ``folder`` is for the server's files alone."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self._launcher = launcher
        self._folder = folder
        self.calls: list[Call] = []
        self._failures: list[str] = []
        self.programs.mkdir(parents=True)
        write_program(self.programs / "qmk", _client(folder))
        os.mkfifo(folder / "calls", 0o600)

    @property
    def programs(self) -> Path:
        """The folder of the client, for the search path."""
        return self._folder / "bin"

    def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: Output,
    ) -> int:
        """Run a command of ``qmk``, serve those that it asks for; returns its exit code.

        Raises:
            ServerFailedError: one of them was not run to its end, so the exit code tells nothing.
        """
        pipe, write_end = os.pipe2(os.O_CLOEXEC)
        # Open for writing, too, so that it does not end with the first client.
        asks = os.open(self._folder / "calls", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        command = self._launcher.start(
            arguments, folder=folder, output=write_end, errors=write_end, environment=environment
        )
        os.close(write_end)
        os.set_blocking(pipe, False)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(command.end, selectors.EVENT_READ)
                selector.register(pipe, selectors.EVENT_READ, lambda: _pass_on(pipe, output))
                selector.register(asks, selectors.EVENT_READ, lambda: self._begin(asks, selector))
                while not any(key.fd == command.end for key in _handle(selector)):
                    pass
            _pass_on(pipe, output)
        finally:
            os.close(pipe)
            os.close(asks)
        returncode = command.wait()
        if self._failures:
            output("".join(f"qmk: {failure}\n" for failure in self._failures).encode())
            raise ServerFailedError(self._failures[0])
        return returncode

    def _begin(self, asks: int, selector: selectors.BaseSelector) -> bool:
        for client in os.read(asks, _CHUNK_BYTES).split():
            if client == _LOST:
                self._failures.append("a call could not be made")
                continue
            call = self._folder / os.fsdecode(client)
            try:
                words = call.with_suffix(".call").read_bytes().split(b"\0")[:-1]
                folder, *arguments = map(os.fsdecode, words)
                fork, errors = self._start(call, Path(folder), arguments)
            except (OSError, ValueError) as error:
                # The system's words last, as programs have them, for those who read logs.
                said = (isinstance(error, OSError) and error.strerror) or str(error)
                self._failures.append(f"a call was not begun: {said}")
                _answer(call, _NOT_RUN, b"")
                continue
            answer = self._answerer(call, Path(folder), arguments, fork, errors)
            selector.register(fork.end, selectors.EVENT_READ, answer)
        return False

    def _start(self, call: Path, folder: Path, arguments: Sequence[str]) -> tuple[Fork, int]:
        errors = os.memfd_create("errors")
        try:
            with call.with_suffix(".out").open("wb") as out:
                fork = self._launcher.start(
                    arguments, folder=folder, output=out.fileno(), errors=errors
                )
        except BaseException:
            os.close(errors)
            raise
        return fork, errors

    def _answerer(
        self, call: Path, folder: Path, arguments: Sequence[str], fork: Fork, errors: int
    ) -> Callable[[], bool]:
        begun = time.monotonic()

        def answer() -> bool:
            returncode = fork.wait()
            seconds = time.monotonic() - begun
            self.calls.append(Call(folder, tuple(arguments), returncode, seconds))
            if returncode < 0:
                self._failures.append(f"a call broke off: {signal.strsignal(-returncode)}")
            said = os.pread(errors, _ERRORS_BYTES_MAX, 0)
            os.close(errors)
            # As a shell tells of what a signal ended.
            _answer(call, returncode if returncode >= 0 else 128 - returncode, said)
            return True

        return answer


def _client(folder: Path) -> str:
    return _CLIENT.format(folder=shlex.quote(str(folder)), lost=_LOST.decode())


def _answer(call: Path, code: int, said: bytes) -> None:
    """Let a client end; what it is to say waits in its pipe before it hears of the end.

    Raises:
        OSError: it waits still, for it cannot be reached.
    """
    try:
        if said:
            with os.fdopen(_open(call.with_suffix(".err")), "wb", buffering=0) as errors:
                with contextlib.suppress(OSError):  # then it holds less
                    fcntl.fcntl(errors, fcntl.F_SETPIPE_SZ, _ERRORS_BYTES_MAX)
                errors.write(said)
        with os.fdopen(_open(call.with_suffix(".end")), "wb", buffering=0) as end:
            end.write(b"%d %d\n" % (code, len(said)))
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENXIO, errno.EPIPE}:
            raise  # else nobody waits for it any more


def _open(pipe: Path) -> int:
    return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def write_program(path: Path, text: str) -> None:
    """Write a script that can be run; not by chmod, which has no effect in a sandbox."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755), "w") as file:
        file.write(text)


def _handle(selector: selectors.BaseSelector) -> list[selectors.SelectorKey]:
    """Wait, and do what is due; what says that it is done is not waited for any more."""
    ready = [key for key, _ in selector.select()]
    for key in ready:
        if key.data is not None:
            # Closed by the handler where it was a command's end, so out of the list first.
            selector.unregister(key.fd)
            if not key.data():
                selector.register(key.fd, selectors.EVENT_READ, key.data)
    return ready


def _pass_on(pipe: int, output: Output) -> bool:
    """Pass on what is in the pipe; returns whether it is closed."""
    while True:
        try:
            chunk = os.read(pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            return True
        output(chunk)
