"""make asks the compiler about an option once, not once for each file.

QMK's make function ``cc-option`` (builddefs/support.mk) runs the compiler to see whether it takes
an option, and stands in variables that are expanded anew for every object: 365 of the 446 starts
of the compiler in one build. What is made here calls the tree's own definition, and keeps its
answer in a variable that is named after the question.
"""

import re
from pathlib import Path

_SOURCE = "builddefs/support.mk"
_DEFINITION = re.compile(r"^cc-option[ \t]*=(?P<body>(?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_MAKEFILE = r"""# Asks the compiler about an option once.
_cc_option_asked ={body}
_cc_option_none :=
_cc_option_blank := $(_cc_option_none) $(_cc_option_none)
_cc_option_tilde = $(subst ~,~t,$(1))
_cc_option_plain = $(subst =,~e,$(subst :,~c,$(subst $(_cc_option_blank),~b,$(_cc_option_tilde))))
_cc_option_name = _cc_option_$(call _cc_option_plain,$(CC)/$(1)/$(2)/$(3))
override cc-option = $(if $(filter undefined,$(origin $(_cc_option_name))),$(eval \
$(_cc_option_name) := $(call _cc_option_asked,$(1),$(2),$(3))))$($(_cc_option_name))
"""


def makefile(tree: Path) -> str | None:
    """What make is to read before the tree's makefiles (its variable MAKEFILES).

    None where the tree has no such function.
    """
    try:
        match = _DEFINITION.search((tree / _SOURCE).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    # The overriding definition is what stays, wherever the tree's comes.
    return _MAKEFILE.replace("{body}", match["body"]) if match else None
