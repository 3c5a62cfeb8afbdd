"""Mapping of the backends' exceptions to `StorageError`s.

Messages contain the error code and the class of a backend's exception, and not its text, which may quote headers, URLs
and credentials. The exception itself is chained as `__cause__`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from holdall.errors import HoldallError, KeyExists, KeyMissing, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

E = TypeVar("E", bound=StorageError)

_UNREACHABLE: Final = frozenset(
    [
        "ConnectionError",
        "ClientConnectionError",
        "EndpointConnectionError",
        "ConnectionClosedError",
        "ProxyConnectionError",
        "ClientPayloadError",
        "IncompleteRead",
        "IncompleteReadError",
        "ServiceRequestError",
        "ServiceResponseError",
        "ResponseStreamingError",
        "TransportError",
        "HTTPClientError",
        "SSLError",
        "gaierror",
        "SSHException",
        "NoValidConnectionsError",
        "EOFError",
    ]
)
_TIMEOUT: Final = frozenset(
    [
        "TimeoutError",
        "FSTimeoutError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ServerTimeoutError",
        "ServiceRequestTimeoutError",
        "ServiceResponseTimeoutError",
    ]
)
_CREDENTIALS: Final = frozenset(
    [
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "NoAuthTokenError",
        "DefaultCredentialsError",
        "RefreshError",
        "CredentialUnavailableError",
        "ClientAuthenticationError",
        "AuthenticationException",
        "PasswordRequiredException",
    ]
)
# Subclasses of _UNREACHABLE that are not transient.
_LASTING: Final = frozenset({"AuthenticationException", "BadHostKeyException", "SSLCertVerificationError"})
_BAD_KEYS: Final = frozenset(
    [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "AuthFailure",
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
    ]
)
# Signatures need the right region, and a clock that is right to a quarter of an hour.
_WRONG_REGION: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_WRONG_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_FULL: Final = frozenset(["InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull"])
_OVERTAKEN: Final = "InvalidBlockList"  # Azure: the first commit of an upload drops the blocks of all others
_BUSY: Final = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServerBusy"})
_BUSY_CODES: Final = frozenset({"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", _OVERTAKEN})
TRANSIENT_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_CONTAINER: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_NO_OBJECT: Final = frozenset({"NoSuchKey", "BlobNotFound"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendError:
    """Status, code and retries of a backend's exception, for all libraries."""

    status: int | None
    code: str
    names: frozenset[str]
    retries: int
    """How often the request was sent again; its first response may have been lost."""

    @staticmethod
    def mark(error: BaseException, retries: int, /) -> None:
        """Attaches to an exception how often its request was sent again, for `of`."""
        error._holdall_retries = retries  # type: ignore[attr-defined]  # noqa: SLF001 - it travels with the error

    @classmethod
    def of(cls, error: BaseException, /) -> Self:
        """Reads an exception and its causes."""
        status: int | None = None
        code = ""
        names: set[str] = set()
        retries = 0
        for cause in _causes(error):
            names.update(base.__name__ for base in type(cause).__mro__)
            if type(cause) is OSError and cause.args == ("Socket is closed",):  # paramiko has no class for it
                names.add("ConnectionError")
            response = getattr(cause, "response", None)
            headers: Any = getattr(response, "headers", None)
            if hasattr(headers, "get"):  # azure
                code = code or str(headers.get("x-ms-error-code") or "")
                retries = max(retries, getattr(response, "retries", 0))
            if isinstance(response, dict):  # botocore
                code = code or str(response.get("Error", {}).get("Code", ""))
                meta = response.get("ResponseMetadata", {})
                status = status or meta.get("HTTPStatusCode")
                retries = max(retries, meta.get("RetryAttempts", 0))
            retries = max(retries, getattr(cause, "_holdall_retries", 0))
            code = code or str(
                getattr(cause, "error_code", None) or ""
            )  # gcs, and what azure raises without a response
            for attribute in ("status_code", "status", "code"):  # azure, aiohttp, gcsfs
                value = getattr(cause, attribute, None) if status is None else None  # aiohttp warns of its `code`
                if isinstance(value, int) and 100 <= value < 600:
                    status = value
        return cls(status=status, code=code, names=frozenset(names), retries=retries)

    @property
    def summary(self) -> str:
        """Error code and HTTP status, if there are any."""
        words = [self.code if not self.code.isdigit() else "", f"HTTP {self.status}" if self.status else ""]
        return " ".join(filter(None, words))

    @property
    def absent(self) -> bool:
        """Whether the object or its container is missing."""
        if self.status is None:
            # fsspec's http raises it for failed connections as well, with the network error as its cause.
            return "FileNotFoundError" in self.names and not self.names & (_TIMEOUT | _UNREACHABLE)
        return self.status in {404, 410}

    @property
    def names_object(self) -> bool:
        """Whether the code says that the object is missing, and so that the container exists."""
        return self.code in _NO_OBJECT

    @property
    def names_container(self) -> bool:
        """Whether the code says that the container is missing."""
        return self.code in _NO_CONTAINER

    @property
    def taken(self) -> bool:
        """Whether an object exists that a conditional write did not expect."""
        if self.code.startswith("Lease"):  # Azure: a lease of another program on the object
            return False
        return self.status == 412 or self.code == "BlobAlreadyExists" or "FileExistsError" in self.names

    @property
    def conflict(self) -> bool:
        """Whether another conditional write of the key was under way, so that its outcome is open (S3)."""
        return self.status == 409 and not self.taken and not self.names_container

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed in a moment."""
        if self.status is not None and self.code not in _BUSY:
            return self.status in TRANSIENT_STATUS or self.code in _BUSY_CODES
        return self.code in _BUSY or bool(self.names & (_TIMEOUT | _UNREACHABLE) and not self.names & _LASTING)

    @property
    def busy(self) -> bool:
        """Whether the service demands fewer requests."""
        return self.status in {429, 503} or self.code in _BUSY

    @property
    def retryable(self) -> bool:
        """Whether to send the same request again. Conflicts of conditional writes are the caller's to resolve."""
        return self.transient and not self.conflict


class UnusableError(Exception):
    """No client can be created; the text is advice for the user."""


class Guard:
    """Context manager that maps a backend's exceptions to `StorageError`s with advice.

    Only calls of the backend belong inside. Exceptions of the caller's parts pass unchanged, outside of it.

    Args:
        block: the slug of the block.
        shown: the block in messages, without its secrets.
        container: the bucket or container in words, as "the bucket 'lake'".
        endpoint: the server in words, for a failed connection.
        credentials: how to give this block credentials, as a sentence.
        key: the key of the operation; empty if it has none.
        operation: the method of the storage, such as "put".
    """

    __slots__ = ("block", "container", "credentials", "endpoint", "key", "operation", "shown")

    def __init__(
        self, *, block: str, shown: str, container: str, endpoint: str, credentials: str, key: str, operation: str
    ) -> None:
        self.block = block
        self.shown = shown
        self.container = container
        self.endpoint = endpoint
        self.credentials = credentials
        self.key = key
        self.operation = operation

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if error is not None and isinstance(error, Exception) and not isinstance(error, HoldallError):
            raise self.mapped(error) from error

    def mapped(self, error: BaseException, /) -> StorageError:
        """Returns the `StorageError` for an exception."""
        if isinstance(error, UnusableError):
            return self.failed(str(error))
        failure = BackendError.of(error)
        if failure.taken and self.operation == "put":
            return self.exists()
        if failure.absent and not failure.names_container and self.operation in {"get", "head"}:
            return self.missing()
        return self.failed(self._advice(failure, error), transient=failure.transient)

    def missing(self) -> KeyMissing:
        """Returns the error for a missing object."""
        return self._error(KeyMissing, f"{self._attempted} found nothing under that key.")

    def exists(self) -> KeyExists:
        """Returns the error for an object that already exists."""
        return self._error(KeyExists, f"{self._attempted} found something under that key already; it was left alone.")

    def no_container(self) -> StorageError:
        """Returns the error for a missing bucket or container, which says nothing about the object."""
        return self.failed(f"{self.container} does not exist. Create it, or correct the name in the block.")

    def failed(self, advice: str, /, *, transient: bool = False) -> StorageError:
        """Returns the error for any other failure."""
        error = self._error(StorageError, f"{self._attempted} failed: {advice}")
        error.transient = transient
        return error

    @property
    def _attempted(self) -> str:
        what = f" {self.key!r}" if self.key else ""
        return f"{self.operation}{what} in the {self.block} block {self.shown}"

    def _error(self, kind: type[E], message: str) -> E:
        return kind(message, block=self.block, key=self.key, operation=self.operation)

    def _advice(self, failure: BackendError, error: BaseException) -> str:
        code = failure.summary or type(error).__name__
        container, advice = self.container, self.credentials
        sentences = (
            (
                failure.names_container or (failure.absent and self.operation == "scan"),
                f"{container} does not exist ({code}). Create it, or correct the name in the block.",
            ),
            (
                failure.status is None and failure.names & _CREDENTIALS,
                f"no usable credentials were found ({code}). {advice}",
            ),
            (
                failure.code in _BAD_KEYS or failure.status == 401,
                f"the credentials were not accepted ({code}): wrong, expired, or of another account. {advice}",
            ),
            (
                failure.code in _WRONG_REGION or failure.status in {301, 307, 308},
                f"{container} is in another region ({code}). Set the region of the block.",
            ),
            (failure.code in _WRONG_CLOCK, f"the clock of this machine is wrong, says the service ({code}). Set it."),
            (
                failure.status == 507 or failure.code in _FULL,
                f"the storage is full ({code}). Free some space in {container}, or raise its quota; nothing was replaced.",
            ),
            (
                failure.code == "AuthorizationFailure",  # Azure; its emulator says so of wrong and expired ones as well
                (
                    f"the credentials were not accepted ({code}): wrong, expired, or kept out by the "
                    f"account's network rules. {advice}"
                ),
            ),
            (
                failure.status == 403 or "PermissionError" in failure.names,
                f"these credentials may not do that ({code}). Grant them {self.operation} on {container}, or use others.",
            ),
            (failure.status == 416, f"the range starts past the end of the object ({code})."),
            (
                failure.status == 429 or failure.code in _BUSY,
                f"the service asks for fewer requests ({code}). Try again in a moment.",
            ),
            (failure.code == _OVERTAKEN, f"another writer of this key finished meanwhile ({code}). Write it again."),
            (failure.status and failure.transient, f"the service failed ({code}). Try again in a moment."),
            (failure.status, f"the service refused ({code}); the error below is its own."),
            (
                failure.names & _TIMEOUT,
                f"{self.endpoint} did not answer in time ({code}). Try again, or raise the timeouts of the block.",
            ),
            (
                failure.names & _UNREACHABLE,
                f"{self.endpoint} cannot be reached, or broke the connection ({code}). Check address and network.",
            ),
            (
                "ImportError" in failure.names,
                "a package that the backend needs is not installed. The error below names it.",
            ),
            (True, f"the backend raised {code}; the error below is its own."),
        )
        return next(sentence for applies, sentence in sentences if applies)


def _causes(error: BaseException) -> Iterator[BaseException]:
    # Not __context__, which may be an exception that the caller was handling.
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__
