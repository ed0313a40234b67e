"""The guard that keeps tests away from clusters that are not ours."""

import pytest

from tests.conftest import refuse_foreign_context


@pytest.mark.parametrize("context", ["kind-dev", "local-other", "prod", "minikube", ""])
def test_a_foreign_context_is_refused(context: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="not one of ours"):
        refuse_foreign_context(context)


def test_our_own_is_accepted() -> None:
    assert refuse_foreign_context("local-qmk") == "local-qmk"
