"""What a build's end means: from exit status, log and files to a reason. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.result import Diagnostic

MESSAGE_LENGTH_MAX = 1024
#: A program's own message starts its line, the tree's " | " before it at most: source text that
#: the compiler quotes is indented or numbered, and so cannot speak for the system.
_LINE = r"^(?: \| )?(?!\s|\d+ \||\| )[^\n]*"
#: The files that Python names after an error of the system's. Up to the next quote, not to the
#: last: a line may say the words before it a thousand times.
_FILE = r"(?:'[^\n']*'|\"[^\n\"]*\")"
_FILES = rf"(?:: {_FILE}(?: -> {_FILE})?)?"
_DISK_FULL = re.compile(
    _LINE + r"(?:: |\] )(?:No space left on device|Disk quota exceeded)" + _FILES + r"$",
    re.MULTILINE,
)
_STARVED = re.compile(
    _LINE + r"(?:Killed \(program |Killed signal terminated program |"
    r": Killed$|\] Killed$|virtual memory exhausted|out of memory allocating |memory exhausted$|"
    r": out of memory$|(?:: |\[Errno \d{1,3}\] )"
    r"(?:Cannot allocate memory|Resource temporarily unavailable)" + _FILES + r"$)"
    # Of Python's own errors the name begins a line, where nobody's text does.
    r"|^(?: \| )?(?:MemoryError(?:: [^\n]*)?|RuntimeError: can't start new thread)$",
    re.MULTILINE,
)
#: What the limits of a single process look like; see qmk_runner.sandbox.
_BEYOND_LIMIT = re.compile(
    _LINE + r"(?:: |\] )(?:File too large" + _FILES + r"$"
    r"|(?:File size limit exceeded|CPU time limit exceeded)\b)",
    re.MULTILINE,
)
_TOO_LARGE = re.compile(
    r"^ \* (?P<size>The firmware is too large! \d{1,9}/\d{1,9} \(\d{1,9} bytes over\))"
    r"|" + _LINE + r"(?P<region>region \W?\w{1,64}\W? overflowed by \d{1,9} bytes)",
    re.MULTILINE,
)
#: How `qmk` starts the line of an error: with its sign for one, if the terminal can show it.
_QMK = r"^(?:\u2612 )?"
#: What `qmk` says when the make that it started was ended by a signal.
_MAKE_CRASHED = re.compile(_QMK + r"(?P<what>Invalid return_code: -\d{1,3})$", re.MULTILINE)
_TOOL = r"\S{0,200}-(?:gcc|g\+\+|as|ar|ld|nm|objcopy|objdump|size)"
#: How a shell, and make after it, tell that a program could not start or was ended by a signal:
#: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html
_NOT_BY_ITSELF = frozenset({126, 127, 134, 135, 137, 139})
_MAKE_TOLD = re.compile(
    r"^(?: \| )?(?P<what>g?make(?:\[\d+\])?: \*\*\* \[[^\n]*\] (?:Error (?:12[67]|13[4579])"
    r"|(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Terminated)"
    r"(?: \(core dumped\))?))$",
    re.MULTILINE,
)
#: A toolchain that is not whole, or a machine in trouble: no keymap's fault.
_BROKEN = re.compile(
    r"^(?: \| )?(?:g?make(?:\[\d+\])?: |(?:/bin/)?(?:ba|da)?sh: (?:line )?(?:\d+: )?)?"
    r"(?:(?:execvp: )?" + _TOOL + r": "
    r"(?:No such file or directory|(?:command )?not found|Permission denied)$"
    r"|" + _TOOL + r": (?:error trying to exec|fatal error: cannot execute) "
    r"|Cannot fork$)"
    r"|" + _LINE + r"(?:(?:: |\] )"
    r"(?:Input/output error|I/O error|Read-only file system|Stale file handle"
    r"|Too many open files(?: in system)?)" + _FILES + r"$"
    r"|internal compiler error: (?:Segmentation fault|Aborted|Bus error|Illegal instruction))",
    re.MULTILINE,
)
_INVALID_KEYMAP = re.compile(
    _QMK + r"(?P<message>Invalid JSON (?:keymap|encountered)[^\n]*)", re.MULTILINE
)


@dataclass(frozen=True)
class Evidence:
    """What is known when the build has ended. ``memory_kills`` counts since it started.

    ``excess`` says what the build took too much of, if that was its end; ``reported`` unless
    what ran it ended without a word about it; ``disk_full`` if its scratch folder was found so, and
    ``own_disk`` if nobody else can have filled it.
    """

    returncode: int
    timed_out: bool
    memory_kills: int
    log: str
    firmware_found: bool
    excess: str | None = None
    reported: bool = True
    disk_full: bool = False
    own_disk: bool = False


@dataclass(frozen=True)
class Verdict:
    """``reason`` is set where the end may be stored as the build's result, with exit code OK."""

    exit_code: ExitCode
    message: str
    reason: Reason | None = None


_OUT_OF_MEMORY = Verdict(ExitCode.OUT_OF_MEMORY, "The build needed more memory than it may have.")


def judge(evidence: Evidence) -> Verdict:
    """Ours first: whatever a full disk or a killed compiler left looks like somebody's error."""
    if (cut_off := _cut_off(evidence)) is not None:
        return cut_off
    if not evidence.reported:
        silent = Verdict(ExitCode.NO_RESULT, "The build ended before it could say how.")
        return _starved(evidence) or silent
    if evidence.returncode == 0:
        return _ended_well(evidence)
    return _starved(evidence) or _broken(evidence) or _request_fault(evidence)


def explained(verdict: Verdict, diagnostics: Sequence[Diagnostic]) -> Verdict:
    """A verdict in the words of the errors: a compile error's in those of the first, if there is
    one, and that over an unfit keymap with the field that it is about.
    """
    if verdict.reason is Reason.INVALID_KEYMAP:
        told = (item.message for item in diagnostics if item.message.endswith(verdict.message))
        return _fault(Reason.INVALID_KEYMAP, next(told, verdict.message))
    if verdict.reason is not Reason.COMPILE_ERROR:
        return verdict
    for item in diagnostics:
        if item.severity == "error":
            where = f"{item.file}:{item.line}: " if item.file and item.line else ""
            if item.layer is not None and item.key is not None:
                where = f"layer {item.layer}, key {item.key}: "
            return _fault(Reason.COMPILE_ERROR, where + item.message)
    return verdict


def _cut_off(evidence: Evidence) -> Verdict | None:
    """An end that was not the build's own."""
    if evidence.timed_out:
        return Verdict(ExitCode.TIMED_OUT, "The build ran into its time limit.")
    if evidence.memory_kills > 0:
        return _OUT_OF_MEMORY
    if evidence.excess is not None:
        return Verdict(ExitCode.LIMIT_EXCEEDED, evidence.excess)
    return None


def _starved(evidence: Evidence) -> Verdict | None:
    if evidence.disk_full or _DISK_FULL.search(evidence.log):
        if evidence.own_disk:
            return Verdict(ExitCode.LIMIT_EXCEEDED, "The build filled all the disk it may have.")
        return Verdict(ExitCode.OUT_OF_DISK, "The build ran out of disk space.")
    if _STARVED.search(evidence.log):
        return _OUT_OF_MEMORY
    if _BEYOND_LIMIT.search(evidence.log):
        return Verdict(
            ExitCode.LIMIT_EXCEEDED, "A program of the build went beyond its limit of file or time."
        )
    return None


def _broken(evidence: Evidence) -> Verdict | None:
    if crash := _MAKE_CRASHED.search(evidence.log):
        return Verdict(ExitCode.NO_RESULT, f"make was ended by a signal: {crash['what']}.")
    if told := _MAKE_TOLD.search(evidence.log):
        return Verdict(ExitCode.NO_RESULT, f"A program failed to run: {told['what'][:200]}.")
    if broken := _BROKEN.search(evidence.log):
        return Verdict(ExitCode.NO_RESULT, f"The toolchain failed: {broken[0].strip(' |')[:200]}")
    if evidence.returncode < 0:
        number = -evidence.returncode
        return Verdict(ExitCode.NO_RESULT, f"The build was ended by signal {number}.")
    if evidence.returncode in _NOT_BY_ITSELF:
        return Verdict(
            ExitCode.NO_RESULT, f"The build's program ended with status {evidence.returncode}."
        )
    return None


def _ended_well(evidence: Evidence) -> Verdict:
    if not evidence.firmware_found:
        return Verdict(
            ExitCode.NO_RESULT, "The build ended without an error and without its firmware file."
        )
    return Verdict(ExitCode.OK, "The firmware is built.", Reason.COMPLETED)


def _request_fault(evidence: Evidence) -> Verdict:
    if match := _TOO_LARGE.search(evidence.log):
        return _fault(Reason.FIRMWARE_TOO_LARGE, match["size"] or match["region"])
    if match := _INVALID_KEYMAP.search(evidence.log):
        return _fault(Reason.INVALID_KEYMAP, match["message"].replace("keymap.json : ", ""))
    return _fault(Reason.COMPILE_ERROR, _summary(evidence))


def _summary(evidence: Evidence) -> str:
    lines = [line.strip(" |*") for line in evidence.log.splitlines()]
    told = [line for line in lines if line and not re.match(r"g?make(?:\[\d+\])?: ", line)]
    return told[-1] if told else f"qmk compile ended with exit code {evidence.returncode}"


def _fault(reason: Reason, message: str) -> Verdict:
    return Verdict(ExitCode.OK, message[:MESSAGE_LENGTH_MAX], reason)
