"""What `holdall.abc.Storage` promises, on real servers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from holdall.errors import ConfigurationError, KeyExists, KeyMissing, StorageError
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.s3 import S3Server

    from holdall.types import WriteMode
    from holdall_s3 import S3

pytestmark = pytest.mark.services

MIB = 1 << 20


def test_what_is_put_is_got(block: S3) -> None:
    """Parts of any buffer type are one object."""
    meta = block.put("a/b.bin", [b"one ", bytearray(b"two "), memoryview(b"three")])

    assert b"one two three" == block.get("a/b.bin")
    assert 13 == meta.size
    assert "a/b.bin" == meta.key


@pytest.mark.parametrize("key", ["plain", "a b+c&d=e", "snow/☃/é", "x?versionId=y", "percent%2Fed", "a/b/c/d/e", "~.x"])
def test_keys_are_names_and_nothing_else(block: S3, key: str) -> None:
    """What a URL would read as syntax is part of the name."""
    block.put(key, [b"1"])

    assert b"1" == block.get(key)
    assert key == block.head(key).key
    assert [key] == [meta.key for meta in block.scan()]


@pytest.mark.parametrize(
    "key", ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\x00b", "a\nb", "a\\b", "\ud800", "k" * 1030]
)
def test_keys_that_are_no_names_are_refused(block: S3, key: str) -> None:
    """Whatever is asked, before any request."""
    for ask in (block.get, block.head, block.delete, lambda key: block.put(key, [b""])):
        with pytest.raises(ConfigurationError, match=r"The storage key .* Use a relative name"):
            ask(key)


def test_an_empty_object_is_an_object(block: S3) -> None:
    """No parts at all make an object of no bytes."""
    block.put("empty", [])

    assert b"" == block.get("empty")
    assert 0 == block.head("empty").size
    assert b"" == block.get("empty", byte_range=ByteRange(0))


def test_overwriting_replaces_the_whole(block: S3) -> None:
    """The last writer's bytes are there, and nothing of the others'."""
    block.put("k", [b"a long first version"])
    block.put("k", [b"short"])

    assert b"short" == block.get("k")


def test_create_leaves_alone_what_is_there(block: S3) -> None:
    """A taken key is KeyExists, whatever the size of what was to be written."""
    block.put("k", [b"first"], mode="create")

    for parts in ([b"second"], [bytes(20 * MIB)]):
        with pytest.raises(KeyExists, match="already; it was left alone") as caught:
            block.put("k", parts, mode="create")
        assert ("s3", "k", "put") == (caught.value.block, caught.value.key, caught.value.operation)
    assert b"first" == block.get("k")


def test_of_sixteen_racers_one_wins(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """Locks stand on it."""
    block = make(seaweedfs, seaweedfs.new_bucket())

    def race(number: int) -> int | None:
        try:
            block.put("lock", [str(number).encode()], mode="create")
        except KeyExists:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        winners = [number for number in pool.map(race, range(16)) if number is not None]

    assert 1 == len(winners)
    assert str(winners[0]).encode() == block.get("lock")


def test_of_racing_uploads_one_wins(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """The same where each racer needs several requests."""
    bucket = seaweedfs.new_bucket()
    block = make(seaweedfs, bucket)

    def race(number: int) -> int | None:
        try:
            block.put("lock", [bytes([number]) * (17 * MIB)], mode="create")
        except KeyExists:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        winners = [number for number in pool.map(race, range(4)) if number is not None]

    assert 1 == len(winners)
    assert bytes([winners[0]]) * (17 * MIB) == block.get("lock")
    assert [] == seaweedfs.uploads(bucket)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (2, 5, b"234"),
        (8, 100, b"89"),
        (4, 4, b""),
        (10, None, b""),
        (10, 12, b""),
    ],
)
def test_a_range_is_pythons(block: S3, start: int, stop: int | None, expected: bytes) -> None:
    """As slicing does it, the end included."""
    block.put("digits", [b"0123456789"])

    assert expected == block.get("digits", byte_range=ByteRange(start, stop))


@pytest.mark.parametrize(("start", "stop"), [(11, None), (11, 11), (-1, None), (5, 2)])
def test_a_range_that_is_none_is_an_error(block: S3, start: int, stop: int | None) -> None:
    """Past the end, before the start, or the wrong way round."""
    block.put("digits", [b"0123456789"])

    with pytest.raises(StorageError, match="range"):
        block.get("digits", byte_range=ByteRange(start, stop))


def test_only_keymissing_means_absent(block: S3) -> None:
    """A key that was never there is KeyMissing for every question and no error for delete."""
    block.put("there/below", [b""])

    for key in ("nowhere", "there"):
        for ask in (block.get, block.head, lambda key: block.get(key, byte_range=ByteRange(0, 1))):
            with pytest.raises(KeyMissing) as caught:
                ask(key)
            assert key == caught.value.key
        assert not block.exists(key)
        block.delete(key)
    assert block.exists("there/below")


@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_large_objects_go_round(block: S3, server: S3Server, bucket: str, mode: WriteMode) -> None:
    """64 MiB in uneven parts come back the same, in a buffer that is the caller's to change."""
    content = os.urandom(64 * MIB)
    view = memoryview(content)
    cuts = [0, 1, 5 * MIB + 3, 5 * MIB + 4, 40 * MIB, 64 * MIB]

    meta = block.put("large", (view[a:b] for a, b in pairwise(cuts)), mode=mode)
    back = block.get("large")

    assert content == back
    assert isinstance(back, bytearray)
    assert (64 * MIB, meta.etag) == (meta.size, block.head("large").etag)
    assert content[3 * MIB : 50 * MIB] == block.get("large", byte_range=ByteRange(3 * MIB, 50 * MIB))
    assert [] == server.uploads(bucket)


def test_parts_that_fail_leave_nothing(block: S3, server: S3Server, bucket: str) -> None:
    """What the caller's parts raise reaches the caller as it is; neither object nor unfinished upload stays."""

    def parts() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(16 * MIB)
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("never", parts())

    assert [] == server.keys(bucket)
    assert [] == server.uploads(bucket)


def test_scan_is_in_order_of_code_points(block: S3, server: S3Server, bucket: str) -> None:
    """Every key that starts with the prefix, no folders, nothing from outside the block."""
    expected = sorted(["a", "a-b", "a/b", "a/b/c", "a0", "ab/x", "b", "é", "\uffee", "\U0001f600", "Z"])
    for key in expected:
        block.put(key, [key.encode()])
    other = server.client()
    other.put_object(Bucket=bucket, Key="some/prefix-beside/x", Body=b"")
    other.put_object(Bucket=bucket, Key="elsewhere", Body=b"")

    assert expected == [meta.key for meta in block.scan()]
    assert [key for key in expected if key.startswith("a")] == [meta.key for meta in block.scan("a")]
    assert ["a/b", "a/b/c"] == [meta.key for meta in block.scan("a/")]
    assert [] == list(block.scan("nothing"))
    assert [] == list(block.scan("../"))
    first = next(block.scan("a"))
    assert (1, block.head("a").etag) == (first.size, first.etag)


def test_scan_sees_every_page(block: S3) -> None:
    """S3 answers in pages of a thousand."""
    expected = [f"k{number:04}" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: block.put(key, [b""]), expected))

    assert expected == [meta.key for meta in block.scan("k")]


def test_scan_shows_no_ghosts(block: S3) -> None:
    """A folder whose last object is deleted is gone with it."""
    block.put("folder/only", [b""])
    block.delete("folder/only")

    assert [] == list(block.scan())
    assert not block.exists("folder")


def test_publish_copies_in_the_store(block: S3) -> None:
    """Under another name, the same bytes; a source that is not there is missing."""
    block.put("source", [b"bytes"])

    block.publish("source", "public/name.bin")

    assert b"bytes" == block.get("public/name.bin")
    with pytest.raises(KeyMissing):
        block.publish("nowhere", "public/other")
    assert not block.exists("public/other")


def test_a_stream_is_never_of_two_objects(block: S3) -> None:
    """A writer in the middle of a stream is an error that may be tried again."""
    block.put("k", [b"a" * 100])
    stream = block.stream("k", chunk=5)
    next(stream)
    block.put("k", [b"b" * 100])

    with pytest.raises(StorageError, match="replaced while it was read") as caught:
        list(stream)
    assert caught.value.transient


def test_many_threads_share_a_block(block: S3) -> None:
    """One client serves them all."""

    def round_trip(number: int) -> bool:
        block.put(f"t/{number}", [str(number).encode()])
        return block.get(f"t/{number}") == str(number).encode()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(round_trip, range(64)))

    assert [True] * 64 == done


def test_a_closed_block_opens_anew(block: S3) -> None:
    """Closing lets go of the connections and of nothing else."""
    block.put("k", [b"1"])
    block.close()

    assert b"1" == block.get("k")
