"""A build's pod as two processes: ``build`` and ``upload`` on one folder, orders for both."""

import io
import json
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.result import BuildResult
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch, UploadOrder

KEY = "abcdefghijklmnopqrstuvwxyz"
COMMIT = "c" * 40
PACKAGES = ("compiler-image", "contract")
ROOT = Path(__file__).parents[1]


@dataclass
class BuildPod:
    """``search_path`` is the image's PATH, ``scratch`` its volume."""

    scratch: Path
    search_path: str
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def shared(self) -> Path:
        return self.scratch / "out"

    def start(
        self, program: str, order: object, *, before: Sequence[str] = (), **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start ``build`` or ``upload``; the order may be text, too.

        ``before`` is a command that starts others.
        """
        text = order if isinstance(order, str) else json.dumps(to_body(order))
        process = subprocess.Popen(
            # Without site-packages, as in the image: the runner must not need any.
            [*before, sys.executable, "-S", "-m", "qmk_runner", program],
            cwd=self.scratch,
            env={
                "PATH": self.search_path,
                "PYTHONPATH": ":".join(str(ROOT / package) for package in PACKAGES),
                "QMK_SCRATCH_DIR": str(self.scratch),
                "QMK_SHARED_DIR": str(self.shared),
                "QMK_CGROUP_DIR": str(self.scratch / "cgroup"),
                f"QMK_{program.upper()}_ORDER": text,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.processes.append(process)
        return process

    def run(self, program: str, order: object, **environment: str) -> tuple[int, str]:
        """Run one of the two to its end; returns exit code and output."""
        process = self.start(program, order, **environment)
        output, _ = process.communicate(timeout=50)
        return process.returncode, output.decode()

    def result(self) -> BuildResult:
        """The result that ``build`` left."""
        return from_body(BuildResult, json.loads((self.shared / artifacts.RESULT).read_bytes()))

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=10)


def build_order(
    keyboard: str, request: Fetch, layers: Iterable[Fetch], **changes: Any
) -> BuildOrder:
    """An order with limits for a test."""
    order: dict[str, Any] = {
        "key": KEY,
        "keyboard": keyboard,
        "keymap_name": INTERNAL_KEYMAP_NAME,
        "firmware_commit": COMMIT,
        "toolchain_digest": "sha256:" + "d" * 64,
        "request": request,
        "layers": tuple(layers),
        "timeout_seconds": 30,
        "fetch_seconds": 10,
    }
    return BuildOrder(**(order | changes))


def upload_order(url_of: Callable[[str], str], **changes: Any) -> UploadOrder:
    """An order to put each object of a build where ``url_of`` says."""
    names = (
        artifacts.FIRMWARE,
        artifacts.LOG,
        artifacts.FAILED_LOG,
        artifacts.KEYMAP_C,
        artifacts.RESULT,
    )
    order: dict[str, Any] = {
        "key": KEY,
        "targets": {name: url_of(artifacts.build(KEY, name)) for name in names},
        "build_seconds": 60,
        "upload_seconds": 10,
    }
    return UploadOrder(**(order | changes))


def archive(files: Mapping[str, str]) -> bytes:
    """A tar archive of these files; with a stand-in for zstd that is all that a layer is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def install_workbench(folder: Path, script: str, **report: Any) -> None:
    """Put a stand-in for the workbench on a search path: its report follows the script's end.

    The script is run in the tree, with ``$order`` the file of its order; it may also write
    ``$report`` itself.
    """
    fields = {"path": "full", "record": "absent", "needsTree": False, "times": {"compile": 0}}
    fields |= report
    rest = shlex.quote(json.dumps(fields)[1:])
    install(
        folder,
        "python3",
        f"""order=$4 report=$5
        ( {script}
        )
        code=$?
        [ -e "$report" ] || printf '{{"returncode": %d, %s' $code {rest} > "$report"
        """,
    )


def install(folder: Path, name: str, script: str) -> None:
    """Put a shell script on a search path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
