"""rules.mk: what make must know of a keyboard or a keymap."""

from qmk.constants import GENERATED_HEADER_SH_LIKE
from qmk.generate.mapping import mapped_values

_YES_NO = {True: "yes", False: "no"}


def keyboard_rules_mk(info):
    """Returns the lines of info_rules.mk for a keyboard."""
    return [GENERATED_HEADER_SH_LIKE, *_rules(info), f"PLATFORM_KEY := {info['platform_key']}"]


def keymap_rules_mk(keymap_json):
    """Returns the lines of rules.mk for a keymap; they win over those of its keyboard."""
    return [GENERATED_HEADER_SH_LIKE, *_rules(keymap_json.get("config", {}))]


def _rules(info):
    for name, value, value_type in mapped_values("info_rules.hjson", info):
        yield f"{name} := {_YES_NO[value] if value_type == 'bool' else value}"
    for feature, enabled in info.get("features", {}).items():
        yield f"{feature.upper()}_ENABLE := {_YES_NO[enabled]}"
