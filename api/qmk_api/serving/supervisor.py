"""Keeps worker processes serving on one listening socket, and replaces them without a gap.

uvicorn has a supervisor of its own. It replaces a worker only once that worker has ended, asks a
thread of the worker instead of its event loop whether it is well, and hears no signal while it
waits for that answer.
"""

import contextlib
import enum
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

START_SECONDS = 60
TICK_SECONDS = 0.25
#: Between the end of a worker that could not start and the next attempt.
RETRY_SECONDS = 1.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)
log = logging.getLogger(__name__)


class Word(enum.Enum):
    """What a supervisor and a worker say to each other."""

    STARTED = "started"
    WORN = "worn"
    WELL = "well"
    ASK = "ask"
    RETIRE = "retire"


@dataclass
class Worker:
    """A worker process as its supervisor sees it. Times are monotonic seconds."""

    process: BaseProcess
    channel: Connection
    born: float
    started: bool = False
    worn: bool = False
    replaces: "Worker | None" = None
    asked: float | None = None
    leaves_by: float | None = None


@dataclass
class Supervisor:
    """``serve`` is what a worker does with its end of a channel; it returns its exit code.

    ``timeout_seconds`` is how long a worker's event loop may not answer, ``leave_seconds`` how
    long a worker may take to end.
    """

    serve: Callable[[Connection], int]
    count: int
    timeout_seconds: float
    leave_seconds: float
    workers: list[Worker] = field(default_factory=list)
    _served: bool = False
    _failed: int = 0
    _stopping: bool = False
    _retry: float = 0.0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT. Returns 0, or the exit code of workers that could not
        start when none ever had."""
        for number in SIGNALS:
            signal.signal(number, self._stop)
        while not self._stopping and not self._failed:
            self._fill()
            channels = [worker.channel for worker in self.workers]
            for channel in multiprocessing.connection.wait(channels, TICK_SECONDS):
                self._hear(next(worker for worker in self.workers if worker.channel is channel))
            self._bury()
            self._look()
        self._end_all()
        return self._failed

    def _stop(self, *_: object) -> None:
        if self._stopping:  # a second signal ends them without a drain
            for worker in self.workers:
                worker.process.terminate()
        self._stopping = True

    def _fill(self) -> None:
        """Start what is missing, and a successor for each worker that is worn."""
        now = time.monotonic()
        if now < self._retry:
            return
        staying = [worker for worker in self.workers if worker.leaves_by is None]
        succeeded = [worker.replaces for worker in staying if worker.replaces is not None]
        for _ in range(self.count - (len(staying) - len(succeeded))):
            self._start(None)
        for worker in staying:
            if worker.worn and worker not in succeeded:
                self._start(worker)

    def _start(self, replaces: Worker | None) -> None:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=self._work, args=(ours, theirs), daemon=True)
        # A signal between the fork and the worker's own handlers must not be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        theirs.close()
        self.workers.append(Worker(process, ours, time.monotonic(), replaces=replaces))

    def _work(self, ours: Connection, theirs: Connection) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        # A worker sees that the supervisor is gone when the last of these ends is closed.
        for channel in (ours, *(worker.channel for worker in self.workers)):
            channel.close()
        code = self.serve(theirs)
        logging.shutdown()
        os._exit(code)

    def _hear(self, worker: Worker) -> None:
        try:
            word = worker.channel.recv()
        except (EOFError, OSError):  # it closes its end by ending
            worker.process.kill()
            worker.process.join()
            return
        worker.asked = None
        if word is Word.WORN:
            worker.worn = True
        elif word is Word.STARTED:
            worker.started = self._served = True
            if worker.replaces is not None:
                self._tell(worker.replaces, Word.RETIRE)
                worker.replaces.leaves_by = time.monotonic() + self.leave_seconds
                worker.replaces = None

    def _bury(self) -> None:
        for worker in [item for item in self.workers if item.process.exitcode is not None]:
            self.workers.remove(worker)
            worker.channel.close()
            code = worker.process.exitcode or 0
            for other in self.workers:
                if other.replaces is worker:
                    other.replaces = None
            if worker.leaves_by is None:
                log.error("worker %s ended by itself: exit code %d", worker.process.pid, code)
            if not worker.started:
                self._retry = time.monotonic() + RETRY_SECONDS
                if not self._served:
                    self._failed = max(code, 1)

    def _look(self) -> None:
        """Ask every worker whether it is well; end those that say nothing for too long."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.leaves_by is not None:
                silent = now > worker.leaves_by
            elif not worker.started:
                silent = now - worker.born > START_SECONDS
            elif worker.asked is None:
                worker.asked = now
                self._tell(worker, Word.ASK)
                silent = False
            else:
                silent = now - worker.asked > self.timeout_seconds
            if silent:
                log.error("worker %s does not answer and is killed", worker.process.pid)
                worker.process.kill()
                worker.process.join()

    def _tell(self, worker: Worker, word: Word) -> None:
        with contextlib.suppress(OSError):  # it has ended, which _bury will find
            worker.channel.send(word)

    def _end_all(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
        deadline = time.monotonic() + self.leave_seconds
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None:
                log.error("worker %s did not end in time and is killed", worker.process.pid)
                worker.process.kill()
