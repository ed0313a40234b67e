"""Fast, partial and full path on the demo tree, with the real ``qmk``, make and avr-gcc."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from qmk_contract.result import BuildPath, RecordUse, Step
from qmk_runner.workbench_order import Attempt
from tests.integration.workbench import (
    GENERATOR,
    SEARCH_PATH,
    Outcome,
    Workbench,
    keymap,
)

PLAIN = keymap(layers=1)
#: What QMK's own generators begin their files with.
NOTICE = "\n{} Copyright {} QMK"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record that a build of the plain keymap leaves."""
    for program in ("qmk", "avr-gcc", "make", "zstd", "tar"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            pytest.fail(f"{program} is missing: these tests build real firmware")
    bench = Workbench(tmp_path_factory.mktemp("recording"))
    bench.lay_tree()
    archive = bench.root / "job/record.tar.zst"
    outcome = bench.run(Attempt.WHOLE, PLAIN, record=False, record_to=str(archive))
    assert outcome.returncode == 0, outcome.log
    assert outcome.report.path is BuildPath.FULL
    assert archive.is_file(), outcome.log
    return archive


@pytest.fixture
def recorded(tmp_path: Path, record: Path) -> Workbench:
    """Generators and the record, no tree."""
    bench = Workbench(tmp_path / "recorded")
    bench.lay_tree(GENERATOR)
    bench.unpack(record)
    return bench


@pytest.fixture
def whole(tmp_path: Path, record: Path) -> Workbench:
    """The whole tree and the record."""
    bench = Workbench(tmp_path / "whole")
    bench.lay_tree()
    bench.unpack(record)
    return bench


@pytest.fixture
def plain(tmp_path: Path) -> Workbench:
    """The whole tree, for the plain qmk."""
    bench = Workbench(tmp_path / "plain")
    bench.lay_tree()
    return bench


def of(outcome: Outcome) -> tuple[BuildPath, RecordUse]:
    return outcome.report.path, outcome.report.record


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(keymap("KC_A", "MO(1)", "LT(1,KC_B)", "MT(MOD_LCTL,KC_C)"), id="keys"),
        pytest.param(keymap("KC_A", layers=16), id="layers"),
        pytest.param(keymap("MC_0", macros=[["words", '# " \\ ,']]), id="macros"),
        pytest.param(keymap("QK_MAKE"), id="make"),
        pytest.param(keymap("LT(77,KC_A)"), id="layer number"),
    ],
)
def test_the_fast_path_makes_what_plain_qmk_makes(
    recorded: Workbench, plain: Workbench, document: dict[str, Any]
) -> None:
    outcome = recorded.run(Attempt.RECORDED, document, record=True)
    assert (of(outcome), outcome.report.needs_tree) == ((BuildPath.FAST, RecordUse.USED), False)
    assert outcome.returncode == 0, outcome.log
    assert outcome.firmware
    assert plain.plain(document) == (0, outcome.firmware)
    assert outcome.report.times.keys() == {Step.GENERATE, Step.COMPILE, Step.LINK}
    assert " * The firmware size is fine - " in outcome.log


def test_a_record_serves_when_its_year_is_over(recorded: Workbench, plain: Workbench) -> None:
    with (recorded.tree / "lib/python/qmk/constants.py").open("a") as file:
        file.write(f"GENERATED_HEADER_C_LIKE += {NOTICE.format('//', 2027)!r}\n")
        file.write(f"GENERATED_HEADER_SH_LIKE += {NOTICE.format('#', 2027)!r}\n")
    generated = list(recorded.root.glob("record/files/.build/obj_*/src/*.[chm]*"))
    assert generated
    for path in generated:
        notice = NOTICE.format("#" if path.suffix == ".mk" else "//", 2026)
        path.write_text(path.read_text().replace("Do not edit.", f"Do not edit.{notice}"))
    outcome = recorded.run(Attempt.RECORDED, keymap("KC_A"), record=True)
    assert not outcome.report.needs_tree, outcome.report.note
    assert plain.plain(keymap("KC_A")) == (0, outcome.firmware)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(keymap("KC_NOPE"), id="keycode"),
        pytest.param(keymap(*["KC_A"] * 67), id="count"),
        pytest.param(keymap("KC_A", layout="LAYOUT_nope"), id="layout"),
        pytest.param(keymap("MO(1"), id="parenthesis"),
    ],
)
def test_the_fast_path_finds_the_faults_that_plain_qmk_finds(
    recorded: Workbench, plain: Workbench, document: dict[str, Any]
) -> None:
    outcome = recorded.run(Attempt.RECORDED, document, record=True)
    assert not outcome.report.needs_tree, outcome.report.note
    assert (outcome.returncode, outcome.firmware) == plain.plain(document)
    assert outcome.returncode != 0
    assert "error:" in outcome.log


@pytest.mark.parametrize(
    ("document", "path", "use"),
    [
        pytest.param(
            keymap("KC_A", config={"tapping": {"term": 123}}),
            BuildPath.PARTIAL,
            RecordUse.USED,
            id="config",
        ),
        pytest.param(
            keymap("KC_A,\n#define A_NAME 1\nKC_B"), BuildPath.FAST, RecordUse.USED, id="directive"
        ),
        pytest.param(
            keymap("MY_KEY", keycodes=[{"key": "MY_KEY"}]),
            BuildPath.FAST,
            RecordUse.USED,
            id="keycodes",
        ),
        pytest.param(
            keymap("KC_A", config={"features": {"command": True}}),
            BuildPath.FULL,
            RecordUse.UNFIT,
            id="feature",
        ),
        pytest.param(keymap("KC_A", keymap="another"), BuildPath.FULL, RecordUse.UNFIT, id="name"),
        pytest.param(keymap(42), BuildPath.FULL, RecordUse.UNFIT, id="invalid"),  # type: ignore[arg-type]
    ],
)
def test_what_a_record_does_not_cover_takes_the_tree(
    recorded: Workbench,
    whole: Workbench,
    plain: Workbench,
    document: dict[str, Any],
    path: BuildPath,
    use: RecordUse,
) -> None:
    first = recorded.run(Attempt.RECORDED, document, record=True)
    assert (first.report.needs_tree, first.report.record) == (True, use)
    assert first.firmware is None
    assert first.report.note
    outcome = whole.run(Attempt.WHOLE, document, record=True)
    made, used = of(outcome)
    # keymap.h and config.h of a plain keymap have the same text: where they were also written in
    # the same second, the compiler takes them for one file, and all units depend on both.
    assert (made, used) == (path, use) or (made, path, used) == (
        BuildPath.PARTIAL,
        BuildPath.FAST,
        use,
    )
    assert (outcome.returncode, outcome.firmware) == plain.plain(document)


def test_without_a_record_the_full_path_makes_what_plain_qmk_makes(
    whole: Workbench, plain: Workbench
) -> None:
    document = keymap("KC_A", "LT(1,KC_B)", macros=[["x"]])
    outcome = whole.run(Attempt.WHOLE, document, record=False)
    assert of(outcome) == (BuildPath.FULL, RecordUse.ABSENT)
    assert outcome.firmware
    assert plain.plain(document) == (outcome.returncode, outcome.firmware)
    assert "Compiling keymap with" in outcome.log


@pytest.mark.parametrize("attempt", list(Attempt))
@pytest.mark.parametrize("fault", ["foreign", "keyboard", "document", "object", "link"])
def test_a_record_that_is_not_what_it_should_be_is_of_no_use(
    recorded: Workbench, whole: Workbench, attempt: Attempt, fault: str
) -> None:
    bench = recorded if attempt is Attempt.RECORDED else whole
    document = keymap("KC_A")
    changes = {"record_digest": "e" * 64} if fault == "foreign" else {}
    spoil(bench.root / "record", fault)
    outcome = bench.run(attempt, document, record=True, **changes)
    if attempt is Attempt.RECORDED:
        assert outcome.report.needs_tree
        assert outcome.firmware is None
    else:
        assert of(outcome)[0] is BuildPath.FULL
        assert outcome.returncode == 0, outcome.log
    assert outcome.report.record is not RecordUse.ABSENT


def spoil(folder: Path, fault: str) -> None:
    document = folder / "record.json"
    if fault == "keyboard":
        body = json.loads(document.read_text())
        document.write_text(json.dumps({**body, "keyboard": "demo/pad6"}))
    elif fault == "document":
        document.write_bytes(document.read_bytes()[:1000])
    elif fault == "object":
        for path in folder.rglob("main.o"):
            path.write_bytes(b"")
    elif fault == "link":
        (folder / "files/quantum/extra.h").symlink_to("/etc/passwd")


def test_a_header_that_is_only_asked_for_leaves_no_record(whole: Workbench) -> None:
    (whole.tree / "quantum/only_asked.h").touch()
    header = whole.tree / "quantum/keymap_introspection.h"
    question = '#if __has_include("only_asked.h")\n#    define ONLY_ASKED KC_B\n#endif\n'
    header.write_text(question + header.read_text())
    archive = whole.root / "job/record.tar.zst"
    outcome = whole.run(Attempt.WHOLE, PLAIN, record=False, record_to=str(archive))
    assert outcome.returncode == 0, outcome.log
    assert "keymap_introspection.c is not the same without the tree" in outcome.log
    assert not archive.exists()


def test_generators_that_know_what_is_loaded_leave_no_record(whole: Workbench) -> None:
    # Alone or all subcommands with it: the fast path loads less than make's qmk.
    with (whole.tree / "lib/python/qmk/cli/json2c.py").open("a") as file:
        file.write(
            "    import sys\n"
            "    with open(cli.args.output, 'a') as file:\n"
            "        print('//', 'qmk.cli.compile' in sys.modules, file=file)\n"
        )
    archive = whole.root / "job/record.tar.zst"
    outcome = whole.run(Attempt.WHOLE, PLAIN, record=False, record_to=str(archive))
    assert outcome.returncode == 0, outcome.log
    assert "keymap.c is not the same without the tree" in outcome.log
    assert not archive.exists()


def test_a_firmware_that_does_not_fit_is_none(recorded: Workbench) -> None:
    document = json.loads((recorded.root / "record/record.json").read_text())
    (recorded.root / "record/record.json").write_text(json.dumps({**document, "limit": 1000}))
    outcome = recorded.run(Attempt.RECORDED, keymap("KC_A"), record=True)
    assert (outcome.returncode, outcome.firmware) == (2, None)
    assert " * The firmware is too large! " in outcome.log


def test_a_tree_whose_python_cannot_be_loaded_is_built_by_plain_qmk(whole: Workbench) -> None:
    # As with a milc that does not note options: nothing but the shared process fails.
    with (whole.tree / "lib/python/qmk/cli/__init__.py").open("a") as file:
        file.write("\nimport sys\nif '-m' in sys.orig_argv:\n    raise RuntimeError('not here')\n")
    outcome = whole.run(Attempt.WHOLE, keymap("KC_A"), record=True)
    assert of(outcome) == (BuildPath.FULL, RecordUse.ABSENT)
    assert "RuntimeError: not here" in outcome.log
    assert outcome.firmware
