"""docs/metrics.md has a row for every metric of the operator, and for no other."""

import re
from pathlib import Path

from qmk_contract.result import BuildPath, RecordUse
from qmk_operator.metrics import Metrics
from qmk_operator.record_jobs import Asked
from qmk_operator.records import Fault

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
GAUGES = Path(__file__).parents[2] / "operator/qmk_operator/runtime.py"
ROW = re.compile(r"\| `(qmk_\w+)` \| (\w+) \|[^|]*\|(.+)\|")


def rows() -> dict[str, tuple[str, str]]:
    """Kind and text of each row by the metric's name."""
    found = [ROW.fullmatch(line) for line in PAGE.read_text().splitlines()]
    return {row[1]: (row[2], row[3]) for row in found if row}


def test_every_metric_is_told_with_its_kind() -> None:
    served = {family.name: family.type for family in Metrics().registry.collect()}
    gauges = re.findall(r'gauge\("(\w+)"', GAUGES.read_text())
    assert gauges
    served |= dict.fromkeys(gauges, "gauge")
    assert {name: row[0] for name, row in rows().items()} == served


def test_what_labels_can_be_is_told() -> None:
    table = rows()
    for name, values in {
        "qmk_compile_builds": (*BuildPath, *RecordUse),
        "qmk_records_asked": (*Asked,),
        "qmk_record_pointers_rejected": (*Fault,),
    }.items():
        assert set(values) <= set(re.findall(r"`(\w+)`", table[name][1])), name
