"""`make demo`: from nothing to a downloaded firmware file, one visible step after another."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from intelhex import HexReaderError, IntelHex

from qmk_local import release
from qmk_local.commands import CommandFailed
from qmk_local.errors import LocalError
from qmk_local.image_store import BuiltImage
from qmk_local.images import build_all
from qmk_local.kubectl import Kubectl
from qmk_local.layout import HostLayout
from qmk_local.progress import Progress
from qmk_local.publish import publish
from qmk_local.service_client import download, follow, post_keymap
from qmk_local.settings import Backend, Settings
from qmk_local.up import Cluster, up

KEYBOARD = "clueboard/66/rev3"
CHANNEL = "master"
DEMO_TREE = Path("tests/firmware")
DEMO_KEYMAP = DEMO_TREE / "keyboards" / KEYBOARD / "keymaps/default/keymap.json"


def install(settings: Settings, progress: Progress) -> Cluster:
    """Cluster, images, chart, and firmware to build from. Raises `LocalError`."""
    images: dict[str, BuiltImage] = {}

    def build_images(
        settings: Settings, progress: Progress, backend: Backend
    ) -> Mapping[str, BuiltImage]:
        images.update(build_all(settings, progress, backend))
        return images

    cluster = up(settings, progress, build_images)
    release.install(settings, progress, cluster, images)
    source = settings.firmware or str(settings.clone / DEMO_TREE)
    publish(settings, progress, cluster, images, source=source, channel=CHANNEL)
    return cluster


def run_demo(settings: Settings, progress: Progress) -> None:
    """Compile a keymap over HTTP, download the firmware into this folder, and check it.

    Raises:
        LocalError: one of the steps failed; the text says which and what to do.
    """
    cluster = install(settings, progress)
    url = release.external_url(HostLayout())
    keymap = json.loads((settings.clone / DEMO_KEYMAP).read_text())
    keymap |= {"keyboard": KEYBOARD, "keymap": "demo"}
    with httpx.Client(timeout=30, trust_env=False) as http:
        result = _compile(http, url, keymap, progress)
        file = Path(result["firmware_filename"])
        size = download(http, result["firmware_binary_url"][0], file)
    progress.note(f"Downloaded {file.name} ({size} bytes): {check_firmware(file, result)}")
    _show(settings, progress, cluster, url, result)


def check_firmware(file: Path, result: Mapping[str, Any]) -> str:
    """Say what a firmware file holds, after parsing it and comparing it with the board's limit.

    Raises:
        LocalError: it is no Intel HEX file, or larger than the board has room for.
    """
    try:
        image = IntelHex(str(file))
    except HexReaderError as error:
        raise LocalError(f"{file.name} is no Intel HEX file: {error}") from error
    flash = (result.get("usage") or {}).get("flash") or {}
    limit = flash.get("limit")
    used = len(image)
    if limit is not None and used > limit:
        raise LocalError(f"{file.name} holds {used} bytes, {KEYBOARD} has room for {limit}")
    room = f" of {limit} that the board has" if limit is not None else ""
    return f"valid Intel HEX, {used} bytes of flash{room}"


def _compile(
    http: httpx.Client, url: str, keymap: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Post, follow with live status lines, and return the result of a build that went well."""
    seen: list[str] = []
    with progress.step(f"Compiling {keymap['keyboard']} at {url}") as step:
        job_id = post_keymap(http, url, keymap)

        def show(reply: Mapping[str, Any]) -> None:
            status = str(reply["status"])
            step.update(status)
            if status not in seen:
                seen.append(status)
                progress.note(f"     {job_id}: {status}")

        reply = follow(http, url, job_id, show)
    result: dict[str, Any] = reply.get("result") or {}
    if reply["status"] != "finished" or reply["is_failed"]:
        raise LocalError(f"The build of {keymap['keyboard']} failed:\n{result.get('output')}")
    return result


def _show(
    settings: Settings, progress: Progress, cluster: Cluster, url: str, result: Mapping[str, Any]
) -> None:
    kubectl = Kubectl(cluster, release.NAMESPACE)
    job = str(result["id"]).partition(".")[0]
    # The service answers from storage, a second before Kubernetes sees that the pod has ended.
    # A job that was answered from storage may have no CompileJob any more.
    with contextlib.suppress(CommandFailed):
        kubectl.wait(f"compilejob/{job}", "jsonpath={.status.phase}=Succeeded", seconds=10)
    progress.note(f"\n$ kubectl get compilejobs\n{kubectl.table('compilejobs')}")
    shown = f"{_shown(settings, cluster.kubectl)} -n {release.NAMESPACE}"
    progress.note(
        "Next steps, to copy:\n"
        f"  export KUBECONFIG={settings.kubeconfig}\n"
        f"  {shown} get compilejobs --watch\n"
        f"  {shown} get compilejobs,jobs,pods\n"
        f"  {shown} logs deployment/qmk-compile-operator\n"
        f"  curl -s {url}/v1\n"
        f"  curl -s -X POST {url}/v1/compile --data @{DEMO_KEYMAP}\n"
        f"  curl -s {url}/v1/compile/{result['id']}\n"
        f"  curl -sOJ {url}/v1/compile/{result['id']}/download\n"
        "  make down"
    )


def _shown(settings: Settings, path: Path) -> Path:
    """A path as short as it gets for somebody who stands in the clone."""
    return path.relative_to(settings.clone) if path.is_relative_to(settings.clone) else path
