"""Fetches and unpacks what an attempt works on, each no sooner and no later than it helps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qmk_contract.exit_codes import ExitCode
from qmk_contract.result import RecordUse, Step
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME
from qmk_runner.errors import InfrastructureError
from qmk_runner.fetch import Download, Inputs, UnavailableError
from qmk_runner.scene import Scene
from qmk_runner.tree import SlowUnpackingError, Unpacking

#: Fields of a keymap document that change more than its keymap.c, or what that includes.
_FIELDS_OF_THE_TREE = ("config", "converter", "host_language", "keycodes", "modules")

#: All that a plain keymap document says.
_PLAIN = frozenset({"version", "keyboard", "keymap", "layout", "layers"})


def needs_tree(request: Mapping[str, Any]) -> bool:
    """Whether a record alone certainly cannot serve a request, to save the try."""
    named = request["keymap"] != INTERNAL_KEYMAP_NAME
    return named or any(request.get(name) for name in _FIELDS_OF_THE_TREE)


def is_plain(request: Mapping[str, Any]) -> bool:
    """Whether no key of a request does anything, so that its build may be recorded."""
    keycodes = {keycode for layer in request["layers"] for keycode in layer}
    return keycodes == {"KC_NO"} and not any(request[name] for name in request.keys() - _PLAIN)


class Supply:
    """The objects of one order."""

    def __init__(self, scene: Scene) -> None:
        order = scene.order
        self._scene = scene
        scene.workspace.downloads.mkdir(parents=True)
        self._inputs = Inputs(order, scene.workspace.downloads)
        self._request = self._inputs.request()
        self._record = None if order.recording else self._inputs.record()
        self._generator = None if self._record is None else self._inputs.generator()
        self._layers = self._begin_layers() if self._generator is None else None
        self._aside: RecordUse | None = None

    def request(self) -> dict[str, Any]:
        """The keymap document.

        Raises:
            InfrastructureError: storage does not give it, or it is not the one that is meant.
        """
        path = self._request.file()
        self._scene.watch.lap(Step.FETCH)
        document = _document(path)
        named = (self._scene.order.keyboard, self._scene.order.keymap_name)
        if document is None or (document["keyboard"], document["keymap"]) != named:
            raise InfrastructureError(
                ExitCode.BAD_ORDER, "The stored request is not the one that the order means."
            )
        if self._scene.order.recording and not is_plain(document):
            raise InfrastructureError(
                ExitCode.BAD_ORDER, "The order asks for a record of a keymap that is a user's own."
            )
        if self._generator is not None and needs_tree(document):
            self._generator = None
            self._layers = self._begin_layers()
        return document

    def lay_record(self) -> bool:
        """Put generator and record into the workspace; False if the whole tree is to be tried."""
        if self._generator is None or self._record is None:
            return False
        generator, record = self._fetched(self._generator), self._fetched(self._record)
        self._scene.watch.lap(Step.FETCH)
        self._scene.workspace.make()
        self._lay_request()
        generating = self._begin_unpacking(generator, self._scene.workspace.tree)
        recorded = self._begin_unpacking(record, self._scene.workspace.record)
        has_generator = self._unpacked(generating) is None
        has_record = self._unpacked_record(recorded)
        self._scene.watch.lap(Step.UNPACK)
        return has_generator and has_record

    def lay_tree(self) -> bool:
        """Put the whole tree into the workspace; True if the keyboard's record is there, too.

        Raises:
            InfrastructureError: storage does not give what the order asks for, or it cannot be
                unpacked.
        """
        if self._layers is None:
            self._layers = self._begin_layers()
        self._scene.workspace.make()
        self._lay_request()
        for layer in self._layers:
            archive = layer.file()
            self._scene.watch.lap(Step.FETCH)
            self._unpacking(archive, self._scene.workspace.tree).finish()
            archive.unlink()
            self._scene.watch.lap(Step.UNPACK)
        if self._record is None or self._aside is not None:
            return False
        record = self._fetched(self._record)
        self._scene.watch.lap(Step.FETCH)
        unpacking = self._begin_unpacking(record, self._scene.workspace.record)
        has_record = self._unpacked_record(unpacking)
        self._scene.watch.lap(Step.UNPACK)
        return has_record

    def set_record_aside(self, use: RecordUse) -> None:
        """Have no further attempt use it; ``use`` says why."""
        self._aside = use

    def record_use(self, told: RecordUse) -> RecordUse:
        """What became of the record; ``told`` is what the workbench says, if it came that far."""
        if self._record is None:
            return RecordUse.ABSENT
        return told if self._aside is None else self._aside

    def _begin_layers(self) -> Sequence[Download]:
        """All that is fetched together stays within the order's time for it."""
        spent = self._scene.watch.times.get(Step.FETCH, 0) / 1000
        return self._inputs.layers(max(1.0, self._scene.order.fetch_seconds - spent))

    def _lay_request(self) -> None:
        self._scene.workspace.keymap.write_bytes(self._request.file().read_bytes())

    def _fetched(self, download: Download) -> Path | None:
        """What a build can do without, if it is to be had."""
        try:
            return download.file()
        except UnavailableError as error:
            self._scene.log.note(str(error))
            if download is self._record:
                # One that did not come has nothing against it: the next build may have it.
                self.set_record_aside(RecordUse.REJECTED if error.other else RecordUse.ABSENT)
            return None

    def _begin_unpacking(self, archive: Path | None, folder: Path) -> Unpacking | None:
        return None if archive is None else self._unpacking(archive, folder)

    def _unpacked(self, unpacking: Unpacking | None) -> RecordUse | None:
        """None if all is there, else what that would mean for a record: a build can do without."""
        if unpacking is None:
            return RecordUse.ABSENT
        try:
            unpacking.finish()
        except InfrastructureError as error:
            if error.exit_code is not ExitCode.FETCH_FAILED:
                raise
            self._scene.log.note(error.message)
            slow = isinstance(error, SlowUnpackingError)
            return RecordUse.ABSENT if slow else RecordUse.REJECTED
        return None

    def _unpacked_record(self, unpacking: Unpacking | None) -> bool:
        failure = self._unpacked(unpacking)
        if failure is not None and self._aside is None:
            self.set_record_aside(failure)
        return failure is None

    def _unpacking(self, archive: Path, folder: Path) -> Unpacking:
        return Unpacking(
            archive,
            folder,
            search_path=self._scene.settings.search_path,
            timeout_seconds=self._scene.order.fetch_seconds,
        )


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
        has_layers = isinstance(document["layers"], list)
        named = isinstance(document["keyboard"], str) and isinstance(document["keymap"], str)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(document) if has_layers and named else None
