"""The published commit that a new snapshot can take parts from."""

from dataclasses import dataclass
from pathlib import Path

from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Manifest


@dataclass(frozen=True)
class Previous:
    """Both of its lists, and a copy of its site's ``v1/keyboards.json``.

    Who reads it checks the copy by the digest that ``index`` has of it.
    """

    manifest: Manifest
    index: SiteIndex
    keyboards_json_path: Path
