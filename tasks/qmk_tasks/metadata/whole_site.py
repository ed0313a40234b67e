"""The keyboard site as one run of ``qmk generate-api`` writes it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from qmk_contract.documents import DOCUMENT_BYTES_MAX, read_document
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata.keyboard_view import KeyboardView
from qmk_tasks.metadata.qmk_program import QmkFailed, QmkProgram

_SECONDS = 3600.0


def write(view: KeyboardView, program: QmkProgram, target: Path) -> None:
    """Run the subcommand for all keyboards of a tree, and move what it wrote to ``target``.

    Raises:
        TaskError: it failed.
    """
    view.show_all()
    try:
        program.run(view.folder, ["generate-api"], _SECONDS, view.written)
    except QmkFailed as error:
        raise TaskError(f"qmk generate-api failed on this tree:\n{error}") from error
    written = view.output()
    if written is None:
        raise TaskError("qmk generate-api wrote nothing")
    shutil.move(written, target)


def faults(site: Path) -> Mapping[str, list[str]]:
    """What the tree itself finds wrong with its keyboards, by keyboard."""
    found: dict[str, list[str]] = {}
    folder = site / "v1" / "keyboards"
    for path in sorted(folder.rglob("info.json")):
        try:
            with path.open("rb") as file:
                keyboards = read_document(file.read(DOCUMENT_BYTES_MAX + 1))["keyboards"]
            for name, info in keyboards.items():
                if errors := info.get("parse_errors"):
                    found[name] = [_text(error) for error in errors]
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            name = str(path.parent.relative_to(folder))
            found[name] = [f"info.json cannot be read: {error}"]
    return found


def _text(error: object) -> str:
    return error if isinstance(error, str) else "a fault that is no text"
