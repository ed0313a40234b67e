"""Allow-lists for the words of a request: each is matched whole before a word is used.

They stand by themselves, so that a build need not load what checks whole requests.
"""

KEYBOARD_PATTERN = r"[a-z0-9_-]+(?:/[a-z0-9_-]+){0,9}"
KEYBOARD_LENGTH_MAX = 128
#: The name of a keymap, sanitised.
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
#: A build key.
KEY_PATTERN = r"[a-z2-7]{26}"
