"""Blocks whose objects lie in a bucket, below a prefix, and the checks that their fields share.

A block of this kind declares its path field and its `location_fields`; the rest follows:

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
    """The bucket and the prefix of `bucket/prefix`."""
    bucket, _, prefix = path.partition("/")
    return bucket, prefix.lstrip("/")


class BucketBlock(RemoteBlock):
    """Base of blocks over a bucket or container: its name and the prefix are one field, `path_field`.

    `location_fields` names the fields that say where the objects lie. They are shown, stored and part of references, so
    none of them holds a secret.
    """

    path_field: ClassVar[str] = "bucket_path"
    location_fields: ClassVar[tuple[str, ...]] = ("bucket_path", "endpoint_url")

    def location(self) -> dict[str, Any]:
        where = {name: getattr(self, name) for name in self.location_fields}
        return {name: value for name, value in where.items() if value is not None}

    @property
    def place(self) -> tuple[str, str]:
        """The bucket and the prefix."""
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
    """The value of a `bucket_path` field as `bucket` or `bucket/prefix`, its scheme and surplus slashes removed.

    Args:
        value: what the user wrote.
        scheme: a regular expression for the schemes that may stand before `://`.
        is_bucket: whether a name may be that of a bucket.
        rule: what such a name consists of, for the message.
        noun: what the platform calls a bucket.
        split: takes the bucket and the prefix apart.

    Raises:
        ValueError: it names no bucket, the name cannot be that of one, or no key may start with the prefix.
    """
    bucket, prefix = split(re.sub(rf"^(?:{scheme})://", "", value.strip()).rstrip("/"))
    if not bucket:
        raise ValueError(f"bucket_path names no {noun}; write '{noun}' or '{noun}/prefix'")
    if not is_bucket(bucket):
        # Not repeated: credentials may stand there, as before the @ of a URL.
        raise ValueError(f"what bucket_path begins with is no name of a {noun}: {rule}")
    return joined_path(bucket, prefix)


def joined_path(bucket: str, prefix: str, /, *, field: str = "bucket_path") -> str:
    """The inverse of `split_path`.

    Raises:
        ValueError: no key may start with the prefix.
    """
    if reason := keys.prefix_fault(prefix):
        raise ValueError(f"the prefix in {field} {reason}")
    return f"{bucket}/{prefix}" if prefix else bucket


def checked_endpoint(value: str | None, /, *, example: str, rule: str, bare: bool = False) -> str | None:
    """The value of an `endpoint_url` field, without slashes at its end.

    Args:
        value: what the user wrote; None for the platform's own address.
        example: a URL of the platform's kind, for the message.
        rule: the message for a URL that holds credentials or a query, or, where it has to be `bare`, a path.
        bare: allow scheme, host and port alone.

    Raises:
        ValueError: it is no URL of a server, or holds more than `rule` allows.
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
    """The one of several ways to sign in that was given, by the name of its field.

    Raises:
        ValueError: more than one was given.
    """
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other: give one")
    return given[0] if given else None
