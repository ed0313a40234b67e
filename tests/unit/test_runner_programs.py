"""Programs that a replay runs: how they end and what is kept of their words."""

from pathlib import Path

import pytest

from qmk_runner.workbench import programs


@pytest.mark.parametrize(
    ("size", "whole"),
    [
        (0, True),
        (5, True),
        (programs.OUTPUT_BYTES_MAX, True),
        (programs.OUTPUT_BYTES_MAX + 1, False),
        (12 << 20, False),
    ],
)
def test_of_a_long_output_the_first_part_is_kept(tmp_path: Path, size: int, whole: bool) -> None:
    script = f"head -c {size} /dev/zero | tr '\\0' x; exit 3"
    ended = programs.run(["sh", "-c", script], tmp_path)
    assert (ended.returncode, ended.whole) == (3, whole)
    assert ended.output == b"x" * min(size, programs.OUTPUT_BYTES_MAX)
