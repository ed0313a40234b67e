"""Firmware into the local cluster: a tree is packed here, and published by a Job there.

The Job runs the tree's own code in a pod, as a release does, so that this machine need not: it
needs no compiler and no Python of QMK's.
"""

import contextlib
import hashlib
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from qmk_contract import artifacts
from qmk_local import packages
from qmk_local.commands import find
from qmk_local.errors import LocalError
from qmk_local.firmware_source import FirmwareSource, open_source
from qmk_local.image_store import BuiltImage
from qmk_local.kubectl import Kubectl
from qmk_local.progress import Progress, Step
from qmk_local.publish_job import (
    Publication,
    failure,
    is_complete,
    job_name,
    publish_job,
    sandbox_of,
)
from qmk_local.release_storage import OPERATOR, ReleaseBucket, StorageAccess, storage_access
from qmk_local.settings import Settings
from qmk_local.up import Cluster

NAMESPACE = "qmk"
_TIMEOUT_SECONDS = 3600.0
_PACK_SECONDS = 900.0
_LOG_LINES = 40
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 1.0


def publish(
    settings: Settings,
    progress: Progress,
    cluster: Cluster,
    images: Mapping[str, BuiltImage],
    *,
    source: str,
    channel: str,
) -> str:
    """Let a channel point at a tree, given by folder or git URL; returns the tree's commit id.

    What is published already is left as it is, in a second or two.

    Raises:
        LocalError: there is no such tree, or its publication failed; the text says why.
    """
    programs = [name for name in ("git", "zstd") if find(name, settings.command_path) is None]
    packages.ensure(programs, progress)
    kubectl = Kubectl(cluster, NAMESPACE)
    with progress.step(f"Firmware for channel {channel}") as step:
        tree = open_source(source, settings, step)
        step.update("asking storage")
        access = storage_access(kubectl)
        with kubectl.port_forward(f"service/{access.service}", access.port) as port:
            bucket = ReleaseBucket(access, port)
            if bucket.is_published(channel, tree.commit):
                step.finish_as("already there")
                return tree.commit
            with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
                key, sha256 = _send(tree, Path(folder), bucket, step)
            publication = Publication(
                commit=tree.commit,
                channel=channel,
                tree_url=bucket.url_for_pods(key),
                tree_sha256=sha256,
                toolchain_image=images["qmk-toolchain"].reference,
                operator_image=images["qmk-operator"].reference,
                sandbox=sandbox_of(kubectl.get("deployment", OPERATOR)),
            )
            step.update("starting a pod")
            _run(kubectl, bucket, publication, access, step)
            with contextlib.suppress(LocalError):  # no publication fails for what it leaves
                bucket.delete(key)
    return tree.commit


def _send(tree: FirmwareSource, folder: Path, bucket: ReleaseBucket, step: Step) -> tuple[str, str]:
    """Put the packed tree where a pod can read it; returns the object's key and SHA-256."""
    archive = folder / "tree.tar.zst"
    step.update(f"packing {len(tree.files)} files")
    pack(tree, archive)
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    step.update(f"uploading {archive.stat().st_size // 1024} KiB")
    key = artifacts.incoming(sha256)
    bucket.upload(archive, key)
    return key, sha256


def _run(
    kubectl: Kubectl,
    bucket: ReleaseBucket,
    publication: Publication,
    access: StorageAccess,
    step: Step,
) -> None:
    """Until the channel points at the commit: sooner than the Job is seen to be complete."""
    name = job_name(publication.channel, publication.commit)
    kubectl.delete("job", name)
    kubectl.create(publish_job(publication, access.environment))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    looked = time.monotonic()
    while not _is_published(bucket, publication):
        now = time.monotonic()
        if now > deadline:
            raise LocalError(f"Job {name} did not publish the firmware in time.")
        if now - looked >= _LOOK_SECONDS:
            looked = now
            if _follow(kubectl, name, step):
                return
        time.sleep(_POLL_SECONDS)


def _is_published(bucket: ReleaseBucket, publication: Publication) -> bool:
    """A forwarded port is lost with the pod behind it; the Job tells its end all the same."""
    try:
        return bucket.is_published(publication.channel, publication.commit)
    except LocalError:
        return False


def _follow(kubectl: Kubectl, name: str, step: Step) -> bool:
    """Show what the Job last said, or fail as it did; whether it is complete."""
    job = kubectl.get("job", name)
    if (why := failure(job)) is not None:
        log = kubectl.logs(f"job/{name}", _LOG_LINES).rstrip()
        raise LocalError(f"The firmware could not be published: {why}\n{log}")
    said = kubectl.logs(f"job/{name}", 1).strip().splitlines()
    step.update(said[-1] if said else "reading the keyboards in a pod")
    return is_complete(job)


def pack(tree: FirmwareSource, archive: Path) -> None:
    """All files of a tree into one archive.

    Raises:
        LocalError: tar or zstd failed.
    """
    names = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in tree.files)
    try:
        subprocess.run(  # noqa: S603 - argv lists of our own, never a shell
            [
                *("tar", "--create", "--file", str(archive), "--directory", str(tree.folder)),
                *("--use-compress-program", "zstd --quiet -3 -T2", "--no-recursion"),
                *("--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"),
                *("--null", "--verbatim-files-from", "--files-from=-"),
            ],
            input=names,
            capture_output=True,
            timeout=_PACK_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise LocalError(f"{tree.folder} could not be packed: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{tree.folder} took too long to pack.") from error
