"""An OCI archive of one static program, made from nothing: no engine, no base image."""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOBODY = 65532


@dataclass(frozen=True)
class ScratchImage:
    """An image FROM scratch that holds one program and starts it."""

    reference: str
    archive: Path


def build(name: str, program: Path, architecture: str, folder: Path) -> ScratchImage:
    """Write `folder/<name>.tar` and return it; the same program always gives the same tag.

    The tag is the first 12 hex digits of the manifest's SHA-256.
    """
    layer = _layer(program)
    layer_digest = _digest(layer)
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": f"{NOBODY}:{NOBODY}"},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    reference = f"localhost/{name}:{_digest(manifest).removeprefix('sha256:')[:12]}"
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    entry["annotations"] = {"org.opencontainers.image.ref.name": reference}
    index = _json({"schemaVersion": 2, "manifests": [entry]})
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{name}.tar"
    draft = archive.with_suffix(".new")
    with tarfile.open(draft, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", index)
        for blob in (layer, config, manifest):
            _add(tar, f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}", blob)
    draft.replace(archive)
    return ScratchImage(reference, archive)


def _layer(program: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, program.name, program.read_bytes(), mode=0o755)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)  # owner root, time 0: the bytes depend on the content only
    member.size = len(content)
    member.mode = mode
    tar.addfile(member, io.BytesIO(content))


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
