"""The one place where a backend's exceptions become `StorageError`s.

Nothing of a backend's own text gets into a message of ours, only its error code and the name of its class: texts quote
headers, URLs and credentials. The whole of it is chained as `__cause__`.
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
# Raised as a kind of _UNREACHABLE, and the same the next time.
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
# Signing needs the right region, and a clock that is right to a quarter of an hour.
_WRONG_REGION: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_WRONG_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_FULL: Final = frozenset(["InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull"])
_OVERTAKEN: Final = "InvalidBlockList"  # Azure: whoever finishes an upload first drops the pieces of the others
_BUSY: Final = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServerBusy"})
_BUSY_CODES: Final = frozenset({"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", _OVERTAKEN})
TRANSIENT_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_CONTAINER: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_NO_OBJECT: Final = frozenset({"NoSuchKey", "BlobNotFound"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendError:
    """What a backend's exception says, whichever library raised it."""

    status: int | None
    code: str
    names: frozenset[str]
    retries: int
    """How often the request was sent again; its first answer may have been lost."""

    @staticmethod
    def mark(error: BaseException, retries: int, /) -> None:
        """Let `of` know how often the request was sent again before it raised this."""
        error._holdall_retries = retries  # type: ignore[attr-defined]  # noqa: SLF001 - it travels with the error

    @classmethod
    def of(cls, error: BaseException, /) -> Self:
        """Read the exception and those that it was raised from."""
        status: int | None = None
        code = ""
        names: set[str] = set()
        retries = 0
        for each in _chain(error):
            names.update(base.__name__ for base in type(each).__mro__)
            if type(each) is OSError and each.args == ("Socket is closed",):  # paramiko has no class for it
                names.add("ConnectionError")
            response = getattr(each, "response", None)
            headers: Any = getattr(response, "headers", None)
            if hasattr(headers, "get"):  # azure
                code = code or str(headers.get("x-ms-error-code") or "")
                retries = max(retries, getattr(response, "retries", 0))
            if isinstance(response, dict):  # botocore
                code = code or str(response.get("Error", {}).get("Code", ""))
                meta = response.get("ResponseMetadata", {})
                status = status or meta.get("HTTPStatusCode")
                retries = max(retries, meta.get("RetryAttempts", 0))
            retries = max(retries, getattr(each, "_holdall_retries", 0))
            code = code or str(getattr(each, "error_code", None) or "")  # gcs, and what azure raises without a response
            for attribute in ("status_code", "status", "code"):  # azure, aiohttp, gcsfs
                found = getattr(each, attribute, None) if status is None else None  # aiohttp warns of its `code`
                if isinstance(found, int) and 100 <= found < 600:
                    status = found
        return cls(status=status, code=code, names=frozenset(names), retries=retries)

    @property
    def summary(self) -> str:
        """Error code and HTTP status, as far as there are any."""
        words = [self.code if not self.code.isdigit() else "", f"HTTP {self.status}" if self.status else ""]
        return " ".join(filter(None, words))

    @property
    def absent(self) -> bool:
        """The object, or what should hold it, is not there."""
        if self.status is None:
            # fsspec's http says so as well where it could not ask at all; then that is what it was raised from.
            return "FileNotFoundError" in self.names and not self.names & (_TIMEOUT | _UNREACHABLE)
        return self.status in {404, 410}

    @property
    def names_object(self) -> bool:
        """It says that it is the object that is missing, and so that the container is there."""
        return self.code in _NO_OBJECT

    @property
    def names_container(self) -> bool:
        """It says that it is the container that is missing."""
        return self.code in _NO_CONTAINER

    @property
    def taken(self) -> bool:
        """The key was to be free and is not."""
        if self.code.startswith("Lease"):  # Azure: somebody holds a lock on the object, which is no matter of ours
            return False
        return self.status == 412 or self.code == "BlobAlreadyExists" or "FileExistsError" in self.names

    @property
    def conflict(self) -> bool:
        """Another conditional write of the key was under way: neither taken nor free, yet (S3)."""
        return self.status == 409 and not self.taken and not self.names_container

    @property
    def transient(self) -> bool:
        """The same call may well succeed in a moment."""
        if self.status is not None and self.code not in _BUSY:
            return self.status in TRANSIENT_STATUS or self.code in _BUSY_CODES
        return self.code in _BUSY or bool(self.names & (_TIMEOUT | _UNREACHABLE) and not self.names & _LASTING)

    @property
    def busy(self) -> bool:
        """The service asks for fewer requests."""
        return self.status in {429, 503} or self.code in _BUSY

    @property
    def retryable(self) -> bool:
        """The same request may well succeed in a moment. Whoever makes conditional writes deals with their conflicts."""
        return self.transient and not self.conflict


class UnusableError(Exception):
    """A client cannot be made here; the text is advice of ours."""


class Guard:
    """A context manager: whatever a backend raises inside leaves as a `StorageError` that says what to do.

    Only calls of the backend go inside, never the reading of a caller's parts: what those raise is the caller's.

    Args:
        named: the block as messages name it, without its secrets.
        container: what holds the objects, as "the bucket 'lake'".
        endpoint: where requests go, for a message that it cannot be reached.
        credentials: how to give this block credentials, as a sentence.
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
        """The error that says the same in our words."""
        if isinstance(error, UnusableError):
            return self.failed(str(error))
        failure = BackendError.of(error)
        if failure.taken and self.operation == "put":
            return self.exists()
        if failure.absent and not failure.names_container and self.operation in {"get", "head"}:
            return self.missing()
        return self.failed(self._advice(failure, error), transient=failure.transient)

    def missing(self) -> KeyMissing:
        """Nothing is there."""
        return self._made(KeyMissing, f"{self._asked} found nothing under that key.")

    def exists(self) -> KeyExists:
        """Something is there that was not to be."""
        return self._made(KeyExists, f"{self._asked} found something under that key already; it was left alone.")

    def no_container(self) -> StorageError:
        """What should hold the objects is not there: that says nothing about the object."""
        return self.failed(f"{self.container} does not exist. Create it, or correct the name in the block.")

    def failed(self, advice: str, /, *, transient: bool = False) -> StorageError:
        """Any other failure."""
        error = self._made(StorageError, f"{self._asked} failed: {advice}")
        error.transient = transient
        return error

    @property
    def _asked(self) -> str:
        what = f" {self.key!r}" if self.key else ""
        return f"{self.operation}{what} in the {self.block} block {self.shown}"

    def _made(self, kind: type[E], message: str) -> E:
        return kind(message, block=self.block, key=self.key, operation=self.operation)

    def _advice(self, failure: BackendError, error: BaseException) -> str:
        said = failure.summary or type(error).__name__
        where, who = self.container, self.credentials
        sentences = (
            (
                failure.names_container or (failure.absent and self.operation == "scan"),
                f"{where} does not exist ({said}). Create it, or correct the name in the block.",
            ),
            (
                failure.status is None and failure.names & _CREDENTIALS,
                f"no usable credentials were found ({said}). {who}",
            ),
            (
                failure.code in _BAD_KEYS or failure.status == 401,
                f"the credentials were not accepted ({said}): wrong, expired, or of another account. {who}",
            ),
            (
                failure.code in _WRONG_REGION or failure.status in {301, 307, 308},
                f"{where} is in another region ({said}). Set the region of the block.",
            ),
            (failure.code in _WRONG_CLOCK, f"the clock of this machine is wrong, says the service ({said}). Set it."),
            (
                failure.status == 507 or failure.code in _FULL,
                f"the storage is full ({said}). Free some space in {where}, or raise its quota; nothing was replaced.",
            ),
            (
                failure.code == "AuthorizationFailure",  # Azure; its emulator says so of wrong and expired ones as well
                f"the credentials were not accepted ({said}): wrong, expired, or kept out by the account's network rules. {who}",
            ),
            (
                failure.status == 403 or "PermissionError" in failure.names,
                f"these credentials may not do that ({said}). Grant them {self.operation} on {where}, or use others.",
            ),
            (failure.status == 416, f"the range starts past the end of the object ({said})."),
            (
                failure.status == 429 or failure.code in _BUSY,
                f"the service asks for fewer requests ({said}). Try again in a moment.",
            ),
            (failure.code == _OVERTAKEN, f"another writer of this key finished meanwhile ({said}). Write it again."),
            (failure.status and failure.transient, f"the service failed ({said}). Try again in a moment."),
            (failure.status, f"the service refused ({said}); the error below is its own."),
            (
                failure.names & _TIMEOUT,
                f"{self.endpoint} did not answer in time ({said}). Try again, or raise the timeouts of the block.",
            ),
            (
                failure.names & _UNREACHABLE,
                f"{self.endpoint} cannot be reached, or broke the connection ({said}). Check address and network.",
            ),
            (
                "ImportError" in failure.names,
                "a package that the backend needs is not installed. The error below names it.",
            ),
            (True, f"the backend raised {said}; the error below is its own."),
        )
        return next(sentence for applies, sentence in sentences if applies)


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Not __context__: that may be whatever the caller was handling when it called.
    each: BaseException | None = error
    for _ in range(8):
        if each is None:
            return
        yield each
        each = each.__cause__
