"""Who asks: the client's address behind trusted proxies, and the anonymous id made of it."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence

#: One household or office has a whole IPv6 network of this size (RFC 6177).
_IPV6_PREFIX = 64


def client_address(peer: str, forwarded_for: Sequence[str], trusted_proxies: int) -> str:
    """The address of whoever called the outermost trusted proxy.

    Each proxy appends the address that it was called from to X-Forwarded-For
    (``forwarded_for``: that header's values, in order), so only as many entries from its end are
    worth anything as there are proxies of ours. With fewer entries, the peer called past them.
    """
    entries = [entry.strip() for value in forwarded_for for entry in value.split(",")]
    if trusted_proxies == 0 or len(entries) < trusted_proxies:
        return peer
    return entries[-trusted_proxies]


def client_id(address: str, salt: str) -> str:
    """A stable name for an address that does not tell the address; fit for ``spec.client``."""
    digest = hmac.digest(salt.encode(), _network(address).encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:20]


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
    return str(parsed)
