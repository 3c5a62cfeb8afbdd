"""What obstore raises, taken apart: it tells status, code and attempts in a text that is meant for people alone.

The exceptions here carry them as `holdall_fsspec.errors` reads them, and nothing of the text: it quotes URLs.
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
# Who gives out credentials: the metadata of instances and containers, the token services of the three platforms.
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
    """An error of obstore's, with what its text says of the server's answer."""

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
    """Nobody answers there, or the connection broke."""


class NotInTimeError(ObstoreError, TimeoutError):
    """No answer within the timeouts."""


class NoCredentialsError(ObstoreError):
    """None were given, and those who might give some did not."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """What obstore raises inside leaves as a `ObstoreError`, with the original as its cause."""
    try:
        yield
    except (ObstoreError, TimeoutError):  # the second is ours: a deadline has passed
        raise
    except Exception as error:
        raise error_of(error) from error


def error_of(error: Exception, /) -> ObstoreError:
    """What the exception says."""
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
