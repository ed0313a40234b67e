"""What a developer's machine takes for published."""

import pytest

from qmk_contract import artifacts
from qmk_local.release_storage import ReleaseBucket, StorageAccess
from tests.integration.published import publish
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server

COMMIT = "b" * 40
CHANNEL = "release-storage-test"


@pytest.fixture
def bucket(s3_server: S3Server) -> ReleaseBucket:
    access = StorageAccess((), s3_server.url, BUCKET, "us-east-1", ACCESS_KEY, SECRET_KEY)
    return ReleaseBucket(access, access.port)


@pytest.mark.parametrize("key", [artifacts.manifest(COMMIT), artifacts.site_index(COMMIT)])
def test_a_commit_without_one_of_its_lists_is_not_published(
    bucket: ReleaseBucket, s3_server: S3Server, key: str
) -> None:
    s3 = s3_server.client()
    publish(s3, COMMIT, CHANNEL, generator=True)
    assert bucket.is_published(CHANNEL, COMMIT)
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert not bucket.is_published(CHANNEL, COMMIT)


def test_a_commit_of_a_version_without_a_generator_layer_is_made_anew(
    bucket: ReleaseBucket, s3_server: S3Server
) -> None:
    publish(s3_server.client(), COMMIT, CHANNEL, generator=False)
    assert not bucket.is_published(CHANNEL, COMMIT)


def test_a_channel_elsewhere_is_not_at_a_commit(bucket: ReleaseBucket, s3_server: S3Server) -> None:
    publish(s3_server.client(), COMMIT, CHANNEL, generator=True)
    assert not bucket.is_published(CHANNEL, "d" * 40)
    assert not bucket.is_published("no-such-channel", COMMIT)
