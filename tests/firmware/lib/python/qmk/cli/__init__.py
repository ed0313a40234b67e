"""The subcommands, each in a module of its own.

They are named here one by one: looking for them would make every start slower.
"""

from importlib import import_module

SUBCOMMANDS = [
    "clean",
    "compile",
    "generate.api",
    "generate.config_h",
    "generate.info_json",
    "generate.keyboard_c",
    "generate.keyboard_h",
    "generate.keycodes",
    "generate.keymap_h",
    "generate.rules_mk",
    "generate.version_h",
    "info",
    "json2c",
    "list.keyboards",
    "list.keymaps",
    "list.layouts",
    "list.platforms",
    "resolve_alias",
]

for _subcommand in SUBCOMMANDS:
    import_module(f"qmk.cli.{_subcommand}")
