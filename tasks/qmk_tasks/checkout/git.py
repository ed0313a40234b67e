"""The git program: bounded in time and size, with nothing of the machine's own configuration.

No hook runs, nobody is asked for a password, and only the transports that a channel may use are
open. Credentials come from a file that git itself reads, never from a command line; they are for
the channel's own host, since a tree may name any other as that of its submodules.
"""

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from qmk_tasks import program
from qmk_tasks.errors import TaskError
from qmk_tasks.settings import GitSettings

#: Transports of channels and submodules; ``file`` is for channels that are of this machine.
TRANSPORTS = ("https", "http", "ssh", "git")
_LIST_SECONDS = 60
_REFS_BYTES_MAX = 1 << 20
_OUTPUT_BYTES_MAX = 64 << 20
_REASON_CHARACTERS = 400
#: Beside the git configuration for a channel's host: the one for all other hosts, if there is one.
_OTHERS = "others"
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    # A host that sends next to nothing for this long is given up.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)


class TooSlow(TaskError):
    """Git did not end in its time."""


@dataclass(frozen=True)
class Git:
    """Git over one repository, or none yet; ``transports`` are those that it may use."""

    settings: GitSettings
    transports: tuple[str, ...] = TRANSPORTS
    repository: Path | None = None
    work_tree: Path | None = None

    def of(self, repository: Path, work_tree: Path | None = None) -> "Git":
        """The same for a repository, and a folder that its files are written to."""
        return replace(self, repository=repository, work_tree=work_tree)

    def elsewhere(self) -> "Git":
        """The same for a host that is not the channel's."""
        config = self.settings.config
        others = None if config is None else config.with_name(_OTHERS)
        if others is not None and not others.is_file():
            others = None
        return replace(self, settings=replace(self.settings, config=others))

    def run(self, *words: str, seconds: float, bytes_max: int = _OUTPUT_BYTES_MAX) -> bytes:
        """What git wrote to its standard output.

        Raises:
            TooSlow: it took longer than ``seconds``.
            TaskError: it failed, or wrote more than ``bytes_max``; the text is git's own reason,
                without credentials.
        """
        # A pack, or any other file that git would write beyond this size, ends it.
        argv = ["prlimit", f"--fsize={self.settings.bytes_max}", "--core=0", "git"]
        for option in _OPTIONS:
            argv += ["-c", option]
        try:
            ended = program.run(
                [*argv, *words],
                self._environment(),
                seconds=seconds,
                output_bytes=bytes_max + 1,
                folder=self.work_tree,
            )
        except TaskError as error:
            if isinstance(error.__cause__, subprocess.TimeoutExpired):
                raise TooSlow(f"git {words[0]} took longer than {seconds:.0f} s") from error
            raise
        if ended.returncode != 0:
            raise TaskError(f"git {words[0]} failed: {_reason(ended)}")
        if len(ended.output) > bytes_max:
            raise TaskError(f"git {words[0]} wrote more than {bytes_max} bytes")
        return ended.output

    def refs(self, url: str, ref: str) -> dict[str, str]:
        """What a repository has as a branch, a tag, or under the full name of a ref: ids by name.

        Raises:
            TaskError: the repository cannot be read.
        """
        names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        patterns = [*names, *(f"{name}^{{}}" for name in names)]
        words = ("ls-remote", "--quiet", "--", url, *patterns)
        written = self.run(*words, seconds=_LIST_SECONDS, bytes_max=_REFS_BYTES_MAX)
        lines = (line.split("\t", 1) for line in written.decode("utf-8", "replace").splitlines())
        return {line[1]: line[0] for line in lines if len(line) == 2 and line[1] in patterns}

    def _environment(self) -> dict[str, str]:
        environment = {
            "PATH": self.settings.search_path,
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.settings.config or "/dev/null"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": ":".join(self.transports),
            "GIT_TERMINAL_PROMPT": "0",
        }
        if self.settings.config is None:
            environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
        if self.repository is not None:
            environment["GIT_DIR"] = str(self.repository)
        if self.work_tree is not None:
            environment["GIT_WORK_TREE"] = str(self.work_tree)
        return environment


def _reason(ended: program.Ended) -> str:
    """The lines in which git says why, without the credentials that a URL may hold."""
    lines = ended.errors.decode("utf-8", "replace").splitlines()
    why = [line for line in lines if re.match(r"fatal|error|remote|ssh", line)] or lines[-3:]
    text = " ".join(line.strip() for line in why) or f"it ended with {ended.returncode}"
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return re.sub(r"//[^/@\s']*@", "//", printable)[-_REASON_CHARACTERS:]
