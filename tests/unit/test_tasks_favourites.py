"""Favourites are asked for one by one: one that cannot be recorded keeps no other from it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_tasks.handover.plan import Move
from qmk_tasks.publishing.publish import publish
from qmk_tasks.release.favourites import Favourites
from qmk_tasks.settings import ReleaseSettings
from tests.unit.snapshot_objects import COMMIT, Bucket, Held, write_snapshot

INFO = {
    "keyboard_folder": "x",
    "processor": "atmega32u4",
    "layouts": {"LAYOUT": {"layout": [{"x": 0, "y": 0, "matrix": [0, 0]}]}},
}


def test_one_that_the_snapshot_has_no_files_of_holds_up_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_snapshot(tmp_path / "objects")
    bucket = Bucket()
    publish(tmp_path / "objects", COMMIT, None, bucket, Held())
    # Its metadata is there, its folder was left out of the snapshot.
    for name in ("gone/pad", "demo/pad"):
        info = json.dumps({"keyboards": {name: INFO}}).encode()
        bucket.put(artifacts.keyboard_info(COMMIT, name), info, artifacts.JSON)
    created: list[Mapping[str, Any]] = []

    def create(body: Mapping[str, Any]) -> bool:
        created.append(body)
        return True

    settings = ReleaseSettings("qmk", f"sha256:{'7' * 64}", ("gone/pad", "demo/pad"), 0)
    move = Move("master", COMMIT, bucket.now, make=True)
    assert Favourites(bucket, create, settings).ask([move]) == 1
    assert [body["spec"]["keyboard"] for body in created] == ["demo/pad"]
    assert "has no keyboard gone/pad that could be recorded" in capsys.readouterr().out
