"""Each refusal says what was asked, what was found and what to do, and nothing secret."""

from __future__ import annotations

import socket
import time
import traceback
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.services.process import free_ports
from tests.services.s3 import SeaweedFS

from holdall.errors import KeyMissing, StorageError
from holdall_obstore import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.azure import Azurite
    from tests.services.s3 import S3Server

pytestmark = pytest.mark.services

MIB = 1 << 20
OPERATIONS = ("put", "get", "head", "delete", "scan")


def refused(ask: Callable[[], object], *secrets: str) -> StorageError:
    """The error of `ask`, checked for what all have in common."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    assert not isinstance(error, KeyMissing)
    assert "obstore" == error.block
    assert error.__cause__ is not None
    assert not [secret for secret in secrets if secret in f"{error} {error!r}"]
    assert not [secret for secret in secrets if secret in "".join(traceback.format_exception(error))]
    return error


def every(block: ObjectStore) -> dict[str, Callable[[], object]]:
    """Each operation on a key that is not there."""
    return {
        "put": lambda: block.put("k", [b"1"]),
        "get": lambda: block.get("k"),
        "head": lambda: block.head("k"),
        "delete": lambda: block.delete("k"),
        "scan": lambda: list(block.scan()),
    }


def test_who_may_only_read_may_not_write(seaweedfs: S3Server, on_s3: Callable[..., ObjectStore]) -> None:
    """The message names block, key and operation."""
    assert seaweedfs.read_only is not None
    bucket = seaweedfs.new_bucket()
    block = on_s3(seaweedfs, f"{bucket}/p", seaweedfs.read_only)
    on_s3(seaweedfs, f"{bucket}/p").put("there", [b"readable"])

    error = refused(lambda: block.put("k", [b"1"]), seaweedfs.read_only.secret_access_key)

    assert f"put 'k' in the obstore block ObjectStore('s3://{bucket}/p') failed: these credentials may not" in str(
        error
    )
    assert "HTTP 403" in str(error)
    assert ("k", "put", False) == (error.key, error.operation, error.transient)
    assert b"readable" == block.get("there")
    refused(lambda: block.put("k", [bytes(20 * MIB)]), seaweedfs.read_only.secret_access_key)
    refused(lambda: block.delete("there"), seaweedfs.read_only.secret_access_key)
    assert not block.exists("k")


@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_credentials_are_never_absence(
    seaweedfs: S3Server, on_s3: Callable[..., ObjectStore], wrong: str, operation: str
) -> None:
    """Whatever is asked."""
    keys = replace(seaweedfs.admin, **{wrong: "not-the-right-one"})
    block = on_s3(seaweedfs, seaweedfs.new_bucket(), keys)

    error = refused(every(block)[operation], keys.secret_access_key, seaweedfs.admin.secret_access_key)

    assert "credentials" in str(error)
    assert (operation, False) == (error.operation, error.transient)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_key_of_an_account_is_never_absence(
    azurite: Azurite, on_azure: Callable[..., ObjectStore], operation: str
) -> None:
    """The same on Azure."""
    block = on_azure(azurite, azurite.new_container(), account_key="bm90LXRoZS1yaWdodC1vbmU=")

    error = refused(every(block)[operation], "bm90LXRoZS1yaWdodC1vbmU=", azurite.account_key)

    assert "credentials" in str(error)
    assert (operation, False) == (error.operation, error.transient)


def test_a_token_that_has_expired_is_never_shown(azurite: Azurite, on_azure: Callable[..., ObjectStore]) -> None:
    """A shared access signature is part of every URL, and of no message or traceback."""
    from datetime import timedelta

    token = azurite.sas_token("rwdlac", lasting=timedelta(hours=-1))
    signature = token.partition("sig=")[2].partition("&")[0]
    block = on_azure(azurite, azurite.new_container(), account_key=None, sas_token=token)

    for ask in every(block).values():
        assert "credentials" in str(refused(ask, token, signature))


def test_a_token_that_may_only_read(azurite: Azurite, on_azure: Callable[..., ObjectStore]) -> None:
    """It reads, and a write is refused."""
    container = azurite.new_container()
    on_azure(azurite, container).put("there", [b"readable"])
    token = azurite.sas_token("rl")
    block = on_azure(azurite, container, account_key=None, sas_token=token)

    error = refused(lambda: block.put("k", [b"1"]), token)

    assert "these credentials may not do that" in str(error)
    assert b"readable" == block.get("there")


@pytest.mark.parametrize("server", ["seaweedfs", "moto", "azurite"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_bucket_is_never_absence(
    request: pytest.FixtureRequest,
    on_s3: Callable[..., ObjectStore],
    on_azure: Callable[..., ObjectStore],
    server: str,
    operation: str,
) -> None:
    """An object in a bucket that is not there is a mistake in the block."""
    block = (on_azure if server == "azurite" else on_s3)(request.getfixturevalue(server), "no-such-bucket")

    error = refused(every(block)[operation])

    assert "'no-such-bucket' does not exist" in str(error)
    assert not error.transient


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_endpoint_where_nobody_listens(operation: str) -> None:
    """The address is in the message, and the call may be repeated."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "a-secret-of-nobody"}
    block = ObjectStore(url="s3://bucket", endpoint_url=url, max_attempts=2, **keys)

    error = refused(every(block)[operation], "a-secret-of-nobody")

    assert f"{url} cannot be reached" in str(error)
    assert error.transient


@pytest.mark.parametrize("limit", ["read_timeout", "timeout"])
def test_a_server_that_says_nothing(limit: str) -> None:
    """It is given up in the time that the block allows, whichever limit comes first."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        block = ObjectStore(
            url="s3://bucket",
            endpoint_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
            **{limit: 0.3, "max_attempts": 1 if limit == "read_timeout" else 20},
        )
        begun = time.monotonic()
        errors = [refused(lambda: block.put("k", [b"1"])), refused(lambda: block.get("k"))]

    assert time.monotonic() - begun < 5
    assert all("did not answer in time" in str(error) for error in errors)
    assert all(error.transient for error in errors)


def test_an_upload_that_takes_too_long(seaweedfs: S3Server, on_s3: Callable[..., ObjectStore]) -> None:
    """The limit holds for all of it, the time that its source takes included; nothing of it stays."""
    bucket = seaweedfs.new_bucket()
    block = on_s3(seaweedfs, bucket, timeout=0.5, chunk_size=5 * MIB)

    def parts() -> Iterator[bytes]:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            yield bytes(5 * MIB)

    error = refused(lambda: block.put("k", parts()))

    assert "did not answer in time" in str(error)
    assert ([], []) == (seaweedfs.keys(bucket), seaweedfs.uploads(bucket))


def test_no_credentials_at_all(seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the fields and the variables, where neither the environment nor the machine has any."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    (port,) = free_ports(1)  # in place of the instance's own service
    block = ObjectStore(
        url="s3://bucket",
        endpoint_url=seaweedfs.endpoint_url,
        settings={"metadata_endpoint": f"http://127.0.0.1:{port}"},
        max_attempts=1,
    )

    error = refused(lambda: block.get("k"))

    assert "no usable credentials were found" in str(error)
    assert "aws_access_key_id" in str(error)
    assert "AWS_ACCESS_KEY_ID" in str(error)


def test_a_server_killed_in_the_middle(tmp_path: Path, on_s3: Callable[..., ObjectStore]) -> None:
    """A download and an upload that lose their server end as transient errors, in the time of a few attempts."""
    with SeaweedFS.running(tmp_path / "weed") as server:
        block = on_s3(server, server.new_bucket(), max_attempts=2, connect_timeout=2, read_timeout=5)
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
