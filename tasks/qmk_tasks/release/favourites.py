"""Records of favourites: asked for as soon as a channel has moved, before users come."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.compile_job import new_compile_job
from qmk_contract.errors import RequestError
from qmk_contract.keyboard_record import plain_keymap, record_digest
from qmk_contract.keyboards import (
    Keyboard,
    check_keyboard_name,
    keyboard_aliases,
    keyboard_from_info,
    resolve_alias,
)
from qmk_contract.record_job import record_job_name, record_job_spec
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.handover.plan import Move
from qmk_tasks.settings import ReleaseSettings
from qmk_tasks.storage import published
from qmk_tasks.storage.storage import Stored


class Documents(Protocol):
    """What favourites need of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...


@dataclass(frozen=True)
class Favourites:
    """Asks for records; ``create`` makes a CompileJob, and says whether there was none yet."""

    storage: Documents
    create: Callable[[Mapping[str, Any]], bool]
    settings: ReleaseSettings

    def ask(self, moves: Sequence[Move]) -> int:
        """Have the records of all favourites made that the moved channels lack; returns how many.

        Raises:
            TaskError: storage or Kubernetes failed.
        """
        return sum(self._ask(move, name) for move in moves for name in self.settings.favourites)

    def _ask(self, move: Move, name: str) -> bool:
        manifest = published.manifest(self.storage, move.commit)
        keyboard = self._keyboard(move.commit, name)
        plain = None if keyboard is None else plain_keymap(keyboard)
        layers = None if keyboard is None or manifest is None else _layers(manifest, keyboard)
        if keyboard is None or plain is None or layers is None:
            _say(f"Channel {move.channel} has no keyboard {name} that could be recorded.")
            return False
        digest = record_digest(layers, self.settings.toolchain_digest)
        pointer = artifacts.record_pointer(digest, keyboard.name)
        if pointer in self.storage.objects(pointer):
            return False
        spec = record_job_spec(
            keyboard.name, plain, firmware_commit=move.commit, channel=move.channel
        )
        job = record_job_name(digest, keyboard.name)
        body = new_compile_job(job, self.settings.namespace, spec, datetime.now(UTC))
        return self.create(body)

    def _keyboard(self, commit: str, name: str) -> Keyboard | None:
        """A keyboard by its name of today."""
        aliases = self.storage.read_json(artifacts.keyboard_aliases(commit))
        try:
            current = check_keyboard_name(resolve_alias(name, keyboard_aliases(aliases)))
            found = self.storage.read_json(artifacts.keyboard_info(commit, current))
            return None if found is None else keyboard_from_info(current, found)
        except (ValueError, RequestError):
            return None


def _layers(manifest: Manifest, keyboard: Keyboard) -> tuple[Layer, ...] | None:
    """What its builds are made of; None where the snapshot has no files of it."""
    try:
        return manifest.layers_for(keyboard.name, keyboard.platform)
    except KeyError:
        return None


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
