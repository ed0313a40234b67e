"""The tree's own ``qmk``, loaded once into this process; each command runs in a fork of it.

A start of ``qmk`` is a quarter of a second of imports, and a make asks for some twenty. What is
relied upon here, beside what ``qmk`` (PyPI, 1.2) does itself in ``qmk_cli.script_qmk.main``, is
one attribute of milc (2.1): it notes at import time which options ``sys.argv`` holds. Where a
version no longer fits, ``load`` says so, and the plain program does the work.
"""

import contextlib
import importlib
import os
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

_COMMANDS = "qmk.cli"


class LauncherUnfitError(Exception):
    """The tree's Python cannot be loaded, or not the way this module does it."""


@dataclass(frozen=True)
class Fork:
    """A command under way. ``end`` is a pipe that is closed when it has ended."""

    pid: int
    end: int

    def wait(self) -> int:
        """Its exit code, negative for a signal, once it has ended."""
        with os.fdopen(self.end, "rb") as pipe:
            pipe.read()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


class Launcher:
    """``qmk`` with the subcommands of one tree. This process's folder is the tree from now on."""

    def __init__(self, main: Callable[[], object], subcommands: Any) -> None:
        self._main = main
        self._subcommands = subcommands

    @classmethod
    def load(cls, tree: Path, modules: Iterable[str] = ()) -> "Launcher":
        """Load all subcommands, or only those that the named modules of the tree define.

        Raises:
            LauncherUnfitError: that fails.
        """
        os.chdir(tree)
        sys.argv = ["qmk"]
        try:
            script = importlib.import_module("qmk_cli.script_qmk")
            importlib.import_module("qmk_cli.subcommands")
            sys.path.append(str(tree / "lib/python"))
            if chosen := tuple(modules):
                _skip_package_code(_COMMANDS, tree / "lib/python/qmk/cli")
                for module in chosen:
                    importlib.import_module(module)
            else:
                importlib.import_module(_COMMANDS)
            interface = importlib.import_module("milc").cli
            _take_options_as_passed(interface.milc.args_passed)
            return cls(script.main, interface.subcommands)
        # The tree's code may raise, and end, as it likes.
        except (Exception, SystemExit) as error:
            raise LauncherUnfitError(f"{type(error).__name__}: {error}") from error

    def prepare_keymaps(self) -> None:
        """Let the tree load now what each command that reads a keymap would load anew."""
        _prepare("qmk.json_schema.create_validator", "qmk.keymap.v1")
        _prepare("qmk.keyboard.keyboard_alias_definitions")

    def prepare_keyboard(self, keyboard: str) -> None:
        """As above, for commands that look at all that is known of a keyboard."""
        _prepare("qmk.info.info_json", keyboard)

    def module_of(self, arguments: Sequence[str]) -> str | None:
        """The tree's module that defines a command line's subcommand, None if it is unknown."""
        name = next((word for word in arguments if not word.startswith("-")), "")
        try:
            return str(self._subcommands[name].get_default("entrypoint").__module__)
        except (KeyError, AttributeError):
            return None

    def start(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        output: int | None = None,
        errors: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Fork:
        """Run one command in a fork; ``output`` and ``errors`` are descriptors, ours by default."""
        end, held = os.pipe2(os.O_CLOEXEC)
        sys.stdout.flush()
        try:
            pid = os.fork()
        except OSError:
            os.close(end)
            os.close(held)
            raise
        if pid:
            os.close(held)
            return Fork(pid, end)
        try:
            os.close(end)
            for source, target in ((output, 1), (errors, 2)):
                if source is not None:
                    os.dup2(source, target)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.environ.update(environment or {})  # noqa: TID251 - the command's own
            os.chdir(folder)
            sys.argv = ["qmk", *arguments]
            self._end(self._exit_code())
        finally:
            os._exit(1)

    def _exit_code(self) -> int:
        try:
            self._main()
        except SystemExit as error:
            if error.code is None or isinstance(error.code, int):
                return (error.code or 0) & 0xFF
            sys.stderr.write(f"{error.code}\n")
            return 1
        # As the interpreter does at its end; nothing of it is for this process.
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            return 1
        return 0

    def _end(self, code: int) -> Never:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _prepare(function: str, *arguments: str) -> None:
    """Call a function of the tree that keeps its results, or parts of them, for its next call.

    It only saves time: what comes of it, failures and messages too, comes again in each command.
    """
    module, _, name = function.rpartition(".")
    with (
        contextlib.suppress(Exception, SystemExit),
        Path(os.devnull).open("w") as null,
        contextlib.redirect_stdout(null),
        contextlib.redirect_stderr(null),
    ):
        getattr(importlib.import_module(module), name)(*arguments)


def _skip_package_code(name: str, folder: Path) -> None:
    """Let modules of a package be imported without what its ``__init__`` does: import them all."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    above, _, last = name.rpartition(".")
    setattr(importlib.import_module(above), last, package)


def _take_options_as_passed(options: dict[str, dict[str, bool]]) -> None:
    """Let milc take every option's value from the command line, where it has its default, too.

    Without a configuration file that is all the same, and the home of a build has none.
    """
    for section in options.values():
        for name in section:
            section[name] = True
