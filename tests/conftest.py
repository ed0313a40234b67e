"""One rule for all tiers: no test ever talks to a cluster that is not ours."""

import pytest

SAFE_PREFIXES = ("kind-", "local-")


def refuse_foreign_context(context: str) -> str:
    """Return the kube context if it is one that the local commands made, else fail the test."""
    if not context.startswith(SAFE_PREFIXES):
        pytest.fail(f"kube context {context!r} is not one of ours ({', '.join(SAFE_PREFIXES)})")
    return context
