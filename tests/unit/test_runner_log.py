"""What the reader of a log gets to see."""

import io
from pathlib import Path

import pytest

from qmk_runner.build_log import BuildLog
from qmk_runner.log_text import cleaner

CLEAN = cleaner(Path("/scratch/work/tree"), Path("/scratch"), Path("/scratch/work/tmp"))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"plain text  ", "plain text"),
        (b"\x1b[1;31m[ERRORS]\x1b[0m", "[ERRORS]"),
        (b"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x1b(B", "link"),
        (b"50%\r100%\x00\x07", "50%100%"),
        (b"\ttab stays", "\ttab stays"),
        ("\u2018KC_NOPE\u2019".encode(), "\u2018KC_NOPE\u2019"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"/scratch/work/tree/quantum/a.c:1:2: error", "quantum/a.c:1:2: error"),
        (b"/scratch/work/tree/./.build/x.o", ".build/x.o"),
        (b"cd /scratch/work/tree && make", "cd . && make"),
        (b"/scratch/work/treehouse/a", "a"),
        (b"Invalid JSON: /scratch/work/keymap.json : bad", "Invalid JSON: keymap.json : bad"),
        (b"/scratch/work/tmp/ccAb3xYz.s: Assembler messages:", "cc.s: Assembler messages:"),
        (b"/scratch/work/tmp/cczm2xlc.ltrans0.ltrans.o: In", "cc.ltrans0.ltrans.o: In"),
        (b"GET /x?X-Amz-Credential=a%2Fb&X-Amz-Signature=0f 403",
         "GET /x?X-Amz-Credential=...&X-Amz-Signature=... 403"),
        (b"HOME=/scratch/work/home", "HOME=home"),
    ],
)  # fmt: skip
def test_a_line_is_plain_and_knows_no_pod(raw: bytes, clean: str) -> None:
    assert CLEAN(raw).decode() == clean


def feed(path: Path, chunks: list[bytes], limit: int = 1 << 20) -> tuple[str, bytes]:
    echo = io.BytesIO()
    log = BuildLog(path, limit_bytes=limit, clean=CLEAN, echo=echo)
    for chunk in chunks:
        log.feed(chunk)
    kept = log.text()
    artifact = log.close()
    data = path.read_bytes()
    assert artifact.size == len(data)
    assert data.decode() == kept
    return kept, echo.getvalue()


def test_lines_are_cleaned_however_they_arrive(tmp_path: Path) -> None:
    text = b"one /scratch/work/tree/a.c\n\x1b[0mtwo\nunfinished"
    whole, echo = feed(tmp_path / "a", [text])
    single, _ = feed(tmp_path / "b", [bytes([byte]) for byte in text])
    assert whole == single == "one a.c\ntwo\nunfinished\n"
    assert echo == whole.encode()


def test_too_much_output_loses_its_middle_and_says_so(tmp_path: Path) -> None:
    lines = [b"line %d\n" % number for number in range(5000)]
    text, echo = feed(tmp_path / "log", lines, limit=2048)
    assert len(text) < 2048 + 100
    assert text.startswith("line 0\n")
    assert text.endswith("line 4999\n")
    assert "[... about 46" in text
    assert echo == text.encode()


@pytest.mark.parametrize("earlier", [0, 10, 500])
def test_a_part_of_a_log_is_its_own_whatever_came_before(tmp_path: Path, earlier: int) -> None:
    log = BuildLog(tmp_path / "log", limit_bytes=2048, clean=CLEAN, echo=io.BytesIO())
    log.feed(b"earlier: error: not ours\n" * earlier + b"unfinished")
    begin = log.position()
    assert log.text(begin) == ""
    log.feed(b"".join(b"ours %d\n" % number for number in range(20)))
    assert log.text(begin) == "".join(f"ours {number}\n" for number in range(20))
    log.feed(b"and more\n" * 1000)
    text = log.text(begin)
    assert ("earlier" in text, "unfinished" in text) == (False, False)
    assert text.endswith("and more\n")
    assert "left out" in text
    log.close()


def test_a_line_without_an_end_is_cut(tmp_path: Path) -> None:
    text, _ = feed(tmp_path / "log", [b"x" * 1_000_000], limit=1 << 18)
    assert len(text) < (1 << 18) + 100


def test_a_log_that_just_fits_is_whole(tmp_path: Path) -> None:
    text, _ = feed(tmp_path / "log", [b"12345678\n"] * 100, limit=1024)
    assert text.count("12345678") == 100


def test_the_log_is_on_disk_while_the_build_runs(tmp_path: Path) -> None:
    log = BuildLog(tmp_path / "log", limit_bytes=1024, clean=CLEAN, echo=io.BytesIO())
    log.feed(b"begun\n")
    assert (tmp_path / "log").read_bytes() == b"begun\n"
    log.close()


def test_what_others_wrote_into_the_log_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "log").symlink_to(tmp_path / "target")
    log = BuildLog(tmp_path / "log", limit_bytes=1024, clean=CLEAN, echo=io.BytesIO())
    log.feed(b"ours\n")
    with (tmp_path / "log").open("ab") as stranger:
        stranger.write(b"theirs\n")
    log.note("The end.")
    log.close()
    assert (tmp_path / "log").read_text() == "ours\nThe end.\n"
    assert (tmp_path / "target").read_text() == "untouched"


def test_a_full_disk_stops_neither_a_note_nor_the_end(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        log = BuildLog(tmp_path / "log", limit_bytes=1024, clean=CLEAN, echo=full)
        log.note("No room for this.")
        with pytest.raises(OSError, match="No space left"):
            log.close()
        log.note("Nor for this.")


def test_a_closed_log_takes_a_note_without_complaint(tmp_path: Path) -> None:
    log = BuildLog(tmp_path / "log", limit_bytes=1024, clean=CLEAN, echo=io.BytesIO())
    log.close()
    log.note("Too late.")
    assert (tmp_path / "log").read_bytes() == b""
