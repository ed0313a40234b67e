"""What a keycode may look like: an expression of C on one line.

It is a stranger's source text. So it can open no string, comment, block or preprocessor
directive, in no spelling that C knows, and it is one key's: no comma outside parentheses.
"""

import re

from qmk_contract import keycode_calls

LENGTH_MAX = 256
#: The keycode of a key that does nothing.
NOTHING = "KC_NO"
PATTERN = r"[A-Za-z0-9_ ,()|&^~<>!=?:.+*/%'\[\]-]+"
#: Names that C keeps for the compiler (N1570, 7.1.3): __FILE__ and its like.
_RESERVED = re.compile(r"\b__[A-Za-z]")
#: One name or number: nothing else can be wrong with that.
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
#: Comment openers, and the digraphs that stand for {, }, [, ] and #.
_FORBIDDEN = ("//", "/*", "<%", "%>", "<:", ":>", "%:")


def tidy(text: str) -> str:
    """White space as single blanks, none at the ends; nothing for an ANY() that has nothing."""
    text = " ".join(text.split())
    return "" if text.replace(" ", "") == "ANY()" else text


def fault(text: str) -> str | None:
    """What is wrong with a tidied keycode, as the end of a sentence; None if nothing is."""
    if len(text) > LENGTH_MAX:
        return f"is longer than {LENGTH_MAX} characters"
    if "__" in text and _RESERVED.search(text):
        return "has a name that C keeps for the compiler"
    if _PLAIN.fullmatch(text):
        return None
    if not re.fullmatch(PATTERN, text) or any(part in text for part in _FORBIDDEN):
        return "has a character no keycode has"
    written = as_written(text)
    return _imbalance(written) or next(keycode_calls.faults(written), None)


def as_written(text: str) -> str:
    """A keycode as QMK's json2c writes it: without an ANY() that begins and ends it."""
    return text[4:-1] if text.startswith("ANY(") and text.endswith(")") else text


def _imbalance(text: str) -> str | None:
    closing = {")": "(", "]": "["}
    bare = re.sub(r"'[^']'", "0", text)
    if "'" in bare:
        return "has an unbalanced quote"
    opened: list[str] = []
    for character in bare:
        if character in "([":
            opened.append(character)
        elif character in closing and (not opened or opened.pop() != closing[character]):
            return "has unbalanced parentheses"
        elif character == "," and not opened:
            return "has a comma outside parentheses: one key, one keycode"
    return "has unbalanced parentheses" if opened else None
