"""make asks the compiler about an option once, and tells one question from another."""

import subprocess
from pathlib import Path

from qmk_runner.workbench import compiler_probes


def test_each_question_is_asked_once_and_has_its_own_answer(tmp_path: Path) -> None:
    (tmp_path / "builddefs").mkdir()
    (tmp_path / "builddefs/support.mk").write_text(
        "cc-option = $(shell echo x >> asked)<$(1)|$(2)>\n"
    )
    made = compiler_probes.makefile(tmp_path)
    assert made
    (tmp_path / "probes.mk").write_text(made)
    questions = ["-a=b,-c", "-a:b,-c", "-a b,-c", "-a-b,-c", "-a~eb,-c", "-a=b,-c"]
    lines = "\n".join(f"$(info $(call cc-option,{question}))" for question in questions)
    (tmp_path / "Makefile").write_text(f"include builddefs/support.mk\n{lines}\nall: ;\n")
    ended = subprocess.run(
        ["make", "-s", "MAKEFILES=probes.mk", "-f", "probes.mk", "-f", "Makefile", "all"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ended.stdout.split("\n")[:6] == [f"<{q.replace(',', '|')}>" for q in questions]
    assert (tmp_path / "asked").read_text().count("x") == 5
