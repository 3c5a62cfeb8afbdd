"""Exceptions with status, code and retries of obstore's errors, which have them only in their text.

They have the attributes that `holdall_fsspec.errors` reads, and nothing of the text, which quotes URLs.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS: Final = re.compile(r"status code: (\d{3})|\bstatus: (\d{3}),")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>|\bcode: \"(\w+)\"")
_RETRIES: Final = re.compile(r"\bretries: (\d+)")
_KIND: Final = re.compile(r"HttpError \{\s+kind: (\w+)|\b(TimedOut)\b")
# Issuers of credentials: the metadata of instances and containers, the token services of the three platforms.
_ISSUER: Final = re.compile(
    r"Error performing [A-Z]+ https?://(169\.254\.\d|\[fd00:ec2:|metadata\b|sts[.-][\w.-]*amazonaws\.com|"
    r"oauth2\.googleapis\.com|login\.[\w.-]+/|"
    r"[^/\s]+/(latest/api/token|latest/meta-data/|computeMetadata/|metadata/identity/|[\w-]+/oauth2/v2\.0/token))"
)
_CREDENTIALS: Final = re.compile(
    r"MissingCredential|MissingAccessKeyId|MissingSecretAccessKey|TokenRequest|TokenResponseBody|NoCredentials|"
    r"CredentialProvider|AzureCli|DecodeCredentials|OpenCredentials|InstanceCredentials|ClientCredential"
)


class ObstoreError(Exception):
    """Error of obstore, with status, code and retries from its text."""

    def __init__(self, text: str, /) -> None:
        self.status = _number(_STATUS, text)
        self.code = _first(_CODE, text)
        if self.status is None and "StartTooLarge" in text:  # Azurite answers such a range with the whole object
            self.status = 416
        if self.code.isdigit():  # Azure's batches, in which obstore deletes
            self.status, self.code = int(self.code), ""
        self.retries = _number(_RETRIES, text) or 0
        # As botocore's, which `BackendError` reads.
        self.response = {
            "Error": {"Code": self.code},
            "ResponseMetadata": {"HTTPStatusCode": self.status, "RetryAttempts": self.retries},
        }
        super().__init__(" ".join(filter(None, [f"HTTP {self.status}" if self.status else "", self.code])))


class NoConnectionError(ObstoreError, ConnectionError):
    """The server cannot be reached, or the connection broke."""


class NotInTimeError(ObstoreError, TimeoutError):
    """The server did not respond within the timeouts."""


class NoCredentialsError(ObstoreError):
    """No credentials were given, and no issuer returned any."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Context manager that maps obstore's exceptions to `ObstoreError`s, with the original as cause."""
    try:
        yield
    except (ObstoreError, TimeoutError):  # the second is ours: a deadline has passed
        raise
    except Exception as error:
        raise error_of(error) from error


def error_of(error: Exception, /) -> ObstoreError:
    """Returns the mapped error for an exception of obstore."""
    text = str(error)
    if _ISSUER.search(text) or _CREDENTIALS.search(text):
        return NoCredentialsError("")
    mapped = ObstoreError(text)
    if mapped.status is None and (kind := _first(_KIND, text)):
        return NotInTimeError(text) if kind in {"Timeout", "TimedOut"} else NoConnectionError(text)
    return mapped


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return next(filter(None, found.groups()), "") if found else ""


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = _first(pattern, text)
    return int(found) if found else None
