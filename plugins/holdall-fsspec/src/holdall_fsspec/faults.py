"""The one place where a backend's exceptions become `StorageError`s.

Nothing of a backend's own text gets into a message of ours, only its error code and the name of its class: texts quote
headers, URLs and credentials. The whole of it is chained as `__cause__`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

from holdall.errors import HoldallError, KeyExists, KeyMissing, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

E = TypeVar("E", bound=StorageError)

_UNREACHABLE: Final = frozenset({
    "ConnectionError", "ClientConnectionError", "EndpointConnectionError", "ConnectionClosedError", "ProxyConnectionError",
    "ClientPayloadError", "IncompleteRead", "IncompleteReadError", "ServiceRequestError", "ServiceResponseError",
    "ResponseStreamingError", "HTTPClientError", "SSLError", "gaierror",
})  # fmt: skip
_TIMEOUT: Final = frozenset({
    "TimeoutError", "FSTimeoutError", "ConnectTimeoutError", "ReadTimeoutError", "ServerTimeoutError",
    "ServiceRequestTimeoutError", "ServiceResponseTimeoutError",
})  # fmt: skip
_CREDENTIALS: Final = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound", "TokenRetrievalError",
    "UnauthorizedSSOTokenError", "SSOTokenLoadError", "NoAuthTokenError", "DefaultCredentialsError", "RefreshError",
    "CredentialUnavailableError", "ClientAuthenticationError",
})  # fmt: skip
_BAD_KEYS: Final = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
    "AuthFailure", "AuthenticationFailed", "InvalidAuthenticationInfo", "AuthorizationHeaderMalformed",
})  # fmt: skip
_BUSY: Final = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServerBusy"})
_BUSY_CODES: Final = frozenset({"RequestTimeout", "OperationAborted", "ConditionalRequestConflict"})
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_CONTAINER: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a backend's exception says, whichever library raised it."""

    status: int | None
    code: str
    names: frozenset[str]
    retries: int

    @classmethod
    def of(cls, error: BaseException, /) -> Self:
        """Read the exception and those that it was raised from."""
        status: int | None = None
        code = ""
        names: set[str] = set()
        retries = 0
        for each in _chain(error):
            names.update(base.__name__ for base in type(each).__mro__)
            response = getattr(each, "response", None)
            if isinstance(response, dict):  # botocore
                code = code or str(response.get("Error", {}).get("Code", ""))
                meta = response.get("ResponseMetadata", {})
                status = status or meta.get("HTTPStatusCode")
                retries = max(retries, meta.get("RetryAttempts", 0))
            code = code or str(getattr(each, "error_code", None) or "")  # azure
            for attribute in ("status_code", "status", "code"):  # azure, aiohttp, gcsfs
                found = getattr(each, attribute, None)
                if status is None and isinstance(found, int) and 100 <= found < 600:  # noqa: PLR2004 - HTTP's range
                    status = found
        return cls(status=status, code=code, names=frozenset(names), retries=retries)

    @property
    def absent(self) -> bool:
        """The object, or what should hold it, is not there."""
        return self.status == 404 or (self.status is None and "FileNotFoundError" in self.names)  # noqa: PLR2004

    @property
    def taken(self) -> bool:
        """The key was to be free and is not."""
        return self.status == 412 or self.code == "BlobAlreadyExists" or "FileExistsError" in self.names  # noqa: PLR2004

    @property
    def conflict(self) -> bool:
        """Another conditional write of the key was under way: neither taken nor free, yet (S3)."""
        return self.status == 409 and not self.taken  # noqa: PLR2004

    @property
    def transient(self) -> bool:
        """The same call may well succeed in a moment."""
        if self.status is not None and self.code not in _BUSY:
            return self.status in _TRANSIENT_STATUS or self.code in _BUSY_CODES
        return self.code in _BUSY or bool(self.names & (_TIMEOUT | _UNREACHABLE))


class Guard:
    """A context manager: whatever a backend raises inside leaves as a `StorageError` that says what to do.

    Only calls of the backend go inside, never the reading of a caller's parts: what those raise is the caller's.

    Args:
        named: the block as messages name it, without its secrets.
        container: what holds the objects, as "the bucket 'lake'".
        endpoint: where requests go, for a message that it cannot be reached.
        credentials: how to give this block credentials, as a sentence.
    """

    __slots__ = ("block", "container", "credentials", "endpoint", "key", "named", "operation")

    def __init__(  # noqa: PLR0913 - they are the words of one message
        self, *, block: str, named: str, container: str, endpoint: str, credentials: str, key: str, operation: str
    ) -> None:
        self.block = block
        self.named = named
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
        answer = Answer.of(error)
        if answer.taken and self.operation == "put":
            return self.exists()
        if answer.absent and answer.code not in _NO_CONTAINER and self.operation in {"get", "head"}:
            return self.missing()
        return self.failed(self._advice(answer, error), transient=answer.transient)

    def missing(self) -> KeyMissing:
        """Nothing is there."""
        return self._made(KeyMissing, f"{self.named} holds nothing under the key {self.key!r}.")

    def exists(self) -> KeyExists:
        """Something is there that was not to be."""
        return self._made(KeyExists, f"{self.named} holds something under the key {self.key!r} already; it was left alone.")

    def no_container(self) -> StorageError:
        """What should hold the objects is not there: that says nothing about the object."""
        return self.failed(f"{self.container} does not exist. Create it, or correct the name in the block.")

    def failed(self, advice: str, /, *, transient: bool = False) -> StorageError:
        """Any other failure."""
        what = f" {self.key!r}" if self.key else ""
        error = self._made(StorageError, f"{self.operation}{what} in {self.named} failed: {advice}")
        error.transient = transient
        return error

    def _made(self, kind: type[E], message: str) -> E:
        return kind(message, block=self.block, key=self.key, operation=self.operation)

    def _advice(self, answer: Answer, error: BaseException) -> str:
        said = " ".join(filter(None, [answer.code if not answer.code.isdigit() else "", f"HTTP {answer.status}" * bool(answer.status)]))
        said = said or type(error).__name__
        if answer.code in _NO_CONTAINER or (answer.absent and self.operation == "scan"):
            return f"{self.container} does not exist ({said}). Create it, or correct the name in the block."
        if answer.names & _CREDENTIALS and answer.status is None:
            return f"no usable credentials were found ({said}). {self.credentials}"
        if answer.code in _BAD_KEYS or answer.status == 401:
            return f"the credentials were not accepted ({said}): wrong, expired, or of another account. {self.credentials}"
        if answer.status == 403 or "PermissionError" in answer.names:
            return f"these credentials may not do that ({said}). Grant them {self.operation} on {self.container}, or use others."
        if answer.status in {301, 307, 308}:
            return f"{self.container} is in another region ({said}). Set the region of the block."
        if answer.status is not None:
            return self._said_by_status(answer, said)
        if answer.names & _TIMEOUT:
            return f"{self.endpoint} did not answer in time ({said}). Try again, or raise the timeouts of the block."
        if answer.names & _UNREACHABLE:
            return f"{self.endpoint} cannot be reached, or broke the connection ({said}). Check the address and the network."
        if isinstance(error, ImportError):
            return "the fsspec implementation of this protocol is not installed. The error below names the package."
        return f"the backend raised {said}; the error below is its own."

    def _said_by_status(self, answer: Answer, said: str) -> str:
        if answer.status == 429 or answer.code in _BUSY:
            return f"the service asks for fewer requests ({said}). Try again in a moment."
        if answer.status == 416:
            return f"the range starts past the end of the object ({said})."
        if answer.transient:
            return f"the service failed ({said}). Try again in a moment."
        return f"the service refused ({said}); the error below is its own."


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Not __context__: that may be whatever the caller was handling when it called.
    each: BaseException | None = error
    for _ in range(8):
        if each is None:
            return
        yield each
        each = each.__cause__
