"""What schemathesis must know of this API beside its OpenAPI document."""

from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.generation.meta import TestPhase

from tests.integration.demo_system import KEYBOARD

#: A request that makes a job, so that links have something to lead to.
KEYMAP: dict[str, Any] = {
    "keyboard": "demo/pad6",
    "layout": "LAYOUT_ortho_2x3",
    "layers": [["KC_A", "KC_B", "KC_C", "KC_D", "KC_E", "KC_F"]],
}


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    kwargs["allow_redirects"] = False  # they lead to other hosts
    # OpenAPI cannot say that a slash in a path is a slash.
    for name in {"keyboard", "path"} & case.path_parameters.keys():
        case.path_parameters[name] = str(case.path_parameters[name]).replace("%2F", "/")
    if case.meta is None or case.meta.phase.name is not TestPhase.STATEFUL:
        return
    if case.meta.generation.mode.is_positive:
        if "keyboard" in case.path_parameters:
            case.path_parameters["keyboard"] = KEYBOARD
        if case.operation.label == "POST /v1/compile" and isinstance(case.body, dict):
            case.body = {**KEYMAP, "keymap": case.body.get("keymap")}
