"""Hostile keymaps that meet a keyboard's record, as if no allow-list had looked at them.

A record is linked into everybody's firmware, so no build but the one that made it may change what
others get.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.result import BuildPath, RecordUse
from tests.build_pod import BuildPod
from tests.integration.s3_server import BUCKET
from tests.integration.stored_pod import CLUEBOARD, KEYS, LAYOUT, SEARCH_PATH, StoredPod

# Each of its builds is one or two seconds, and there are a dozen.
pytestmark = pytest.mark.timeout(300)

CANARY = "canary-7b30d2"
ERROR, LIMIT = ExitCode.OK, ExitCode.LIMIT_EXCEEDED
#: C that stands behind the layers, how its build ends, and what the log says of it.
CODE = {
    "include": ('#include "{secret}"', ERROR, "Permission denied"),
    "include-of-the-system": ("#include </etc/passwd>", ERROR, "Permission denied"),
    "include-by-digraph": ('%:include "{secret}"', ERROR, "Permission denied"),
    "include-by-line-splice": ('#inc\\\nlude "{secret}"', ERROR, "Permission denied"),
    "include-environment": ('#include "/proc/self/environ"', ERROR, "Permission denied"),
    "include-what-upload-reads": ('#include "{shared}/log.txt"', ERROR, "Permission denied"),
    "incbin": ('asm(".incbin \\"{secret}\\"");', ERROR, "Error"),
    "incbin-environment": ('asm(".incbin \\"/proc/self/environ\\"");', ERROR, "Error"),
    "fills-a-file": ('asm(".space 2000000000, 1");', LIMIT, "limit of file"),
    "fills-memory": (
        'asm(".rept 2000000000\\n.byte 1, 2, 3, 4\\n.endr");',
        ExitCode.OUT_OF_MEMORY,
        "more memory",
    ),
}


@dataclass
class RecordedPod:
    """Storage with a keyboard's record, and builds in folders of their own beside a secret.

    Not in /tmp, which is open to a build.
    """

    stored: StoredPod
    root: Path

    @property
    def secret(self) -> Path:
        return self.root / "secret.h"

    def build(self, name: str, code: str) -> tuple[int, BuildPod]:
        """Build with C behind the layers, and with the record at hand."""
        (self.root / name).mkdir()
        made = BuildPod(self.root / name, SEARCH_PATH)
        text = code.replace("{secret}", str(self.secret)).replace("{shared}", str(made.shared))
        behind = f"KC_A)}};\n{text}\nconst int behind[] = {{(0"
        layers = [["KC_A"] * KEYS, [*["KC_B"] * (KEYS - 1), behind if code else "KC_A"]]
        files = self.stored.recorded(CLUEBOARD)
        code_of_exit, output = made.run(
            "build", self.stored.order(CLUEBOARD, LAYOUT, layers, **files), CANARY=CANARY
        )
        seen = output.encode() + b"".join(path.read_bytes() for path in made.shared.iterdir())
        assert CANARY.encode() not in seen
        assert b"root:" not in seen
        return code_of_exit, made

    def record(self) -> bytes:
        key = artifacts.keyboard_record(self.stored.digest(CLUEBOARD), CLUEBOARD)
        return self.stored.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.fixture
def recorded(stored_pod: StoredPod) -> Iterator[RecordedPod]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        made = RecordedPod(stored_pod, Path(folder))
        made.secret.write_text(f"{CANARY}\n")
        code, output = stored_pod.run("build", stored_pod.recording_order(CLUEBOARD, LAYOUT, KEYS))
        assert code == 0, output
        code, output = stored_pod.run("upload", stored_pod.upload_order(CLUEBOARD))
        assert code == 0, output
        yield made


def test_hostile_keymaps_neither_see_nor_change_anything(recorded: RecordedPod) -> None:
    record = recorded.record()
    code, innocent = recorded.build("before", "")
    assert code == ExitCode.OK
    before = innocent.result()
    assert (before.path, before.record) == (BuildPath.FAST, RecordUse.USED)
    for name, (text, expected, message) in CODE.items():
        code, hostile = recorded.build(name, text)
        assert code == expected, name
        assert message in (hostile.shared / artifacts.LOG).read_text(), name
        left = {path.name for path in hostile.shared.iterdir()}
        assert (artifacts.RESULT in left) == (expected is ERROR), name
        assert artifacts.FIRMWARE not in left, name
        if expected is ERROR:
            assert hostile.result().reason is Reason.COMPILE_ERROR, name
    _, innocent = recorded.build("after", "")
    after = innocent.result()
    assert (after.path, after.firmware) == (BuildPath.FAST, before.firmware)
    assert recorded.record() == record


@pytest.mark.parametrize("layers", [[["KC_A"] * KEYS], [["KC_NO"] * (KEYS - 1) + ["KC_A"]]])
def test_no_keymap_of_a_users_own_is_recorded(
    stored_pod: StoredPod, layers: list[list[str]]
) -> None:
    digest = stored_pod.digest(CLUEBOARD)
    order = stored_pod.order(CLUEBOARD, LAYOUT, layers, recording=True, record_digest=digest)
    assert stored_pod.run("build", order)[0] == ExitCode.BAD_ORDER
    assert stored_pod.run("upload", stored_pod.upload_order(CLUEBOARD))[0] == ExitCode.NO_RESULT
    assert stored_pod.keys("cache/") == set()
