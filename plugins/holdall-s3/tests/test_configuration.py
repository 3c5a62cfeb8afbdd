"""What may be written into a block, what it shows, and what it never shows."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

from holdall.errors import ConfigurationError
from holdall_s3 import S3

SECRETS = {
    "aws_access_key_id": "AKIASECRETID",
    "aws_secret_access_key": "a-very-secret-key",
    "aws_session_token": "a-secret-token",
}


@pytest.mark.parametrize("written", ["bucket/a/b", "s3://bucket/a/b", "s3a://bucket/a/b/", " bucket//a/b/ "])
def test_a_bucket_path_has_one_form(written: str) -> None:
    """However it is written."""
    block = S3(bucket_path=written)

    assert "bucket/a/b" == block.bucket_path
    assert ("bucket", "a/b") == (block.bucket, block.root)
    assert S3(bucket_path="bucket/a/b") == block


def test_an_access_point_is_a_bucket() -> None:
    """Its name holds slashes of its own."""
    arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine"

    block = S3(bucket_path=f"{arn}/prefix")

    assert (arn, "prefix") == (block.bucket, block.root)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bucket_path": ""}, "names no bucket"),
        ({"bucket_path": "s3://"}, "names no bucket"),
        ({"bucket_path": "/prefix"}, "names no bucket"),
        ({"bucket_path": "b_ucket!/x"}, "is no name of a bucket"),
        ({"bucket_path": "s3://AKIASECRETID:a-very-secret-key@bucket/x"}, "must hold no credentials"),
        ({"bucket_path": "bucket/../other"}, "could leave the base path or prefix"),
        ({"bucket_path": "bucket", "endpoint_url": "localhost:9000"}, "must be a URL"),
        ({"bucket_path": "bucket", "endpoint_url": "http://me:a-very-secret-key@host"}, "must hold no credentials"),
        ({"bucket_path": "bucket", "aws_access_key_id": "AKIASECRETID"}, "go together"),
        ({"bucket_path": "bucket", "aws_session_token": "a-secret-token"}, "needs aws_access_key_id"),
        ({"bucket_path": "bucket", "anonymous": True, **SECRETS}, "exclude each other"),
        ({"bucket_path": "bucket", "profile": "p", "anonymous": True}, "exclude each other"),
        ({"bucket_path": "bucket", "read_timeout": 0}, "greater than 0"),
        ({"bucket_path": "bucket", "buckit": 1}, "buckit"),
    ],
)
def test_what_cannot_be_right_is_refused(fields: dict[str, Any], message: str) -> None:
    """With a sentence, and without repeating a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        S3(**fields)

    assert not [secret for secret in SECRETS.values() if secret in str(caught.value)]


def test_a_block_shows_no_secret() -> None:
    """Neither printed, nor by its location, nor in its plain fields."""
    block = S3(bucket_path="bucket/p", endpoint_url="https://host/", region_name="eu-west-1", **SECRETS)

    shown = f"{block!r} {block} {block.location()} {block.plain_fields()} {block.shown}"

    assert not [secret for secret in SECRETS.values() if secret in shown]
    assert {"bucket_path": "bucket/p", "endpoint_url": "https://host", "region_name": "eu-west-1"} == block.location()
    assert SECRETS == block.secret_values()
    assert S3(**block.location(), **SECRETS) == block


def test_pickling_drops_secrets() -> None:
    """And nothing else."""
    block = S3(bucket_path="bucket/p", read_timeout=7, **SECRETS)

    pickled = pickle.dumps(block)
    back = pickle.loads(pickled)

    assert not [secret for secret in SECRETS.values() if secret.encode() in pickled]
    assert S3(bucket_path="bucket/p", read_timeout=7).plain_fields() == back.plain_fields()
    assert {} == back.secret_values()


def test_building_a_block_imports_no_backend() -> None:
    """Importing a flow that names a block costs no client."""
    program = (
        "import sys; import holdall_s3; holdall_s3.S3(bucket_path='bucket/p').location();"
        "print([name for name in ('s3fs', 'fsspec', 'aiobotocore', 'botocore', 'aiohttp', 'asyncio') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == said.stdout.strip()


def test_a_path_given_without_its_name_is_told_the_name() -> None:
    """The option that says where, and none of those that every remote block has."""
    with pytest.raises(ConfigurationError, match=r"as S3\(bucket_path=…\)"):
        S3("bucket")
