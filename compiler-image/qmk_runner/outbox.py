"""What ``build`` leaves in the shared folder for ``upload``, with the sizes and digests of it."""

import hashlib
import json
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_runner import regular_file
from qmk_runner.firmware import FirmwareFile


class Outbox:
    """Files in the shared folder; each is there as a whole, or not at all.

    All of it raises OSError when the disk is full.
    """

    def __init__(self, shared: Path) -> None:
        self._shared = shared

    def leave_firmware(self, made: FirmwareFile) -> Firmware:
        sha256 = self._leave(artifacts.FIRMWARE, made.data)
        return Firmware(made.extension, len(made.data), sha256)

    def leave_keymap_c(self, source: bytes) -> Artifact:
        return Artifact(len(source), self._leave(artifacts.KEYMAP_C, source))

    def leave_result(self, result: BuildResult) -> None:
        """To be called last: whoever finds the result finds what it names."""
        self._leave(artifacts.RESULT, json.dumps(to_body(result)).encode())

    def _leave(self, name: str, data: bytes) -> str:
        regular_file.replace(self._shared / name, data)
        return hashlib.sha256(data).hexdigest()
