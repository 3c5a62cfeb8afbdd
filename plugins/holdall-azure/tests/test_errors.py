"""Each refusal says what was asked, what was found and what to do, and nothing secret."""

from __future__ import annotations

import socket
import threading
import traceback
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.services.azure import Azurite
from tests.services.process import free_ports

from holdall.errors import KeyMissing, StorageError
from holdall_azure import Azure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.services

MIB = 1 << 20
OPERATIONS = ["put", "get", "head", "delete", "scan"]


def refused(ask: Callable[[], object], *secrets: str) -> StorageError:
    """The error of `ask`, checked for what all have in common."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    assert not isinstance(error, KeyMissing)
    assert "azure" == error.block
    assert error.__cause__ is not None
    assert not [secret for secret in secrets if secret in "".join(traceback.format_exception(error))]
    return error


def ask(block: Azure, operation: str) -> Callable[[], object]:
    """The operation, on a key that is not there."""
    every: dict[str, Callable[[], object]] = {
        "put": lambda: block.put("k", [b"1"]),
        "get": lambda: block.get("k"),
        "head": lambda: block.head("k"),
        "delete": lambda: block.delete("k"),
        "scan": lambda: list(block.scan()),
    }
    return every[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_container_is_never_absence(make: Callable[..., Azure], azurite: Azurite, operation: str) -> None:
    """An object in a container that is not there is a mistake in the block."""
    error = refused(ask(make("no-such-container"), operation), azurite.account_key)

    assert f"the container 'no-such-container' of the account {azurite.account_name!r} does not exist" in str(error)
    assert "Create it, or correct the name in the block" in str(error)
    assert not error.transient


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_key_is_never_absence(
    make: Callable[..., Azure], azurite: Azurite, container: str, operation: str
) -> None:
    """The message names the fields and the variables."""
    error = refused(ask(make(container, account_key="bm90LXRoZS1yaWdodC1vbmU="), operation), "bm90LXRoZS1yaWdodC1vbmU=")

    assert "the credentials were not accepted" in str(error)
    assert "account_key" in str(error)
    assert "AZURE_STORAGE_CONNECTION_STRING" in str(error)
    assert (operation, False) == (error.operation, error.transient)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_signature_that_has_expired(
    make: Callable[..., Azure], azurite: Azurite, container: str, operation: str
) -> None:
    """It was good an hour ago."""
    token = azurite.sas_token("rwdlac", lasting=timedelta(hours=-1))

    error = refused(ask(make(container, sas_token=token), operation), token, token.rpartition("sig=")[2])

    assert "the credentials were not accepted" in str(error)
    assert "expired" in str(error)


def test_who_may_only_read_may_not_write(make: Callable[..., Azure], azurite: Azurite, container: str) -> None:
    """The message names block, key and operation; what can be read is read."""
    make(f"{container}/p").put("there", [b"readable"])
    token = azurite.sas_token("rl")
    reader = make(f"{container}/p", sas_token=token)

    error = refused(lambda: reader.put("k", [b"1"]), token)

    assert f"put 'k' in the azure block Azure('{container}/p') failed: these credentials may not do that" in str(error)
    assert ("k", "put", False) == (error.key, error.operation, error.transient)
    refused(lambda: reader.put("k", [bytes(20 * MIB)]), token)
    refused(lambda: reader.delete("there"), token)
    assert [("there", b"readable")] == [(meta.key, reader.get(meta.key)) for meta in reader.scan()]
    assert not reader.exists("k")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_endpoint_where_nobody_listens(make: Callable[..., Azure], operation: str) -> None:
    """The address is in the message, and the call may be repeated."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/lakes"

    error = refused(ask(make("data", account_name="lakes", endpoint_url=url, max_attempts=1), operation))

    assert f"{url} cannot be reached" in str(error)
    assert error.transient


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_credentials_at_all(operation: str) -> None:
    """And no account: nothing is asked of anybody."""
    error = refused(ask(Azure(bucket_path="data"), operation))

    assert "no usable credentials were found" in str(error)
    assert "account_name" in str(error)
    assert "AZURE_STORAGE_ACCOUNT_NAME" in str(error)
    refused(lambda: Azure(bucket_path="data").put("k", [bytes(20 * MIB)]))


@contextmanager
def saying(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says this to every request; its address, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65_536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/lakes", asked
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("status", "code", "times", "advice"),
    [
        ("503 Busy", "ServerBusy", 3, "asks for fewer requests"),
        ("429 Slow Down", "", 3, "asks for fewer requests"),
        ("500 Oh", "InternalError", 3, "the service failed"),
        ("403 No", "AuthorizationPermissionMismatch", 1, "may not do that"),
        ("400 No", "InvalidHeaderValue", 1, "the service refused"),
    ],
)
def test_only_what_may_pass_is_sent_again(
    make: Callable[..., Azure], monkeypatch: pytest.MonkeyPatch, status: str, code: str, times: int, advice: str
) -> None:
    """As often as the block says, with pauses; a refusal once."""
    monkeypatch.setattr("holdall_fsspec.transfer.retry._FIRST_PAUSE", 0.01)
    answer = f"HTTP/1.1 {status}\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with saying(answer.encode()) as (url, asked):
        block = make("data", account_name="lakes", endpoint_url=url, max_attempts=3)

        error = refused(lambda: block.get("k"))

    assert times == len(asked)
    assert advice in str(error)
    assert (times > 1) == error.transient


def test_an_answer_that_is_none_quotes_no_signature(make: Callable[..., Azure]) -> None:
    """The HTTP client's own error has the whole URL in it."""
    signature = "d2hhdA"  # by name below, as the lines of this test are in the traceback
    with saying(b"what?\r\n\r\n") as (url, asked):
        block = make("data", account_name="lakes", endpoint_url=url, sas_token=f"sv=1&sig={signature}", max_attempts=1)

        error = refused(lambda: block.get("k"), signature)

    assert f"sig={signature}".encode() in asked[0]
    assert f"{url} cannot be reached, or broke the connection" in str(error)


def test_a_server_killed_in_the_middle(tmp_path: Path) -> None:
    """A download and an upload that lose their server end as transient errors, in the time of a few attempts."""
    with Azurite.running(tmp_path) as server:
        block = Azure(
            bucket_path=server.new_container(),
            connection_string=server.connection_string,
            max_attempts=2,
            connect_timeout=2,
            read_timeout=5,
        )
        block.put("large", [bytes(32 * MIB)])
        download = block.stream("large", chunk=MIB)
        next(download)

        def upload() -> Iterator[bytes]:
            yield bytes(40 * MIB)
            server.process.kill()
            yield bytes(40 * MIB)

        failed_put = refused(lambda: block.put("other", upload()), server.account_key)
        failed_get = refused(lambda: list(download), server.account_key)
        failed_whole = refused(lambda: block.get("large"))

    assert (True, True, True) == (failed_put.transient, failed_get.transient, failed_whole.transient)
    assert ("put", "get") == (failed_put.operation, failed_get.operation)
