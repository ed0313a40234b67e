"""Which content coding a caller gets of those that there are (RFC 9110, section 12.5.3)."""

import re
from collections.abc import Collection

IDENTITY = "identity"
#: Ours by preference: at equal weight zstd is the smaller one, and is unpacked faster.
PREFERRED = ("zstd", "gzip")
_ELEMENT = re.compile(
    r"\s*(?P<coding>[A-Za-z0-9-]+|\*)\s*(?:;\s*[qQ]\s*=\s*(?P<weight>[01](?:\.\d{0,3})?)\s*)?"
)
#: identity stays acceptable unless it is refused, but anything that is asked for goes before it.
_UNSAID = 0.0001


def negotiate(accept_encoding: str | None, available: Collection[str]) -> str | None:
    """One of ``available`` or IDENTITY; None where the caller refuses all of them.

    ``accept_encoding`` is the header's value, None without it. Elements that cannot be read are
    passed over.
    """
    if accept_encoding is None:
        return IDENTITY
    weights = _weights(accept_encoding)
    others = weights.get("*")
    best, best_weight = None, 0.0
    for coding in (*PREFERRED, IDENTITY):
        if coding != IDENTITY and coding not in available:
            continue
        weight = weights.get(coding, others)
        if weight is None:
            weight = _UNSAID if coding == IDENTITY else 0.0
        if weight > best_weight:
            best, best_weight = coding, weight
    return best


def _weights(accept_encoding: str) -> dict[str, float]:
    weights = {}
    for element in accept_encoding.split(","):
        if match := _ELEMENT.fullmatch(element):
            # "x-gzip" is gzip by its older name (RFC 9110, section 8.4.1.3).
            coding = match["coding"].lower().removeprefix("x-")
            weights[coding] = min(float(match["weight"] or 1), 1.0)
    return weights
