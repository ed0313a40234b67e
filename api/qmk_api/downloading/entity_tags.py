"""Conditional requests: whether a caller has already what it asks for (RFC 9110, section 13)."""

from collections.abc import Sequence


def matching(if_none_match: str, tags: Sequence[str]) -> str | None:
    """The first of our ``tags`` that the header names; None if it names none of them.

    Tags are strong and in quotes, and hold no comma. The comparison is weak, as that header's is;
    a star means any of them.
    """
    if if_none_match.strip() == "*":
        return tags[0]
    named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return next((tag for tag in tags if tag in named), None)


def refused(if_match: str | None, tag: str) -> bool:
    """Whether If-Match is there and does not name our strong ``tag``; its comparison is strong."""
    if if_match is None or if_match.strip() == "*":
        return False
    return tag not in {named.strip() for named in if_match.split(",")}
