"""Steps as a person sees them: live on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

PLAIN_INTERVAL_SECONDS = 15.0


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `12 s`, `7 min 8 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


@dataclass
class Step:
    """One step under way."""

    title: str
    _progress: "Progress"
    _task: TaskID | None
    _started: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)
    _outcome: str = ""

    def update(self, detail: str) -> None:
        """Say how far the step is; without a terminal at most every 15 s."""
        self._progress.show(self, detail)

    def finish_as(self, outcome: str) -> None:
        """Set what the closing line says beside the time, such as `already there`."""
        self._outcome = outcome


class Progress:
    """Shows steps, several at once too; usable from threads. A context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._live = self._console.is_terminal
        self._lock = threading.Lock()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._live,
        )

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show `title` while the body runs, and its time when it has ended."""
        task = self._bars.add_task(escape(title), total=None, detail="") if self._live else None
        step = Step(title, self, task)
        if not self._live:
            self._line(f"  .. {title}")
        failed = True
        try:
            yield step
            failed = False
        finally:
            if task is not None:
                self._bars.remove_task(task)
            took = seconds_text(time.monotonic() - step._started)
            outcome = f"{step._outcome}, {took}" if step._outcome else took
            mark = "[red]failed[/]" if failed else "[green]ok[/]"
            self._line(f"  {mark} {escape(title)} ({escape(outcome)})", markup=True)

    def note(self, text: str) -> None:
        """Print one line of its own."""
        self._line(text)

    def show(self, step: Step, detail: str) -> None:
        """Show how far `step` is (called by the step)."""
        if step._task is not None:
            self._bars.update(step._task, detail=escape(detail))
            return
        now = time.monotonic()
        with self._lock:
            due = now - step._shown >= PLAIN_INTERVAL_SECONDS
            if due:
                step._shown = now
        if due:
            self._line(f"  .. {step.title}: {detail} ({seconds_text(now - step._started)})")

    def _line(self, text: str, markup: bool = False) -> None:
        with self._lock:
            self._console.print(text, markup=markup)
