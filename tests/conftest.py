"""One rule for all tiers: no test ever talks to a cluster that is not ours."""

import pytest
from hypothesis import HealthCheck, settings

# How fast examples come says something about the machine, not about the code under test.
settings.register_profile(
    "tests", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")

OUR_CONTEXTS = ("kind-qmk", "local-qmk", "local-qmk-test")


def refuse_foreign_context(context: str) -> str:
    """Return the kube context if it is one that the local commands made, else fail the test."""
    if context not in OUR_CONTEXTS:
        pytest.fail(f"kube context {context!r} is not one of ours ({', '.join(OUR_CONTEXTS)})")
    return context
