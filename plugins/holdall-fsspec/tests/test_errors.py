"""What backends raise becomes an error that says what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall_fsspec.errors import Guard


class AnsweredError(Exception):
    """As botocore's ClientError: what the service answered lies in `response`."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__("a text that quotes hunter2")
        self.response: dict[str, Any] = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class AzureError(Exception):
    """As azure-core's HttpResponseError: the code is in a header of the response."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__("a text that quotes hunter2")
        self.status_code = status
        self.response = SimpleNamespace(headers={"x-ms-error-code": code}, retries=0)


def fail(error: Exception) -> None:
    """Raise as s3fs does: the client's own exception is the cause of one that Python knows."""
    if isinstance(error, AnsweredError):
        raise OSError("translated") from error
    raise error


def guard(operation: str) -> Guard:
    """A guard around a call on the key k."""
    return Guard(
        block="s3",
        shown="S3('bucket')",
        container="the bucket 'bucket'",
        endpoint="http://host",
        credentials="Give it keys.",
        key="k",
        operation=operation,
    )


@pytest.mark.parametrize(
    ("error", "operation", "kind", "transient", "message"),
    [
        (FileNotFoundError(), "get", KeyMissing, False, "found nothing under that key"),
        (FileNotFoundError(), "scan", StorageError, False, "does not exist"),
        (AnsweredError(404, "NoSuchKey"), "head", KeyMissing, False, "found nothing"),
        (AnsweredError(404, "NoSuchBucket"), "get", StorageError, False, "the bucket 'bucket' does not exist"),
        (FileExistsError(), "put", KeyExists, False, "left alone"),
        (AnsweredError(412, "PreconditionFailed"), "put", KeyExists, False, "left alone"),
        (AnsweredError(409, "BlobAlreadyExists"), "put", KeyExists, False, "left alone"),
        (AnsweredError(409, "ConditionalRequestConflict"), "put", StorageError, True, "Try again"),
        (AnsweredError(403, "AccessDenied"), "get", StorageError, False, "may not do that (AccessDenied HTTP 403)"),
        (AnsweredError(403, "SignatureDoesNotMatch"), "get", StorageError, False, "not accepted"),
        (AnsweredError(301, "PermanentRedirect"), "get", StorageError, False, "another region"),
        (AnsweredError(416, "InvalidRange"), "get", StorageError, False, "past the end"),
        (AnsweredError(429, "TooManyRequests"), "get", StorageError, True, "fewer requests"),
        (AnsweredError(503, "SlowDown"), "put", StorageError, True, "fewer requests"),
        (AnsweredError(500, "InternalError"), "put", StorageError, True, "the service failed"),
        (AnsweredError(418, "Teapot"), "put", StorageError, False, "the service refused (Teapot HTTP 418)"),
        (AzureError(404, "BlobNotFound"), "head", KeyMissing, False, "found nothing"),
        (AzureError(404, "ContainerNotFound"), "get", StorageError, False, "the bucket 'bucket' does not exist"),
        (AzureError(409, "ContainerBeingDeleted"), "put", StorageError, False, "the bucket 'bucket' does not exist"),
        (AzureError(409, "BlobAlreadyExists"), "put", KeyExists, False, "left alone"),
        (
            AzureError(412, "LeaseIdMissing"),
            "put",
            StorageError,
            False,
            "the service refused (LeaseIdMissing HTTP 412)",
        ),
        (AzureError(403, "AuthenticationFailed"), "get", StorageError, False, "wrong, expired, or of another account"),
        (
            AzureError(403, "AuthorizationFailure"),
            "get",
            StorageError,
            False,
            "kept out by the account's network rules",
        ),
        (AzureError(403, "AuthorizationPermissionMismatch"), "put", StorageError, False, "may not do that"),
        (AzureError(503, "ServerBusy"), "put", StorageError, True, "fewer requests"),
        (AzureError(400, "InvalidBlockList"), "put", StorageError, True, "another writer of this key finished"),
        (PermissionError(), "get", StorageError, False, "may not do that"),
        (TimeoutError(), "get", StorageError, True, "http://host did not answer in time"),
        (ConnectionResetError(), "get", StorageError, True, "http://host cannot be reached"),
        (ImportError(), "get", StorageError, False, "not installed"),
        (ZeroDivisionError(), "get", StorageError, False, "the backend raised ZeroDivisionError"),
    ],
)
def test_every_fault_has_its_sentence(
    error: Exception, operation: str, kind: type[StorageError], transient: bool, message: str
) -> None:
    """The backend's own error is the cause, and none of its text is in ours."""
    with pytest.raises(StorageError) as caught, guard(operation):
        fail(error)

    found = caught.value
    assert kind is type(found)
    assert transient == found.transient
    assert message in str(found)
    assert "hunter2" not in str(found)
    assert ("s3", "k", operation) == (found.block, found.key, found.operation)
    assert found.__cause__ is not None


def test_what_a_caller_was_handling_does_not_count() -> None:
    """The context of an exception may be any failure that the caller was busy with."""
    busy_with = FileNotFoundError("the caller's own")
    unrelated = ZeroDivisionError()
    unrelated.__context__ = busy_with

    with pytest.raises(StorageError) as caught, guard("get"):
        raise unrelated

    assert not isinstance(caught.value, KeyMissing)


def test_our_own_errors_pass() -> None:
    """They say what there is to say already."""
    mine = KeyMissing("mine")

    with pytest.raises(KeyMissing) as caught, guard("get"):
        raise mine

    assert mine is caught.value
