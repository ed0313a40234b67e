"""Whether GitHub sent a body: its HMAC-SHA256 with a secret that only GitHub and we know.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def well_formed(signature: str) -> bool:
    """Whether the header ``signature`` could be that of any body."""
    return _SIGNATURE.fullmatch(signature) is not None


def signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether the header ``signature`` is that of the body as it was sent, by any of the secrets.

    Takes the same time whichever secret it is.
    """
    given = _SIGNATURE.fullmatch(signature)
    if given is None:
        return False
    matches = [
        hmac.compare_digest(hmac.digest(secret.encode(), body, hashlib.sha256).hex(), given[1])
        for secret in secrets
    ]
    return any(matches)
