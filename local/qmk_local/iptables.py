"""Packet filter rules of the native cluster: making the few of our own, recognising all of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmk_local.layout import HostLayout

PROGRAMS = ("iptables", "ip6tables")
COMMENT = "qmk-compile"
KUBERNETES_CHAIN = re.compile(r"KUBE-[A-Z0-9-]+")


@dataclass(frozen=True)
class Rule:
    """One rule, as the words after the table and the command."""

    table: str
    chain: str
    words: tuple[str, ...]

    def argv(self, command: str) -> list[str]:
        """The command line that checks (`-C`), inserts (`-I`) or deletes (`-D`) the rule."""
        return ["iptables", "-w", "5", "-t", self.table, command, self.chain, *self.words]


def own_rules(layout: HostLayout) -> list[Rule]:
    """Rules beside kube-proxy's: pods reach this machine and what it reaches, nobody else them.

    The last one keeps what other machines send to the cluster's addresses out.
    """
    mark = ("-m", "comment", "--comment", COMMENT)
    pods = layout.pod_cidr
    return [
        Rule("nat", "POSTROUTING", ("-s", pods, "!", "-d", pods, *mark, "-j", "MASQUERADE")),
        Rule("filter", "FORWARD", ("-s", pods, *mark, "-j", "ACCEPT")),
        Rule(
            "filter",
            "FORWARD",
            (
                "-d",
                pods,
                "-m",
                "conntrack",
                "--ctstate",
                "RELATED,ESTABLISHED",
                *mark,
                "-j",
                "ACCEPT",
            ),
        ),
        Rule("filter", "INPUT", ("-i", layout.bridge, *mark, "-j", "ACCEPT")),
        Rule(
            "mangle",
            "PREROUTING",
            (
                "!",
                "-i",
                layout.bridge,
                "-d",
                pods,
                "-m",
                "conntrack",
                "--ctstate",
                "NEW",
                "-m",
                "addrtype",
                "!",
                "--src-type",
                "LOCAL",
                *mark,
                "-j",
                "DROP",
            ),
        ),
    ]


def chains(saved: str) -> dict[str, list[str]]:
    """User-defined Kubernetes chains by table, from the text of `iptables-save`."""
    found: dict[str, list[str]] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name = line[1:].split()[0]
            if KUBERNETES_CHAIN.fullmatch(name):
                found.setdefault(table, []).append(name)
    return found


def belongs_to_us(saved: str, layout: HostLayout) -> bool:
    """Whether the rules speak of our addresses or carry our comment."""
    network = layout.service_cidr.split("/")[0].rsplit(".", 2)[0]
    return COMMENT in _words(saved) or re.search(rf"-d {re.escape(network)}\.", saved) is not None


def removal(saved: str, remove_kubernetes: bool) -> str:
    """Input for `iptables-restore --noflush` that undoes our part of what `iptables-save` printed.

    Rules of others stay. Empty where there is nothing to undo.
    """
    ours = chains(saved) if remove_kubernetes else {}
    sections = []
    table = ""
    deletions: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A ") and _is_ours(line, ours.get(table, [])):
            deletions.setdefault(table, []).append(f"-D {line[3:]}")
    for name in sorted({*deletions, *ours}):
        flush = [f"-F {chain}" for chain in ours.get(name, [])]
        remove = [f"-X {chain}" for chain in ours.get(name, [])]
        # A chain must be named to iptables-restore before a rule refers to it: `:chain` would
        # create it, flushed, so only -D, -F and -X are used.
        sections.append(
            "\n".join([f"*{name}", *deletions.get(name, []), *flush, *remove, "COMMIT", ""])
        )
    return "".join(sections)


def _is_ours(line: str, our_chains: Sequence[str]) -> bool:
    words = line.split()
    if words[1] in our_chains:
        return False  # goes with its chain
    target = words[words.index("-j") + 1] if "-j" in words else ""
    return target in our_chains or COMMENT in _words(line)


def _words(text: str) -> list[str]:
    return [word.strip('"') for word in text.split()]
