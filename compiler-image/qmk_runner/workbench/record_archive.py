"""A record as one file: a tar archive, compressed with zstd."""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from qmk_contract.codec import to_body
from qmk_contract.record_pointer import RECORD_BYTES_MAX
from qmk_runner.workbench import record
from qmk_runner.workbench.record import DOCUMENT, FILES, Record, RecordError


def write(made: Record, files: Iterable[str], tree: Path, archive: Path) -> None:
    """Pack a record with its files, which lie in the tree. The same record, the same bytes.

    Raises:
        RecordError: it is larger than a record may be, or zstd failed.
        OSError: it cannot be written.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, DOCUMENT, json.dumps(to_body(made), separators=(",", ":")).encode())
        for path in sorted(files):
            record.check_path(path)
            _add(tar, f"{FILES}/{path}", (tree / path).read_bytes())
    ended = subprocess.run(
        ["zstd", "-19", "-q", "-c"],  # noqa: S607 - the image's
        input=buffer.getvalue(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if ended.returncode:
        raise RecordError(f"zstd ended with {ended.returncode}")
    if len(ended.stdout) > RECORD_BYTES_MAX:
        raise RecordError(f"it would have {len(ended.stdout)} bytes")
    archive.write_bytes(ended.stdout)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(data))
