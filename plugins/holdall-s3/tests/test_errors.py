"""Each refusal says what was asked, what was found and what to do, and nothing secret."""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.services.process import free_ports
from tests.services.s3 import SeaweedFS

from holdall.errors import KeyMissing, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.s3 import S3Server

    from holdall_s3 import S3

pytestmark = pytest.mark.services

MIB = 1 << 20


def refused(ask: Callable[[], object], *secrets: str) -> StorageError:
    """The error of `ask`, checked for what all have in common."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    shown = f"{error} {error!r}"
    assert not isinstance(error, KeyMissing)
    assert "s3" == error.block
    assert error.__cause__ is not None
    assert not [secret for secret in secrets if secret in shown]
    assert not [secret for secret in secrets if secret in "".join(traceback.format_exception(error))]
    return error


def test_who_may_only_read_may_not_write(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """The message names block, key and operation."""
    assert seaweedfs.read_only is not None
    place = seaweedfs.new_prefix()
    block = make(seaweedfs, place, seaweedfs.read_only)
    make(seaweedfs, place).put("there", [b"readable"])

    error = refused(lambda: block.put("k", [b"1"]), seaweedfs.read_only.secret_access_key)

    assert f"put 'k' in the s3 block S3('{place}') failed: these credentials may not do that" in str(error)
    assert ("k", "put", False) == (error.key, error.operation, error.transient)
    assert b"readable" == block.get("there")
    refused(lambda: block.put("k", [bytes(20 * MIB)]), seaweedfs.read_only.secret_access_key)
    assert not block.exists("k")


@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_wrong_credentials_are_called_so(seaweedfs: S3Server, make: Callable[..., S3], wrong: str) -> None:
    """Also where the answer is one to HEAD, which has no body to say why."""
    keys = replace(seaweedfs.admin, **{wrong: "not-the-right-one"})
    block = make(seaweedfs, seaweedfs.new_prefix(), keys)

    for ask in (block.get, block.head):
        error = refused(partial(ask, "k"), keys.secret_access_key, seaweedfs.admin.secret_access_key)

        assert "credentials" in str(error)


def test_a_missing_bucket_is_named(server: S3Server, make: Callable[..., S3]) -> None:
    """An object in a bucket that is not there is a mistake in the block."""
    block = make(server, "holdall-no-such-bucket")

    for ask in (block.get, block.head):
        error = refused(partial(ask, "k"), server.admin.secret_access_key)

        assert "the bucket 'holdall-no-such-bucket' does not exist" in str(error)
        assert not error.transient


def test_an_endpoint_where_nobody_listens(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """The address is in the message, and the call may be repeated."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    error = refused(partial(make(seaweedfs, "bucket", endpoint_url=url, max_attempts=1).get, "k"))

    assert f"{url} cannot be reached" in str(error)
    assert error.transient


def test_no_credentials_at_all(seaweedfs: S3Server) -> None:
    """The message names the fields and the variables."""
    from holdall_s3 import S3

    block = S3(bucket_path="bucket", endpoint_url=seaweedfs.endpoint_url, region_name="us-east-1")

    error = refused(lambda: block.get("k"))

    assert "no usable credentials were found" in str(error)
    assert "aws_access_key_id" in str(error)
    assert "AWS_ACCESS_KEY_ID" in str(error)


def test_a_profile_that_is_not_there(seaweedfs: S3Server) -> None:
    """It is a matter of credentials, and not of the network."""
    from holdall_s3 import S3

    block = S3(bucket_path="bucket", endpoint_url=seaweedfs.endpoint_url, profile="nobody")

    assert "no usable credentials were found (ProfileNotFound)" in str(refused(lambda: block.get("k")))


def test_a_server_killed_in_the_middle(tmp_path: Path, make: Callable[..., S3]) -> None:
    """A download and an upload that lose their server end as transient errors, in the time of a few attempts."""
    with SeaweedFS.running(tmp_path / "weed") as server:
        block = make(server, server.new_bucket(), max_attempts=2, connect_timeout=2, read_timeout=5)
        block.put("large", [bytes(32 * MIB)])
        download = block.stream("large", chunk=MIB)
        next(download)

        def upload() -> Iterator[bytes]:
            yield bytes(40 * MIB)
            server.process.kill()
            yield bytes(40 * MIB)

        failed_put = refused(lambda: block.put("other", upload()), server.admin.secret_access_key)
        failed_get = refused(lambda: list(download), server.admin.secret_access_key)
        failed_whole = refused(lambda: block.get("large"))

    assert (True, True, True) == (failed_put.transient, failed_get.transient, failed_whole.transient)
    assert ("put", "get") == (failed_put.operation, failed_get.operation)
