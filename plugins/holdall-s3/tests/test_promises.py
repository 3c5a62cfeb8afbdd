"""What the block promises beyond the contract of every storage."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from holdall.errors import ConfigurationError, KeyExists, StorageError
from holdall.types import ByteRange
from holdall_s3 import S3

if TYPE_CHECKING:
    from tests.services.s3 import S3Server

    from holdall.types import WriteMode

MIB = 1 << 20


@pytest.mark.parametrize(
    "key", ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\x00b", "a\nb", "a\\b", "\ud800", "k" * 1030]
)
def test_keys_that_are_no_names_are_refused(key: str) -> None:
    """Whatever is asked, before any request."""
    block = S3(bucket_path="bucket")

    for ask in (block.get, block.head, block.delete, lambda key: block.put(key, [b""])):
        with pytest.raises(ConfigurationError, match=r"The storage key .* Use a relative name"):
            ask(key)


@pytest.mark.services
def test_create_leaves_alone_what_is_there(block: S3) -> None:
    """A taken key is said to be taken, whatever the size of what was to be written."""
    block.put("k", [b"first"], mode="create")

    for parts in ([b"second"], [bytes(20 * MIB)]):
        with pytest.raises(KeyExists, match="already; it was left alone") as caught:
            block.put("k", parts, mode="create")
        assert ("s3", "k", "put") == (caught.value.block, caught.value.key, caught.value.operation)


@pytest.mark.services
@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_a_large_object_is_the_readers_to_change(block: S3, server: S3Server, bucket: str, mode: WriteMode) -> None:
    """Uneven parts come back in a writable buffer, with the etag that the put has told."""
    content = bytes(range(256)) * (40 * MIB // 256)
    view = memoryview(content)
    cuts = [0, 1, 5 * MIB + 3, 5 * MIB + 4, 36 * MIB, 40 * MIB]

    meta = block.put("large", (view[a:b] for a, b in pairwise(cuts)), mode=mode)
    back = block.get("large")

    assert isinstance(back, bytearray)
    assert content == back
    assert meta.etag == block.head("large").etag
    assert content[3 * MIB : 30 * MIB] == block.get("large", byte_range=ByteRange(3 * MIB, 30 * MIB))
    assert [] == server.uploads(bucket)


@pytest.mark.services
def test_scan_stays_inside_the_block(block: S3, server: S3Server, bucket: str) -> None:
    """Not a prefix beside it, and nothing from the rest of the bucket."""
    block.put("a", [b"1"])
    other = server.client()
    for name in ("some/prefix-beside/x", "some/prefiy", "elsewhere"):
        other.put_object(Bucket=bucket, Key=name, Body=b"")

    assert ["a"] == [meta.key for meta in block.scan()]
    assert [] == list(block.scan("../"))


@pytest.mark.services
def test_a_stream_is_never_of_two_objects(block: S3) -> None:
    """A writer in the middle of a stream is an error that may be tried again."""
    block.put("k", [b"a" * 100])
    stream = block.stream("k", chunk=5)
    next(stream)
    block.put("k", [b"b" * 100])

    with pytest.raises(StorageError, match="replaced while it was read") as caught:
        list(stream)
    assert caught.value.transient
