"""One firmware to build: a keyboard and a keymap of the tree, or a JSON keymap."""

import json
import os
import re
import shlex
from pathlib import Path

from milc import cli

from qmk.commands import dump_lines, find_make, get_make_parallel_args, parse_configurator_json
from qmk.constants import INTERMEDIATE_OUTPUT_PREFIX, QMK_FIRMWARE
from qmk.generate import (
    keyboard_c,
    keyboard_config_h,
    keyboard_h,
    keyboard_rules_mk,
    version_h,
)
from qmk.info import info_json
from qmk.keyboard import keyboard_folder
from qmk.path import keyboard_levels

# The name of a JSON keymap that has none, as when one is fed in from a keymap's folder.
_DEFAULT_KEYMAP_NAME = "default_json"

# A compiler call in what a dry run of make prints.
_COMPILER_CALL = re.compile(r"avr-gcc [^;\n]* -c (?P<source>\S+) -o \S+")


class BuildTarget:
    """What both kinds of target have in common."""

    def __init__(self, keyboard, keymap):
        self.keyboard = keyboard_folder(keyboard)
        self.keymap = keymap
        self.keyboard_safe = self.keyboard.replace("/", "_")
        self._parallel = 1
        self._clean = False
        self._compiledb = False

    def configure(self, parallel=1, clean=False, compiledb=False):
        """Sets make's number of jobs, and whether to start clean and write a compile database."""
        self._parallel = parallel
        self._clean = clean or compiledb
        self._compiledb = compiledb

    @property
    def target_name(self):
        """The firmware's file name without its suffix."""
        return f"{self.keyboard_safe}_{self.keymap}"

    @property
    def generated_files_path(self):
        """The folder that generated files go to."""
        return Path(f"{INTERMEDIATE_OUTPUT_PREFIX}{self.target_name}") / "src"

    def compile_command(self, build_target=None, dry_run=False, **variables):
        """Returns the make command as a list."""
        verbose = bool(cli.config.general.verbose)
        command = [find_make(), *get_make_parallel_args(self._parallel), "-r", "-R"]
        command += ["-f", "builddefs/build_keyboard.mk"]
        command += [] if verbose else ["-s"]
        command += ["-n"] if dry_run else []
        command += [build_target] if build_target else []
        command += [
            f"KEYBOARD={self.keyboard}",
            f"KEYMAP={self.keymap}",
            f"KEYBOARD_FILESAFE={self.keyboard_safe}",
            f"TARGET={self.target_name}",
            f"VERBOSE={str(verbose).lower()}",
            f"COLOR={str(bool(cli.config.general.color)).lower()}",
            "SILENT=false",
            "QMK_BIN=qmk",
        ]
        return command + [f"{name}={value}" for name, value in variables.items()]

    def compile(self, build_target=None, dry_run=False, **variables):
        """Builds the firmware and returns make's exit code; a dry run stops before make."""
        command = self.compile_command(build_target, **variables)
        cli.log.info("Compiling keymap with {fg_cyan}%s", " ".join(command))
        if self._clean and not dry_run:
            cli.run([find_make(), "clean"], capture_output=False)
        self.prepare_build(**variables)
        if dry_run:
            return 0
        if self._compiledb:
            self._write_compile_commands(self.compile_command(dry_run=True, **variables))
        return cli.run(command, capture_output=False).returncode

    def prepare_build(self, **variables):
        """Generates what the keyboard decides in this process.

        Make finds these files up to date, and so starts `qmk` only for those of a JSON keymap.
        """
        for name, lines in self._generated_files(variables).items():
            dump_lines(self.generated_files_path / name, lines)

    def _generated_files(self, variables):
        settings = {**os.environ, **variables}
        info = info_json(self.keyboard)
        return {
            "info_rules.mk": keyboard_rules_mk(info),
            "info_config.h": keyboard_config_h(info),
            "default_keyboard.c": keyboard_c(info),
            "default_keyboard.h": keyboard_h(info, include=keyboard_header(self.keyboard)),
            "version.h": version_h("SKIP_GIT" in settings, "SKIP_VERSION" in settings),
        }

    def _write_compile_commands(self, command):
        entries = [
            {
                "directory": str(QMK_FIRMWARE),
                "arguments": shlex.split(match[0]),
                "file": match["source"],
            }
            for match in _COMPILER_CALL.finditer(cli.run(command).stdout)
        ]
        Path("compile_commands.json").write_text(json.dumps(entries, indent=4), "utf-8")


class KeyboardKeymapBuildTarget(BuildTarget):
    """A keyboard and a keymap that the tree holds."""


class JsonKeymapBuildTarget(BuildTarget):
    """A JSON keymap from anywhere, as a path or an open file."""

    def __init__(self, json_path):
        self.json = parse_configurator_json(json_path)
        super().__init__(self.json["keyboard"], self.json.get("keymap", _DEFAULT_KEYMAP_NAME))

    def prepare_build(self, **variables):
        """Puts the keymap beside the files that are generated from it."""
        dump_lines(self.generated_files_path / "keymap.json", [json.dumps(self.json)])
        super().prepare_build(**variables)

    def compile_command(self, build_target=None, dry_run=False, **variables):
        """Returns the make command as a list."""
        folder = self.generated_files_path
        command = super().compile_command(build_target, dry_run, **variables)
        command += [f"MAIN_KEYMAP_PATH_{level}={folder.parent}" for level in range(1, 6)]
        return [*command, f"KEYMAP_JSON={folder / 'keymap.json'}", f"KEYMAP_PATH={folder}"]


def keyboard_header(keyboard):
    """Returns the name of the keyboard's own header, from the most specific folder, or None."""
    headers = (level / f"{level.name}.h" for level in reversed(keyboard_levels(keyboard)))
    return next((path.name for path in headers if path.is_file()), None)
