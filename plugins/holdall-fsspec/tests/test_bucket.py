"""What blocks over a bucket share: the path, the location, and the checks of their fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall_fsspec import BucketBlock, ClientLimits, FsspecFileSystem
from holdall_fsspec.bucket import checked_endpoint, checked_path, joined_path, one_way_in, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode


class Lake(BucketBlock):
    """A block of its own kind, as a plugin writes one."""

    slug: ClassVar[str] = "lake"
    path_field: ClassVar[str] = "lake"
    location_fields: ClassVar[tuple[str, ...]] = ("lake", "region")

    lake: str
    region: str | None = None

    def new_client(self) -> Any:
        raise AssertionError("nothing is asked here")

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        raise NotImplementedError

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        raise NotImplementedError

    def head(self, key: str, /) -> ObjectMeta:
        raise NotImplementedError

    def delete(self, key: str, /) -> None:
        raise NotImplementedError

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        raise NotImplementedError


def test_a_block_says_where_by_the_fields_that_it_names() -> None:
    """Its bucket and prefix come from its path field, and a field that is not set is no part of the location."""
    block = Lake(lake="blue/deep/water", region="north")

    assert ("blue", "deep/water", "the bucket 'blue'") == (block.bucket, block.root, block.container)
    assert {"lake": "blue/deep/water", "region": "north"} == block.location()
    assert {"lake": "blue"} == Lake(lake="blue").location()
    assert "deep/water/key" == block.name_of("key")
    assert "key" == Lake(lake="blue").name_of("key")


def test_a_client_is_told_the_limits_of_its_block() -> None:
    """By name, and each of them."""
    fields = {"connect_timeout": 1.0, "read_timeout": 2.0, "timeout": 3.0, "concurrency": 4, "max_attempts": 5}

    assert ClientLimits(**fields) == Lake(lake="blue", **fields).limits  # type: ignore[arg-type]  # of several types
    assert FsspecFileSystem(basepath="memory://x").limits.timeout is None


@pytest.mark.parametrize(
    ("written", "path", "parts"),
    [
        ("bucket", "bucket", ("bucket", "")),
        (" bucket/ ", "bucket", ("bucket", "")),
        ("x://bucket//a/b//", "bucket/a/b", ("bucket", "a/b")),
        ("xy://bucket/a", "bucket/a", ("bucket", "a")),
    ],
)
def test_a_path_has_one_form(written: str, path: str, parts: tuple[str, str]) -> None:
    """Without scheme and surplus slashes; split and joined again it is the same."""
    found = checked_path(written, scheme="xy?", is_bucket=re.compile("[a-z]+").fullmatch, rule="letters")

    assert path == found
    assert parts == split_path(found)
    assert found == joined_path(*parts)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "bucket_path names no box; write 'box' or 'box/prefix'"),
        ("x://", "bucket_path names no box"),
        ("/a", "bucket_path names no box"),
        ("user:secret@host/a", "what bucket_path begins with is no name of a box: letters"),
        ("bucket/a/../b", "the prefix in bucket_path"),
    ],
)
def test_a_path_that_cannot_be_is_refused(written: str, message: str) -> None:
    """With the platform's word for a bucket, and without repeating what may be a password."""
    with pytest.raises(ValueError, match=message) as caught:
        checked_path(written, scheme="x", is_bucket=re.compile("[a-z]+").fullmatch, rule="letters", noun="box")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host", "host", "https://", "https://host:0", "http://"])
def test_an_endpoint_is_the_url_of_a_server(url: str) -> None:
    """Anything else gets an example."""
    with pytest.raises(ValueError, match="such as 'https://example.org'"):
        checked_endpoint(url, example="https://example.org", rule="no credentials")


@pytest.mark.parametrize(
    ("url", "bare"),
    [("https://me:secret@host", False), ("https://host/?key=secret", False), ("https://host/path", True)],
)
def test_an_endpoint_holds_no_more_than_it_may(url: str, bare: bool) -> None:
    """Credentials and queries never, a path where the platform has one."""
    with pytest.raises(ValueError, match="^no more than the server$"):
        checked_endpoint(url, example="https://example.org", rule="no more than the server", bare=bare)


def test_an_endpoint_ends_without_a_slash() -> None:
    assert "https://host:9000/path" == checked_endpoint("https://host:9000/path//", example="", rule="")
    assert "https://host" == checked_endpoint("https://host/", example="", rule="", bare=True)
    assert checked_endpoint(None, example="", rule="") is None


def test_one_way_to_sign_in_is_enough() -> None:
    """None is as well."""
    assert "key" == one_way_in({"key": True, "token": False})
    assert one_way_in({"key": False, "token": False}) is None
    with pytest.raises(ValueError, match="^key and token exclude each other: give one$"):
        one_way_in({"key": True, "profile": False, "token": True})
