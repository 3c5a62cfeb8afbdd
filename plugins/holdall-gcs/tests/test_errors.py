"""Each refusal says what was asked, what was found and what to do, and nothing secret."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.exceptions import DefaultCredentialsError
from tests.services.gcs import FakeGCS
from tests.services.http_server import CannedResponse, RecordedRequest, RecordingServer
from tests.services.process import free_ports

from holdall.errors import KeyMissing, StorageError
from holdall_gcs import GCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.services

MIB = 1 << 20
TOKEN = "ya29.a-secret-token"
OPERATIONS = ["put", "get", "head", "delete", "scan"]


def refused(ask: Callable[[], object], *secrets: str) -> StorageError:
    """The error of `ask`, checked for what all have in common."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    assert not isinstance(error, KeyMissing)
    assert "gcs" == error.block
    assert not [secret for secret in secrets if secret in "".join(traceback.format_exception(error))]
    return error


def asking(block: GCS, operation: str) -> Callable[[], object]:
    """The operation on a key that is not there."""
    return {
        "put": lambda: block.put("k", [b"1"]),
        "get": lambda: block.get("k"),
        "head": lambda: block.head("k"),
        "delete": lambda: block.delete("k"),
        "scan": lambda: list(block.scan()),
    }[operation]


def no(status: int, reason: str, message: str = "") -> CannedResponse:
    """A refusal as Google words it."""
    error = {"code": status, "message": message, "errors": [{"domain": "global", "reason": reason, "message": message}]}
    return CannedResponse(status, json.dumps({"error": error}).encode())


@pytest.mark.parametrize("operation", ["put", "get"])
@pytest.mark.parametrize(
    ("said", "message", "times"),
    [
        (no(401, "authError", "Invalid Credentials"), "the credentials were not accepted (authError HTTP 401)", 1),
        (no(403, "forbidden", "no"), "these credentials may not do that (forbidden HTTP 403)", 1),
        (no(400, "required", "requester pays"), "the service refused (required HTTP 400)", 1),
        (no(429, "rateLimitExceeded"), "the service asks for fewer requests (rateLimitExceeded HTTP 429)", 2),
        (no(503, "backendError"), "the service failed (backendError HTTP 503)", 2),
        (CannedResponse(302, b"<html>a portal</html>", {"Location": "/login"}), "the service refused (HTTP 302)", 1),
        (CannedResponse(502, b"<html>a proxy</html>"), "the service failed (HTTP 502)", 2),
    ],
    ids=["401", "403", "400", "429", "503", "302", "502"],
)
def test_a_refusal_says_what_to_do(operation: str, said: CannedResponse, message: str, times: int) -> None:
    """What may pass is asked for again, as often as the block says; what will not is asked for once."""
    with RecordingServer.running(lambda _: said) as server:
        block = GCS(bucket_path="bucket/p", endpoint_url=server.endpoint_url, token=TOKEN, max_attempts=2)

        error = refused(asking(block, operation), TOKEN)

    assert message in str(error)
    assert (operation, times == 2) == (error.operation, error.transient)
    assert [f"Bearer {TOKEN}"] * times == [asked.headers["Authorization"] for asked in server.asked]


def test_a_portal_is_no_object() -> None:
    """A page that says yes and comes from somebody else is never taken for bytes that were kept."""
    with RecordingServer.running(lambda _: CannedResponse(200, b"<html>please sign in</html>")) as server:
        error = refused(lambda: GCS(bucket_path="bucket", endpoint_url=server.endpoint_url).get("k"))

    assert error.transient


def test_a_missing_object_costs_one_request() -> None:
    """Google says which is missing, object or bucket."""
    with RecordingServer.running(lambda _: no(404, "notFound", "No such object: bucket/p/k")) as server:
        block = GCS(bucket_path="bucket/p", endpoint_url=server.endpoint_url)
        with pytest.raises(KeyMissing):
            block.get("k")
        with pytest.raises(KeyMissing):
            block.head("k")
        block.delete("k")

    assert ["GET", "GET", "DELETE"] == [asked.method for asked in server.asked]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_bucket_costs_one_request(operation: str) -> None:
    """An object in a bucket that is not there is a mistake in the block."""
    with RecordingServer.running(lambda _: no(404, "notFound", "The specified bucket does not exist.")) as server:
        error = refused(asking(GCS(bucket_path="bucket", endpoint_url=server.endpoint_url), operation))

    assert "the bucket 'bucket' does not exist" in str(error)
    assert 1 == len(server.asked)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_bucket_is_never_absence(make: Callable[..., GCS], operation: str) -> None:
    """Also where the server does not say what is missing."""
    error = refused(asking(make("no-such-bucket"), operation))

    assert "the bucket 'no-such-bucket' does not exist" in str(error)
    assert not error.transient


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_endpoint_where_nobody_listens(make: Callable[..., GCS], operation: str) -> None:
    """The address is in the message, and the call may be repeated."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    error = refused(asking(make("bucket", endpoint_url=url, max_attempts=1), operation))

    assert f"{url} cannot be reached" in str(error)
    assert error.transient


@pytest.mark.parametrize("size", [1, 40 * MIB])
@pytest.mark.parametrize("file", [None, "no-such-key.json", "empty.json", "not-a-key.json"])
def test_no_usable_credentials(tmp_path: Path, file: str | None, size: int) -> None:
    """The message names fields and variable; a file that is missing is no key that is."""
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "not-a-key.json").write_text('{"client_email": "a", "token_uri": "b", "private_key": "a-secret-key"}')
    block = GCS(bucket_path="bucket", service_account_file=file and str(tmp_path / file))

    for ask in (lambda: block.get("k"), lambda: block.put("k", [bytes(size)]), lambda: list(block.scan())):
        error = refused(ask, "a-secret-key")

        assert "no usable credentials were found (DefaultCredentialsError)" in str(error)
        assert "service_account_info" in str(error)
        assert "GOOGLE_APPLICATION_CREDENTIALS" in str(error)


@pytest.mark.parametrize("url", ["http://storage.googleapis.com", "https://evil.org", "https://notgoogleapis.com"])
def test_credentials_of_the_environment_are_googles(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes an endpoint into a reference gets no token by it."""
    from holdall_gcs.credentials import credentials

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    block = GCS(bucket_path="bucket").client_config

    assert credentials(block, url) is None
    for own in ("https://storage.googleapis.com/storage/v1/", "https://storage-x.p.googleapis.com"):
        with pytest.raises(DefaultCredentialsError, match="/no/such/file was not found"):
            credentials(block, own)
    assert credentials(GCS(bucket_path="bucket", token=TOKEN).client_config, url) is not None


@pytest.fixture(scope="module")
def private_key() -> str:
    """The key of no account at all."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signing_in(private_key: str, answer: CannedResponse) -> tuple[list[RecordedRequest], StorageError | None]:
    """What a block asks that signs in with a service account, where its token comes from `answer`."""

    def answered(asked: RecordedRequest) -> CannedResponse:
        return answer if asked.path == "/token" else no(404, "notFound", "No such object: bucket/k")

    with RecordingServer.running(answered) as server:
        key = {"client_email": "robot@project", "private_key": private_key, "token_uri": f"{server.endpoint_url}/token"}
        block = GCS(bucket_path="bucket", endpoint_url=server.endpoint_url, service_account_info=key, max_attempts=1)
        try:
            block.head("k")
        except KeyMissing:
            return server.asked, None
        except StorageError as error:
            return server.asked, error
    raise AssertionError("there is no such object")


def test_a_service_account_signs_in(private_key: str) -> None:
    """Its token is fetched once, and sent with each request."""
    token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
    asked, error = signing_in(private_key, CannedResponse(200, json.dumps(token).encode()))

    assert error is None
    assert ["/token", "/storage/v1/b/bucket/o/k"] == [each.path.partition("?")[0] for each in asked]
    assert f"Bearer {TOKEN}" == asked[1].headers["Authorization"]


def test_an_account_that_is_refused(private_key: str) -> None:
    """Disabled, deleted, or its key withdrawn."""
    _, error = signing_in(private_key, CannedResponse(400, b'{"error": "invalid_grant"}'))

    assert "the credentials were not accepted" in str(error)
    assert private_key not in "".join(traceback.format_exception(error))


def test_an_account_whose_token_cannot_be_fetched(private_key: str) -> None:
    """That may pass."""
    _, error = signing_in(private_key, CannedResponse(None))

    assert error is not None
    assert error.transient
    assert "cannot be reached" in str(error)


def test_a_server_killed_in_the_middle(tmp_path: Path, make: Callable[..., GCS]) -> None:
    """A download and an upload that lose their server end as transient errors, in the time of a few attempts."""
    with FakeGCS.running(tmp_path) as server:
        fields = {"max_attempts": 2, "connect_timeout": 2, "read_timeout": 5, "concurrency": 1}
        block = make(server.new_bucket(), endpoint_url=server.endpoint_url, **fields)
        block.put("large", [bytes(32 * MIB)])
        download = block.stream("large", chunk=MIB)
        next(download)

        def upload() -> Iterator[bytes]:
            yield bytes(40 * MIB)
            server.process.kill()
            yield bytes(40 * MIB)

        failed_put = refused(lambda: block.put("other", upload()))
        failed_get = refused(lambda: list(download))
        failed_whole = refused(lambda: block.get("large"))

    assert (True, True, True) == (failed_put.transient, failed_get.transient, failed_whole.transient)
    assert ("put", "get") == (failed_put.operation, failed_get.operation)
