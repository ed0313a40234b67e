"""Answers calls of ``qmk`` from other processes, such as make's, by forks of one that is loaded.

A client reaches the server by named pipes: sockets are closed to all that a build runs. It is a
shell script, called ``qmk``, that stands first on the search path.
"""

import contextlib
import os
import selectors
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner.workbench.launcher import Fork, Launcher

Output = Callable[[bytes], None]

_CHUNK_BYTES = 1 << 16
_CLIENT = """\
#!/bin/sh
# Asks the server for one command. It answers with an exit code; output waits in two files.
call={folder}/$$
rm -f "$call".*
mkfifo "$call.end" && exec 3<>"$call.end" || exit 126
printf '%s\\0' "$PWD" "$@" > "$call.call" && echo "$$" > {folder}/calls || exit 126
read -r code <&3
[ -s "$call.out" ] && cat "$call.out"
[ -s "$call.err" ] && cat "$call.err" >&2
exit "$code"
"""


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
        self.programs.mkdir(parents=True)
        write_program(self.programs / "qmk", _CLIENT.format(folder=shlex.quote(str(folder))))
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
        """Run a command of ``qmk``, serve those that it asks for; returns its exit code."""
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
        return command.wait()

    def _begin(self, asks: int, selector: selectors.BaseSelector) -> bool:
        for client in os.read(asks, _CHUNK_BYTES).split():
            call = self._folder / os.fsdecode(client)
            with contextlib.suppress(OSError, ValueError):  # no client of ours
                words = call.with_suffix(".call").read_bytes().split(b"\0")[:-1]
                folder, *arguments = map(os.fsdecode, words)
                fork = self._start(call, Path(folder), arguments)
                begun = time.monotonic()
                answer = self._answerer(call, Path(folder), arguments, fork, begun)
                selector.register(fork.end, selectors.EVENT_READ, answer)
        return False

    def _start(self, call: Path, folder: Path, arguments: Sequence[str]) -> Fork:
        with call.with_suffix(".out").open("wb") as out, call.with_suffix(".err").open("wb") as err:
            return self._launcher.start(
                arguments, folder=folder, output=out.fileno(), errors=err.fileno()
            )

    def _answerer(
        self, call: Path, folder: Path, arguments: Sequence[str], fork: Fork, begun: float
    ) -> Callable[[], bool]:
        def answer() -> bool:
            returncode = fork.wait()
            seconds = time.monotonic() - begun
            self.calls.append(Call(folder, tuple(arguments), returncode, seconds))
            with contextlib.suppress(OSError):  # nobody waits for it any more
                pipe = os.open(call.with_suffix(".end"), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                # As a shell tells of what a signal ended.
                os.write(pipe, b"%d\n" % (returncode if returncode >= 0 else 128 - returncode))
                os.close(pipe)
            return True

        return answer


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
