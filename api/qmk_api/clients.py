"""Who asks: the client's address behind trusted proxies, and the anonymous id made of it."""

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence

from qmk_contract.compile_job import ANONYMOUS

#: One household or office has a whole IPv6 network of this size (RFC 6177).
_IPV6_PREFIX = 64
#: Some proxies add the port that they were called from.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]*)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")


def client_address(peer: str, forwarded_for: Sequence[str], trusted_proxies: int) -> str:
    """The address of whoever called the outermost trusted proxy.

    Each proxy appends the address that it was called from to X-Forwarded-For
    (``forwarded_for``: that header's values, in order), so only as many entries from its end are
    worth anything as there are proxies of ours. With fewer entries, the peer called past them.
    """
    if trusted_proxies == 0:
        return peer
    entries = ",".join(forwarded_for).rsplit(",", trusted_proxies)[-trusted_proxies:]
    if not forwarded_for or len(entries) < trusted_proxies:
        return peer
    return entries[0].strip()


def client_id(address: str, salt: str) -> str:
    """A stable name for an address that does not tell the address; fit for ``spec.client``.

    What is no address (a socket file's peer, or what a proxy wrote in an address's place) is
    ANONYMOUS: many callers may hide behind it, so none of them is held to the bounds of one.
    """
    network = _network(address)
    if network is None:
        return ANONYMOUS
    digest = hmac.digest(salt.encode(), network.encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:20]


def _network(address: str) -> str | None:
    with_port = _WITH_PORT.fullmatch(address)
    try:
        parsed = ipaddress.ip_address(
            address if with_port is None else with_port["v6"] or with_port["v4"] or ""
        )
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
    return str(parsed)
