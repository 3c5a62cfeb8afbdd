"""Base class of blocks over a bucket and a prefix, and validators of the fields that these blocks share.

A block declares its path field and its `location_fields`:

    class S3(ObjectBlock):
        location_fields: ClassVar[tuple[str, ...]] = ("bucket_path", "endpoint_url", "region_name")

        bucket_path: str
        endpoint_url: str | None = None
        region_name: str | None = None
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from holdall_fsspec import keys
from holdall_fsspec.block import RemoteBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def split_path(path: str, /) -> tuple[str, str]:
    """Splits `bucket/prefix` into bucket and prefix."""
    bucket, _, prefix = path.partition("/")
    return bucket, prefix.lstrip("/")


class BucketBlock(RemoteBlock):
    """Base class of blocks over a bucket or container: its name and the prefix are one field, `path_field`.

    `location_fields` names the fields that say where the objects lie. They are shown, stored and part of references, so
    none of them holds a secret.
    """

    path_field: ClassVar[str] = "bucket_path"
    location_fields: ClassVar[tuple[str, ...]] = ("bucket_path", "endpoint_url")

    def location(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.location_fields}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and prefix."""
        return split_path(getattr(self, self.path_field))

    @property
    def bucket(self) -> str:
        return self.place[0]

    @property
    def root(self) -> str:
        return self.place[1]

    @property
    def container(self) -> str:
        return f"the bucket {self.bucket!r}"


def checked_path(
    value: str,
    /,
    *,
    scheme: str,
    is_bucket: Callable[[str], object],
    rule: str,
    noun: str = "bucket",
    split: Callable[[str], tuple[str, str]] = split_path,
) -> str:
    """Validates a `bucket_path` field; returns `bucket` or `bucket/prefix` without scheme and surplus slashes.

    Args:
        value: the value that the user gave.
        scheme: a regular expression for the schemes that may stand before `://`.
        is_bucket: whether a name is a valid bucket name.
        rule: the characters of a valid name, for the message.
        noun: the platform's term for a bucket.
        split: splits the path into bucket and prefix.

    Raises:
        ValueError: the bucket is missing or has an invalid name, or the prefix is not valid in keys.
    """
    bucket, prefix = split(re.sub(rf"^(?:{scheme})://", "", value.strip()).rstrip("/"))
    if not bucket:
        raise ValueError(f"bucket_path names no {noun}; write '{noun}' or '{noun}/prefix'")
    if not is_bucket(bucket):
        # Not repeated: credentials may stand there, as before the @ of a URL.
        raise ValueError(f"what bucket_path begins with is no name of a {noun}: {rule}")
    return joined_path(bucket, prefix)


def joined_path(bucket: str, prefix: str, /, *, field: str = "bucket_path") -> str:
    """Joins bucket and prefix; the inverse of `split_path`.

    Raises:
        ValueError: the prefix is not valid in keys.
    """
    if reason := keys.prefix_fault(prefix):
        raise ValueError(f"the prefix in {field} {reason}")
    return f"{bucket}/{prefix}" if prefix else bucket


def checked_endpoint(value: str | None, /, *, example: str, rule: str, bare: bool = False) -> str | None:
    """Validates an `endpoint_url` field; returns it without slashes at its end.

    Args:
        value: the value that the user gave; None for the platform's own address.
        example: a URL of the platform, for the message.
        rule: the message for a URL with credentials, a query or, if it has to be `bare`, a path.
        bare: allow scheme, host and port only.

    Raises:
        ValueError: the value is not the URL of a server, or breaks the rule.
    """
    if value is None:
        return None
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname or url.port == 0:
        raise ValueError(f"endpoint_url must be a URL such as '{example}'")
    if url.username or url.password or url.query or (bare and url.path.strip("/")):
        raise ValueError(rule)
    return value.rstrip("/")


def one_way_in(ways: Mapping[str, bool], /) -> str | None:
    """Returns the name of the one way to sign in that is given; None if there is none.

    Raises:
        ValueError: more than one is given.
    """
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other: give one")
    return given[0] if given else None
