"""What decides which files a C file is made of, beside its plain text. Pure.

Where only the record's files lie in the tree, a keymap may be compiled if it asks for the same
files as the recorded one: its lines for the preprocessor are the same, in the same order, and it
has no word by which code reaches a file in another way.
"""

import re

#: Also a lone carriage return ends a line for some compilers.
_LINE = re.compile(r"\r\n|[\r\n\v\f]")
#: "#", its digraph and its trigraph.
_MARK = re.compile(r"#|%:|\?\?=")
_WORDS = re.compile(
    r"\b(?:asm|__asm|__asm__|_Pragma|__has_include|__has_embed)\b|\.inc(?:bin|lude)\b"
)


def directives(text: str) -> list[str]:
    """Lines that may be directives: too many rather than too few.

    Before a directive's mark stand only blanks and comments. So one with a word or a string
    before the mark is none, unless a comment ends between them.
    """
    return [line.strip() for line in _LINE.split(text) if _may_be_directive(line)]


def asks_for_the_same(text: str, recorded: str) -> bool:
    """Whether a generated file reads the files that the recorded one reads."""
    unusual = set(_WORDS.findall(text)) - set(_WORDS.findall(recorded))
    return not unusual and directives(text) == directives(recorded)


def _may_be_directive(line: str) -> bool:
    mark = _MARK.search(line)
    if mark is None:
        return False
    before = line[: mark.start()]
    return "*/" in before or not re.search(r"[\w\"']", before)
