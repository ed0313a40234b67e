"""The pods of the installed API, and their replacement."""

from qmk_contract.names import COMPONENT_LABEL
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_for

API = "deployment/qmk-compile-api"
ROLLOUT_SECONDS = 180


def replace_pods(kubectl: Kubectl) -> None:
    """Replace all of the API's pods, and wait until the old ones are gone."""
    before = api_pods(kubectl)
    kubectl("rollout", "restart", API)
    kubectl("rollout", "status", API, seconds=ROLLOUT_SECONDS)
    wait_for("the old pods to end", lambda: not before & api_pods(kubectl), seconds=60)


def api_pods(kubectl: Kubectl) -> set[str]:
    found = kubectl.items("pods", f"--selector={COMPONENT_LABEL}=api")
    return {pod["metadata"]["name"] for pod in found}
