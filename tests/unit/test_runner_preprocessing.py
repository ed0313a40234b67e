"""What the compiler is asked about a unit, beside compiling it."""

from qmk_runner.workbench import preprocessing


def test_a_question_leaves_neither_object_nor_list() -> None:
    options = ("-Os", "-MMD", "-MP", "-MF", "a.td", "-Iquantum", "-include", "config.h")
    asked = preprocessing.asking(("avr-gcc", "-c", *options, "-o", "a.o", "a.c"))
    kept = ["-Os", "-Iquantum", "-include", "config.h", "a.c"]
    assert asked == ["avr-gcc", "-E", "-P", "-dD", *kept]
