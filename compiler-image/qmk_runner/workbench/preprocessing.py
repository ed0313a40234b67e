"""What a unit is to the compiler proper: its text with all that was included, and all macros.

Two places of a tree that give the same do not differ for this unit in anything that was read, and
in nothing that was only asked for (``__has_include``), of which a compiler leaves no list.
"""

from collections.abc import Sequence
from pathlib import Path

from qmk_runner.workbench import programs, record
from qmk_runner.workbench.record import TREE, RecordError, Unit

#: Options for the list of what was read, those with a value by themselves.
_LIST = frozenset({"-MMD", "-MD", "-MP", "-MG"})
_LIST_WITH_VALUE = frozenset({"-MF", "-MT", "-MQ", "-o"})


def preprocess(unit: Unit, tree: Path, output: Path) -> bytes:
    """Preprocess a unit in a tree, by way of the file ``output``; TREE stands for its path.

    Raises:
        RecordError: the compiler cannot.
    """
    command = asking(record.words(unit.command, str(tree)))
    end = programs.run((*command, "-o", str(output)), tree)
    if end.returncode:
        raise RecordError(f"{unit.source} could not be preprocessed")
    return output.read_bytes().replace(str(tree).encode(), TREE.encode())


def asking(command: Sequence[str]) -> list[str]:
    """A compiler's command that preprocesses alone, and says which macros there are, too.

    Without line markers, in which the paths of headers would be.
    """
    words: list[str] = []
    for word in command:
        if words and words[-1] in _LIST_WITH_VALUE:
            words.pop()
        elif word == "-c":
            words += ["-E", "-P", "-dD"]
        elif word not in _LIST:
            words.append(word)
    return words
