"""A firmware tree from storage: one archive by presigned URL, checked, then unpacked."""

import hashlib
import http.client
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from qmk_tasks.errors import TaskError

_DEADLINE_SECONDS = 300.0
_SOCKET_SECONDS = 20.0
_LONGEST_DELAY_SECONDS = 5.0
_CHUNK_BYTES = 1 << 18


def fetch(
    url: str, sha256: str, tree: Path, *, deadline_seconds: float = _DEADLINE_SECONDS
) -> None:
    """Unpack the archive behind a URL into a new folder.

    Raises:
        TaskError: it did not come in time, or is not the one that the digest means.
    """
    if not url.startswith(("http://", "https://")):
        raise TaskError("the tree's URL is not HTTP")
    tree.mkdir(parents=True)
    archive = tree.with_name(tree.name + ".tar.zst")
    deadline = time.monotonic() + deadline_seconds
    delay = 0.2
    while (problem := _download(url, sha256, archive, deadline)) is not None:
        if time.monotonic() + delay > deadline:
            raise TaskError(f"the tree could not be fetched from storage: {problem}")
        time.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)
    try:
        subprocess.run(  # noqa: S603
            [
                *("tar", "--extract", "--file", str(archive), "--directory", str(tree)),
                *("--use-compress-program", "zstd", "--no-same-owner", "--touch"),
            ],
            capture_output=True,
            timeout=deadline_seconds,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise TaskError(f"the tree cannot be unpacked: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TaskError(f"the tree could not be unpacked: {error}") from error
    archive.unlink()


def _download(url: str, sha256: str, target: Path, deadline: float) -> str | None:
    """One try; returns what went wrong, without the URL, which is a key to the tree.

    ``deadline`` is in time of the monotonic clock.
    """
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(url, timeout=_SOCKET_SECONDS) as response,  # noqa: S310
            target.open("wb") as file,
        ):
            # read1: what has come, so that a trickle cannot hold the deadline up.
            while chunk := response.read1(_CHUNK_BYTES):
                if time.monotonic() > deadline:
                    return "it took too long"
                digest.update(chunk)
                file.write(chunk)
    except urllib.error.HTTPError as error:
        error.close()
        return f"status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", "")) or str(error) or type(error).__name__
    return None if digest.hexdigest() == sha256 else "its digest is another"
