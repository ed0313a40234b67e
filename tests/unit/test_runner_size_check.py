"""The size check of a replayed build, and how its steps are told."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from intelhex import IntelHex

from qmk_runner.usage import usage
from qmk_runner.workbench.assembly import Assembly, StepFailedError
from qmk_runner.workbench.record import Product
from qmk_runner.workbench.size_check import Size, data_bytes
from qmk_runner.workbench.step_log import StepLog
from tests.unit.test_runner_record import MADE


@pytest.mark.parametrize(
    ("used", "fits", "sentence"),
    [
        (3466, True, "The firmware size is fine - 3466/28672 (12%, 25206 bytes free)"),
        (27648, True, "The firmware size is fine - 27648/28672 (96%, 1024 bytes free)"),
        (
            27649,
            True,
            "The firmware size is approaching the maximum - 27649/28672 (96%, 1023 bytes free)",
        ),
        (
            28672,
            True,
            "The firmware size is approaching the maximum - 28672/28672 (100%, 0 bytes free)",
        ),
        (28673, False, "The firmware is too large! 28673/28672 (1 bytes over)"),
    ],
)
def test_a_size_is_told_in_the_words_of_qmk(used: int, fits: bool, sentence: str) -> None:
    size = Size(used, 28672)
    assert (size.fits, size.sentence) == (fits, sentence)


def test_our_own_reading_of_logs_understands_the_sentence() -> None:
    found = usage(f" * {Size(3466, 28672).sentence}\n", None)
    assert found is not None
    assert found.flash is not None
    assert (found.flash.used, found.flash.limit) == (3466, 28672)


@pytest.mark.parametrize("addresses", [range(0), range(5), [*range(40), *range(0x10000, 0x10007)]])
def test_a_hex_file_holds_as_many_bytes_as_its_data_records(addresses: list[int]) -> None:
    image = IntelHex()
    for address in addresses:
        image[address] = 1
    text = io.StringIO()
    image.write_hex_file(text)
    assert data_bytes(text.getvalue().encode()) == len(addresses)


def test_something_else_has_no_size() -> None:
    with pytest.raises(ValueError, match="Intel HEX"):
        data_bytes(b"\x7fELF")


def told(write: str, output: bytes = b"") -> str:
    lines: list[bytes] = []
    getattr(StepLog(lines.append), write)("Compiling: a.c", output)
    return b"".join(lines).decode()


def test_a_step_that_ended_well_is_one_line() -> None:
    assert told("done") == "Compiling: a.c" + " " * 86 + "[OK]\n"


def test_what_a_program_said_is_set_off() -> None:
    assert told("done", b"careful\n").splitlines() == [
        "Compiling: a.c" + " " * 86 + "[WARNINGS]",
        " | ",
        " | careful",
        " | ",
    ]
    assert "[ERRORS]\n | \n | a.c:1:1: error: no\n" in told("failed", b"a.c:1:1: error: no\n")


def assembly(tree: Path, limit: int | None = 4) -> Assembly:
    """A firmware of a board that flashes a .bin, as with BOOTLOADER=lufa-ms, once it is linked."""
    (tree / ".build").mkdir()
    made = replace(
        MADE, products=(Product(".build/x.bin", "x.bin"),), linked=".build/x.elf", limit=limit
    )
    return Assembly(made, tree, 1, StepLog(lambda _line: None))


def test_a_firmware_that_is_flashed_as_bin_is_measured_too(tmp_path: Path) -> None:
    made = assembly(tmp_path)
    (tmp_path / ".build/x.hex").write_text(":0500000001020304050C\n:00000001FF\n")
    size = made.size()
    assert size is not None
    assert size.sentence == "The firmware is too large! 5/4 (1 bytes over)"


@pytest.mark.parametrize("text", [None, "\x7fELF"])
def test_a_limit_without_something_to_measure_is_no_proof_of_size(
    tmp_path: Path, text: str | None
) -> None:
    made = assembly(tmp_path)
    if text is not None:
        (tmp_path / ".build/x.hex").write_text(text)
    with pytest.raises(StepFailedError):
        made.size()


def test_without_a_limit_nothing_is_measured(tmp_path: Path) -> None:
    assert assembly(tmp_path, None).size() is None
