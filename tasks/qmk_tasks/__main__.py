"""``python3 -m qmk_tasks plan|checkout|snapshot|publish``: the steps of a refresh, in that order.

Only ``plan`` and ``publish`` hold credentials, only ``checkout`` talks to git hosts, and only
``snapshot`` runs a tree's own code.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from qmk_contract.artifacts import CHANNEL_PATTERN, COMMIT_PATTERN
from qmk_contract.channels import ChannelSource
from qmk_tasks import settings
from qmk_tasks.errors import TaskError
from qmk_tasks.handover import plan


def main() -> int:
    """Run one of the steps; returns its exit code."""
    arguments = _parser().parse_args()
    try:
        return STEPS[arguments.step](arguments)
    except TaskError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _plan(arguments: argparse.Namespace) -> int:
    # boto3 is in the image of the steps that talk to storage, not in the one that makes snapshots.
    from qmk_tasks.planning import planning, sources
    from qmk_tasks.storage import storage

    git = settings.git_settings()
    where = settings.storage_settings()
    bucket = storage.Storage(storage.s3_client(where, connections=1), where.bucket)

    def find(source: ChannelSource) -> planning.Found:
        if arguments.commit is not None:
            return planning.Found(arguments.commit)
        return sources.find(source, git)

    wanted = _wanted(arguments)
    made = planning.make_plan(wanted, find, bucket, arguments.plan, force=arguments.force)
    plan.write(made, arguments.plan)
    return 0


def _wanted(arguments: argparse.Namespace) -> list[ChannelSource]:
    """The channels to look at; one of a packed tree need not be known."""
    names = arguments.channel or []
    if arguments.commit is not None:
        if len(names) != 1:
            raise TaskError("a commit is of one --channel")
        return [ChannelSource(names[0], "", "")]
    known = {source.name: source for source in settings.channels()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TaskError(f"QMK_CHANNELS has no channel {', '.join(unknown)}")
    return [known[name] for name in names or known]


def _checkout(arguments: argparse.Namespace) -> int:
    from qmk_tasks import steps

    steps.check_out(plan.read(arguments.plan), arguments.work, settings.git_settings())
    return 0


def _snapshot(arguments: argparse.Namespace) -> int:
    from qmk_tasks import steps

    brought = None
    if arguments.tree_url is not None and arguments.tree_sha256 is not None:
        brought = steps.Brought(arguments.tree_url, arguments.tree_sha256)
    wanted = plan.read(arguments.plan)
    contained = settings.containment()
    steps.make_snapshots(wanted, arguments.plan, arguments.work, contained, brought)
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    from qmk_tasks.publishing import publication, publish
    from qmk_tasks.storage import storage

    where = settings.storage_settings()
    ours = settings.release_settings()
    bucket = storage.Storage(storage.s3_client(where, publish.CONNECTIONS), where.bucket)
    wanted = plan.read(arguments.plan)
    moved, failures = publication.Publications(wanted, arguments.work, bucket).run()
    for channel, why in failures.items():
        sys.stderr.write(f"Channel {channel} could not be refreshed: {why}\n")
    if ours is not None:
        from qmk_tasks.release import release

        release.tidy(moved, bucket, ours)
    return 1 if failures else 0


STEPS: dict[str, Callable[[argparse.Namespace], int]] = {
    "plan": _plan,
    "checkout": _checkout,
    "snapshot": _snapshot,
    "publish": _publish,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m qmk_tasks", description=__doc__)
    tasks = parser.add_subparsers(dest="step", required=True)
    found = {
        "plan": tasks.add_parser("plan", help="find channels whose sources have moved"),
        "checkout": tasks.add_parser("checkout", help="fetch their trees"),
        "snapshot": tasks.add_parser("snapshot", help="make the objects of the trees"),
        "publish": tasks.add_parser("publish", help="upload them, and move the channels"),
    }
    for name, task in found.items():
        task.add_argument("--plan", required=True, type=Path, help="folder of the plan")
        if name != "plan":
            task.add_argument("--work", required=True, type=Path, help="folder of the trees")
    channel, commit = _matching(CHANNEL_PATTERN), _matching(COMMIT_PATTERN)
    found["plan"].add_argument("--channel", action="append", type=channel, help="default: all")
    found["plan"].add_argument("--commit", type=commit, help="id of a tree that was packed")
    found["plan"].add_argument("--force", action="store_true", help="though it is published")
    found["snapshot"].add_argument("--tree-url", help="presigned URL of a .tar.zst")
    found["snapshot"].add_argument("--tree-sha256", type=_matching(r"[0-9a-f]{64}"))
    return parser


def _matching(pattern: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"{text!r} does not match {pattern}")
        return text

    return check


if __name__ == "__main__":
    sys.exit(main())
