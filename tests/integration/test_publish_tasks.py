"""A tree becomes a snapshot in a real bucket, by the programs that the Job runs."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.layers import archive
from qmk_tasks.snapshot import source
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.integration.working_copy import COMMIT, LARGE, PACKAGES, SEARCH_PATH, working_copy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return working_copy(tmp_path_factory.mktemp("demo") / "tree")


def task(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qmk_tasks", *arguments],
        env={"PATH": SEARCH_PATH, "PYTHONPATH": PACKAGES, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def read(s3: "S3Client", key: str) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return body


def test_a_packed_tree_in_storage_ends_as_a_channel(
    tree: Path, s3_server: S3Server, tmp_path: Path
) -> None:
    s3 = s3_server.client()
    archive.tar(tree, list(archive.files(tree)), tmp_path / "tree.tar")
    archive.compress([tmp_path / "tree.tar"], level=3)
    data = (tmp_path / "tree.tar.zst").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    key = artifacts.incoming(sha256)
    s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
    plan, work = tmp_path / "plan", tmp_path / "work"
    plan.mkdir()
    storage = {
        "S3_ENDPOINT_URL": s3_server.url,
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
    }
    common = (f"--plan={plan}", f"--work={work}")
    channel = ("--channel=snapshot-test", f"--commit={COMMIT}")
    planned = task("plan", f"--plan={plan}", *channel, **storage)
    assert planned.returncode == 0, planned.stderr
    made = task("snapshot", *common, "--tree-url", url, "--tree-sha256", sha256)
    assert made.returncode == 0, made.stderr
    published = task("publish", *common, **storage)
    assert published.returncode == 0, published.stderr
    assert read(s3, artifacts.channel("snapshot-test"))["commit"] == COMMIT
    manifest = from_body(Manifest, read(s3, artifacts.manifest(COMMIT)))
    head = s3.head_object(Bucket=BUCKET, Key=manifest.core.key)
    assert head["ContentType"] == artifacts.ZSTD
    assert head["Metadata"]["sha256"] == manifest.core.sha256
    index = from_body(SiteIndex, read(s3, artifacts.site_index(COMMIT)))
    assert "v1/keyboards/demo/pad6/info.json" in index.files
    for coding, size in index.files[LARGE].encoded.items():
        head = s3.head_object(Bucket=BUCKET, Key=artifacts.site_file(COMMIT, LARGE, coding))
        assert (head["ContentLength"], head["ContentType"]) == (size, artifacts.JSON)
    again = task("publish", *common, **storage)
    assert again.returncode == 0
    assert "Stored" not in again.stdout
    planned = task("plan", f"--plan={plan}", *channel, **storage)
    assert "as its source is" in planned.stdout


def test_a_tree_that_is_another_is_not_unpacked(s3_server: S3Server, tmp_path: Path) -> None:
    s3 = s3_server.client()
    s3.put_object(Bucket=BUCKET, Key="other", Body=b"other")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "other"})
    target = tmp_path / "tree"
    with pytest.raises(TaskError, match="digest"):
        source.fetch(url, "0" * 64, target, deadline_seconds=0.5)
    assert not list(target.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--plan=x", "--commit", "HEAD", "--channel", "master"),
        ("plan", "--plan=x", "--channel", "../master"),
        ("snapshot", "--plan=x", "--work=x", "--tree-url", "u", "--tree-sha256", "1"),
    ],
)
def test_an_argument_that_no_key_may_hold_is_refused(arguments: tuple[str, ...]) -> None:
    assert task(*arguments).returncode == 2


def test_publish_without_credentials_says_which_variable_is_missing(tmp_path: Path) -> None:
    ended = task("publish", f"--plan={tmp_path}", f"--work={tmp_path}")
    assert (ended.returncode, "S3_ENDPOINT_URL" in ended.stderr) == (1, True)
