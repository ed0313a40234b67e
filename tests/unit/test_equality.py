"""The tool that compares builds: what it calls equal, and whose earlier builds it believes."""

import os
from pathlib import Path

import pytest

from qmk_contract.result import BuildPath
from tests.equality import workplace
from tests.equality.checkout import Built
from tests.equality.comparison import Comparison, ServiceBuild, faults, table

FIRMWARE = Built("a" * 64, "hex", 100, 20.0, "")
OTHER = Built("b" * 64, "hex", 100, 1.0, "")
NONE = Built(None, None, 0, 5.0, "error: no such key")


@pytest.mark.parametrize(
    ("plain", "built", "path", "same"),
    [
        (FIRMWARE, FIRMWARE, BuildPath.FAST, True),
        (FIRMWARE, OTHER, BuildPath.FAST, False),
        (FIRMWARE, NONE, BuildPath.FULL, False),
        (NONE, NONE, BuildPath.FULL, True),
        (NONE, FIRMWARE, BuildPath.PARTIAL, False),
        # Without a result it is not known why there is no firmware.
        (NONE, NONE, None, False),
    ],
)
def test_builds_are_the_same_if_bytes_or_verdicts_are(
    plain: Built, built: Built, path: BuildPath | None, same: bool
) -> None:
    found = Comparison(
        "demo/pad", "AVR", "plain", plain, {BuildPath.FAST: ServiceBuild(built, path)}
    )
    assert found.same is same
    assert len(list(faults([found]))) == (not same)


def test_the_table_counts_the_builds_of_each_path() -> None:
    fast = ServiceBuild(FIRMWARE, BuildPath.FAST, {"queue": 9, "link": 40})
    items = [
        Comparison("a", "AVR", "plain", FIRMWARE, {BuildPath.FAST: fast}),
        Comparison(
            "b", "AVR", "broken", NONE, {BuildPath.FAST: ServiceBuild(NONE, BuildPath.FAST)}
        ),
    ]
    assert "| AVR | 2 | 1 | 2 | 2 in 0.04 s | - | - | 20.00 s |" in list(table(items))


def test_a_folder_is_taken_for_one_state_of_one_tree(tmp_path: Path) -> None:
    tree, work = tmp_path / "tree", tmp_path / "work"
    tree.mkdir()
    (tree / "a.c").write_text("int a;")
    path = os.environ["PATH"]
    assert workplace.claim(work, tree, path)
    assert workplace.claim(work, tree, path)
    (tree / "a.c").write_text("int ab;")
    assert not workplace.claim(work, tree, path)
    assert not workplace.claim(work, tmp_path, path)
    (tmp_path / "full/layers").mkdir(parents=True)
    assert not workplace.claim(tmp_path / "full", tree, path)
