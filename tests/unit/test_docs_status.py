"""docs/status.md has a row for everything that a status can say, and for nothing else."""

import re
from pathlib import Path

from qmk_contract.phases import USER_REASONS, ConditionType, Phase, Reason

PAGE = Path(__file__).parents[2] / "docs/status.md"
ON_THE_WAY = {
    Reason.WAITING_FOR_SLOT,
    Reason.SAME_BUILD_RUNNING,
    Reason.WAITING_FOR_STORAGE,
    Reason.WAITING_FOR_POD,
    Reason.BUILDING,
    Reason.RETRYING,
}


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: the other cells of each row by its first one."""
    section = PAGE.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = {}
    for line in section.splitlines():
        if match := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line):
            found[match[1]] = [cell.strip() for cell in match[2].split(" | ")]
    return found


def test_every_phase_is_told_and_says_whether_it_is_final() -> None:
    table = rows("Phases")
    assert list(table) == [phase.value for phase in Phase]
    assert {name: cells[0] for name, cells in table.items()} == {
        phase.value: "yes" if phase.final else "no" for phase in Phase
    }


def test_every_reason_is_told_with_what_to_do() -> None:
    table = rows("Reasons")
    assert list(table) == [reason.value for reason in Reason]
    for reason in Reason:
        final, who, what = table[reason]
        assert final == ("no" if reason in ON_THE_WAY else "yes"), reason
        assert who in ("requester", "operator", "nobody"), reason
        assert what.endswith("."), reason


def test_the_requester_acts_where_the_fault_is_theirs() -> None:
    acting = {name for name, cells in rows("Reasons").items() if cells[1] == "requester"}
    own_wish = {
        Reason.TIME_LIMIT_EXCEEDED,
        Reason.RESOURCE_LIMIT_EXCEEDED,
        Reason.CANCEL_REQUESTED,
    }
    assert acting == {reason.value for reason in USER_REASONS | own_wish}


def test_every_condition_is_told() -> None:
    assert set(rows("Conditions")) == {kind.value for kind in ConditionType}
