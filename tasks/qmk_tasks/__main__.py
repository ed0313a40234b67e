"""``python3 -m qmk_tasks snapshot|publish``: the steps that put a firmware tree into storage."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from qmk_contract.artifacts import CHANNEL_PATTERN, COMMIT_PATTERN
from qmk_tasks import settings
from qmk_tasks.errors import TaskError


def main() -> int:
    """Run one of the tasks; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m qmk_tasks", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    snapshot = tasks.add_parser("snapshot", help="make the objects of a tree")
    snapshot.add_argument("--tree-url", required=True, help="presigned URL of a .tar.zst")
    snapshot.add_argument("--tree-sha256", required=True, type=_matching(r"[0-9a-f]{64}"))
    publish = tasks.add_parser("publish", help="upload them, and move a channel")
    publish.add_argument("--channel", required=True, type=_matching(CHANNEL_PATTERN))
    for task in (snapshot, publish):
        task.add_argument("--commit", required=True, type=_matching(COMMIT_PATTERN))
        task.add_argument("--folder", required=True, type=Path, help="shared by both tasks")
    arguments = parser.parse_args()
    try:
        if arguments.task == "snapshot":
            _snapshot(arguments)
        else:
            _publish(arguments)
    except TaskError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _snapshot(arguments: argparse.Namespace) -> None:
    from qmk_tasks import snapshot, source

    tree = arguments.folder / "tree"
    source.fetch(arguments.tree_url, arguments.tree_sha256, tree)
    manifest = snapshot.build(
        tree,
        arguments.commit,
        arguments.folder / "objects",
        home=arguments.folder / "home",
        search_path=settings.search_path(),
    )
    _say(f"Packed {len(manifest.keyboards)} keyboard folders; core: {manifest.core.size} bytes.")


def _publish(arguments: argparse.Namespace) -> None:
    # boto3 is in the image that publishes, not in the one that makes snapshots.
    from qmk_tasks import publish, storage

    where = settings.storage_settings()
    bucket = storage.Storage(storage.s3_client(where, publish.CONNECTIONS), where.bucket)
    counts = publish.publish(
        arguments.folder / "objects", arguments.commit, arguments.channel, bucket
    )
    _say(
        f"Stored {counts.stored} objects, {counts.kept} were there already; "
        f"channel {arguments.channel} is at {arguments.commit}."
    )


def _matching(pattern: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"{text!r} does not match {pattern}")
        return text

    return check


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


if __name__ == "__main__":
    sys.exit(main())
