"""What pip inside an image build takes from this machine: its settings and trusted authorities.

Build stages alone see it (`local/images/pip`); none of it is part of an image or of its key.
"""

import ast
import os
import shutil
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from qmk_local.commands import CommandFailed, run

FOLDER = Path("local/images/pip")
CONFIGURATION = "pip.conf"
AUTHORITIES = "ca-certificates.crt"
PLACE_IN_BUILD = "/pip"
PASSED_ON = ("extra-index-url", "index-url", "proxy", "retries", "timeout", "trusted-host")
SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/cert.pem",  # macOS, Alpine
)
TIMEOUT_SECONDS = 60


def configured_pip() -> dict[str, str]:
    """What pip is configured with here, by files and environment."""
    try:
        listing = run([sys.executable, "-m", "pip", "config", "list"], timeout_s=TIMEOUT_SECONDS)
    except CommandFailed:  # an environment without pip: nothing is configured
        return {}
    return pip_settings(listing)


def stage_pip_settings(clone: Path, context: Path, settings: Mapping[str, str]) -> None:
    """Lay pip's configuration and the trusted authorities where the Dockerfiles expect them.

    Files that a person put into the clone's folder win.
    """
    target = context / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    bundle = authorities(settings.get("cert"))
    if bundle is not None:
        shutil.copyfile(bundle, target / AUTHORITIES)
    (target / CONFIGURATION).write_text(configuration(settings, bundle is not None))
    for name in (CONFIGURATION, AUTHORITIES):
        own = clone / FOLDER / name
        if own.is_file():
            shutil.copyfile(own, target / name)
    for path in target.iterdir():
        path.chmod(0o644)
        os.utime(path, (0, 0))


def pip_settings(listing: str) -> dict[str, str]:
    """Settings for all or for installing, from the lines of `pip config list`.

    The environment is listed last, as it wins over files.
    """
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in ("global", "install", ":env:") and value:
            found[option] = str(ast.literal_eval(value))
    return found


def configuration(settings: Mapping[str, str], with_authorities: bool) -> str:
    """A pip.conf with what a build needs to reach the same index."""
    lines = ["[global]"]
    for option in PASSED_ON:
        words = settings.get(option, "").split()
        if words:
            lines.append("\n    ".join([f"{option} =", *words]))
    if with_authorities:
        lines.append(f"cert = {PLACE_IN_BUILD}/{AUTHORITIES}")
    return "\n".join(lines) + "\n"


def authorities(configured: str | None) -> Path | None:
    """The file with what this machine trusts for TLS, or None for pip's own."""
    chosen = configured or ssl.get_default_verify_paths().cafile
    for name in (chosen, *SYSTEM_AUTHORITIES):
        if name and Path(name).is_file():
            return Path(name)
    return None
