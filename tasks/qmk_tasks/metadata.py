"""What the tree's own ``qmk generate-api`` writes, and what that says of its keyboards."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.documents import DOCUMENT_BYTES_MAX, read_document
from qmk_contract.keyboards import keyboard_aliases, keyboard_names
from qmk_contract.site import SiteFile
from qmk_tasks.errors import TaskError
from qmk_tasks.previous import Previous

#: Where the tree's subcommand writes; older trees leave out ".build".
_OUTPUTS = (".build/api_data", "api_data")
_TIMEOUT_SECONDS = 3600
_TAIL_LINES = 20
#: What the service cannot be without, by path below that folder, with what reads it.
NEEDED: Mapping[str, Callable[[Any], object]] = {
    "v1/keyboard_list.json": keyboard_names,
    "v1/keyboard_aliases.json": keyboard_aliases,
}


@dataclass(frozen=True)
class Source:
    """A tree, the commit that it is of, and where its programs are found.

    ``unchanged`` are the top-level keyboard folders that have the previous commit's very files.
    """

    tree: Path
    commit: str
    search_path: str
    unchanged: Set[str] = frozenset()


@dataclass(frozen=True)
class Generated:
    """What became of the keyboards.

    ``kept`` are files of the previous commit's site that the new one has too; they were not
    written. ``faults`` is what is wrong with keyboards, by keyboard, whether they are in the site
    or could not be read at all. ``inputs`` is the digest of what all keyboards' metadata depends
    on: the manifest's ``contents["metadata"]``.
    """

    kept: Mapping[str, SiteFile]
    faults: Mapping[str, Sequence[str]]
    inputs: str | None = None


def generate(
    source: Source, work: Path, target: Path, *, previous: Previous | None = None
) -> Generated:
    """Write the keyboard site of a tree to ``target``, but for what stays of the previous one.

    What was done is kept in ``work``, so that a task that was ended takes it up there.

    Raises:
        TaskError: the tree's own code failed for all keyboards, or did not write what the service
            cannot be without.
    """
    _run(source.tree, work, source.search_path, target)
    return Generated({}, failures(target))


def _run(tree: Path, home: Path, search_path: str, target: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["qmk", "--no-color", "generate-api"],  # noqa: S607 - the image's own
            cwd=tree,
            env=environment(tree, home, search_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stdout.decode("utf-8", "replace").strip().splitlines()
        tail = "\n".join(lines[-_TAIL_LINES:])
        raise TaskError(f"qmk generate-api failed on this tree:\n{tail}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TaskError(f"qmk generate-api could not be run: {error}") from error
    written = next((tree / path for path in _OUTPUTS if (tree / path).is_dir()), None)
    if written is None:
        raise TaskError("qmk generate-api wrote nothing")
    shutil.move(written, target)
    for name in NEEDED:
        if not (target / name).is_file():
            raise TaskError(f"qmk generate-api wrote no {name}")


def environment(tree: Path, home: Path, search_path: str) -> dict[str, str]:
    """All that the tree's Python sees of an environment."""
    return {
        "PATH": search_path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "QMK_HOME": str(tree),
        "ORIG_CWD": str(tree),
        "SKIP_GIT": "yes",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def failures(site: Path) -> Mapping[str, list[str]]:
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
