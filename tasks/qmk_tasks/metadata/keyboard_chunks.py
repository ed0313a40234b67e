"""Keyboards read by the chunk, each chunk kept as soon as it is done."""

import hashlib
import json
import os
import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from qmk_contract.artifacts import is_site_path
from qmk_contract.codec import from_body, to_body
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata.keyboard_reader import Frame, read_entry
from qmk_tasks.metadata.keyboard_view import top_folder
from qmk_tasks.metadata.qmk_program import QmkFailed

#: Of one run, 1.6 s of a processor are spent before its first keyboard, 0.1 s on each.
CHUNK_KEYBOARDS = 240
#: So many keyboards that fail, where none can be read, are all of them.
FAILURES_MAX = 50
_RESULT = "result.json"


@dataclass(frozen=True)
class Chunk:
    """Keyboards whose files lie in a folder, and those that could not be read, with the reason."""

    read: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """What reads keyboards: `KeyboardReader`."""

    def read(self, names: Sequence[str], frame: Frame) -> Path: ...

    def written(self) -> Container[str]: ...


class Chunks:
    """Chunks of one tree's keyboards, in a folder that is for that tree alone.

    There run as many at once as there are readers.
    """

    def __init__(self, folder: Path, readers: Sequence[Reader], frame: Frame) -> None:
        self._folder = folder
        self._frame = frame
        self._count = len(readers)
        self._readers: SimpleQueue[Reader] = SimpleQueue()
        for reader in readers:
            self._readers.put(reader)
        self._any_read = False
        self._failed = 0

    def read(self, keyboards: Sequence[str]) -> Iterator[tuple[Path, Chunk]]:
        """Each chunk with the folder of its files, as it is done.

        Raises:
            TaskError: no keyboard can be read.
            NotMergeable: the tree's metadata cannot be read by the chunk.
        """
        with ThreadPoolExecutor(self._count) as pool:
            made = [pool.submit(self._make, names) for names in split(keyboards)]
            try:
                for chunk in as_completed(made):
                    yield chunk.result()
            finally:
                for chunk in made:
                    chunk.cancel()

    def _make(self, names: Sequence[str]) -> tuple[Path, Chunk]:
        folder = self._folder / hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        chunk = _stored(folder / _RESULT)
        if chunk is None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            reader = self._readers.get()
            try:
                failed = dict(self._try(reader, folder, names))
            finally:
                self._readers.put(reader)
            chunk = Chunk(tuple(name for name in names if name not in failed), failed)
            _store(folder / _RESULT, chunk)
        return folder, chunk

    def _try(self, reader: Reader, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The keyboards that fail, with the reason; the files of all others are in the folder."""
        try:
            output = reader.read(names, self._frame)
        except QmkFailed as error:
            if len(names) > 1:
                for part in divide(names, reader.written()):
                    yield from self._try(reader, folder, part)
                return
            self._count_failure(error)
            yield names[0], error.reason
        else:
            self._any_read = True
            for name in names:
                _take(output, name, folder)

    def _count_failure(self, error: QmkFailed) -> None:
        self._failed += 1
        if self._failed >= FAILURES_MAX and not self._any_read:
            raise TaskError(f"qmk generate-api failed for each keyboard tried:\n{error}") from error


def split(keyboards: Sequence[str]) -> list[tuple[str, ...]]:
    """Keyboards by the chunk: those of one top-level folder stay together. Pure."""
    chunks: list[tuple[str, ...]] = []
    by_folder = sorted(keyboards, key=lambda name: (top_folder(name), name))
    for _, names in groupby(by_folder, top_folder):
        folder = tuple(names)
        if chunks and len(chunks[-1]) + len(folder) <= CHUNK_KEYBOARDS:
            chunks[-1] += folder
        else:
            chunks.append(folder)
    return chunks


def divide(names: Sequence[str], written: Container[str]) -> list[Sequence[str]]:
    """What to try one by one when several keyboards fail together. Pure.

    QMK writes each keyboard before it reads the next, so the first that is not written is to
    blame; where that tells nothing, it is one half or the other.
    """
    blamed = next((at for at, name in enumerate(names) if name not in written), 0)
    if blamed:
        parts = [names[:blamed], names[blamed : blamed + 1], names[blamed + 1 :]]
    else:
        half = len(names) // 2
        parts = [names[:half], names[half:]]
    return [part for part in parts if part]


def _take(output: Path, name: str, folder: Path) -> None:
    for path in read_entry(output, name).files(name):
        source, target = output / path, folder / path
        # Keyboards may share a keymap. A link could lead anywhere.
        plain = source.is_file() and not source.is_symlink()
        if is_site_path(path) and plain and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target, follow_symlinks=False)


def _stored(path: Path) -> Chunk | None:
    try:
        return from_body(Chunk, json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _store(path: Path, chunk: Chunk) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(to_body(chunk)))
    unfinished.replace(path)
