"""What a keycode may look like: an expression of C on one line.

It is a stranger's source text. So it can open no string, comment, block or preprocessor
directive, in no spelling that C knows, and it is one key's: no comma outside parentheses.
"""

import re

LENGTH_MAX = 256
PATTERN = r"[A-Za-z0-9_ ,()|&^~<>!=?:.+*/%'\[\]-]+"
#: What nearly all keycodes are: one name, or a call with names. Nothing can be wrong with that.
_PLAIN = re.compile(r"[A-Za-z0-9_]+(?:\([A-Za-z0-9_]+(?:, ?[A-Za-z0-9_]+)*\))?")
#: Comment openers, and the digraphs that stand for {, }, [, ] and #.
_FORBIDDEN = ("//", "/*", "<%", "%>", "<:", ":>", "%:")


def tidy(text: str) -> str:
    """White space as single blanks, none at the ends."""
    return " ".join(text.split())


def fault(text: str) -> str | None:
    """What is wrong with a tidied keycode, as the end of a sentence; None if nothing is."""
    if len(text) > LENGTH_MAX:
        return f"is longer than {LENGTH_MAX} characters"
    if _PLAIN.fullmatch(text):
        return None
    if not re.fullmatch(PATTERN, text) or any(part in text for part in _FORBIDDEN):
        return "has a character no keycode has"
    return _imbalance(text)


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
