"""OCI image layouts as archives that containerd imports under a given name."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

REFERENCE_ANNOTATION = "org.opencontainers.image.ref.name"


def pack_layout(layout: Path, archive: Path, reference: Callable[[str], str]) -> str:
    """Write a layout folder with one image as a tar; return the manifest's digest.

    `reference` makes the image's name from that digest. The same layout gives the same bytes.
    """
    index = json.loads((layout / "index.json").read_text())
    (manifest,) = index["manifests"]
    digest = str(manifest["digest"])
    manifest["annotations"] = {REFERENCE_ANNOTATION: reference(digest)}
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", (layout / "oci-layout").read_bytes())
        _add(tar, "index.json", json.dumps(index, sort_keys=True).encode())
        for blob in sorted((layout / "blobs" / "sha256").iterdir()):
            member = tarfile.TarInfo(f"blobs/sha256/{blob.name}")
            member.size = blob.stat().st_size
            with blob.open("rb") as content:
                tar.addfile(member, content)
    return digest


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
