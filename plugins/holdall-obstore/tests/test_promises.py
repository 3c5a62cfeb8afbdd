"""What the contract does not ask: large objects, unfinished ones, other blocks on the same bucket."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import ByteRange
from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.azure import Azurite
    from tests.services.s3 import S3Server

    from holdall_obstore import ObjectStore

pytestmark = pytest.mark.services

MIB = 1 << 20


@pytest.fixture
def bucket(seaweedfs: S3Server) -> str:
    """An empty bucket."""
    return seaweedfs.new_bucket()


@pytest.fixture
def block(seaweedfs: S3Server, bucket: str, on_s3: Callable[..., ObjectStore]) -> ObjectStore:
    """A block of small pieces, so that little is large, below a prefix of an empty bucket."""
    return on_s3(seaweedfs, f"{bucket}/some/prefix", chunk_size=5 * MIB, concurrency=3)


def test_a_large_object_goes_in_pieces(block: ObjectStore, seaweedfs: S3Server, bucket: str) -> None:
    """Several requests each way make one object, of parts that end anywhere; ranges cross the pieces."""
    data = os.urandom(MIB) * 17 + b"tail"
    view = memoryview(data)

    meta = block.put("large", [view[:3], view[3 : 11 * MIB], view[11 * MIB :]])
    got = block.get("large")

    assert data == got
    assert not memoryview(got).readonly
    assert (len(data), meta.etag) == (meta.size, block.head("large").etag)
    assert data[4 * MIB : 12 * MIB] == block.get("large", byte_range=ByteRange(4 * MIB, 12 * MIB))
    head = seaweedfs.client().head_object(Bucket=bucket, Key="some/prefix/large", PartNumber=1)
    assert 4 == head["PartsCount"]


@pytest.mark.parametrize("size", [1_000, 300_000, 4 * MIB, 12 * MIB])
def test_a_generator_may_fill_one_buffer_again_and_again(block: ObjectStore, size: int) -> None:
    """Whatever has not been sent by then."""
    buffer = bytearray(size)
    times = 13 * MIB // size + 2

    def parts() -> Iterator[memoryview]:
        for number in range(times):
            buffer[:] = number.to_bytes(4, "big") * (size // 4)
            yield memoryview(buffer)

    meta = block.put("k", parts())

    assert times * size == meta.size
    assert b"".join(number.to_bytes(4, "big") * (size // 4) for number in range(times)) == block.get("k")


def test_a_large_object_may_be_mapped(
    seaweedfs: S3Server, bucket: str, on_s3: Callable[..., ObjectStore], block: ObjectStore
) -> None:
    """Into a file that is gone from the folder already, and that the reader may write into."""
    data = os.urandom(MIB) * 7
    block.put("large", [data])
    got = on_s3(seaweedfs, f"{bucket}/some/prefix", map_above=MIB).get("large")

    assert isinstance(got, memoryview)
    assert not got.readonly
    assert data == got


def test_a_failing_source_leaves_nothing(block: ObjectStore, seaweedfs: S3Server, bucket: str) -> None:
    """Its own exception comes out, the old object stays, and no upload is left unfinished."""
    block.put("k", [b"as it was"])

    def parts() -> Iterator[bytes]:
        for _ in range(4):
            yield bytes(5 * MIB)
        raise FileNotFoundError(2, "from the source")

    for mode in ("overwrite", "create"):
        with pytest.raises(FileNotFoundError, match="from the source"):
            block.put("k" if mode == "overwrite" else "new", parts(), mode=mode)

    assert b"as it was" == block.get("k")
    assert (["some/prefix/k"], []) == (seaweedfs.keys(bucket), seaweedfs.uploads(bucket))


def test_an_interrupted_upload_leaves_nothing(block: ObjectStore, seaweedfs: S3Server, bucket: str) -> None:
    """Also where it is the user who has had enough."""

    def parts() -> Iterator[bytes]:
        for _ in range(4):
            yield bytes(5 * MIB)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block.put("k", parts())

    assert ([], []) == (seaweedfs.keys(bucket), seaweedfs.uploads(bucket))


def test_of_racing_large_objects_one_wins(block: ObjectStore, seaweedfs: S3Server, bucket: str) -> None:
    """A large object is created in one conditional request, and whoever comes late is told so."""

    def race(number: int) -> int | None:
        try:
            block.put("lock", [bytes([number]) * (6 * MIB)], mode="create")
        except KeyExists:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        winners = [number for number in pool.map(race, range(4)) if number is not None]

    assert 1 == len(winners)
    assert bytes([winners[0]]) * (6 * MIB) == block.get("lock")
    assert [] == seaweedfs.uploads(bucket)


def test_an_object_replaced_while_it_is_read(block: ObjectStore) -> None:
    """A stream of ranges is of one version or an error that may be tried again."""
    block.put("k", [b"a" * 100])
    stream = block.stream("k", chunk=5)
    next(stream)
    block.put("k", [b"b" * 100])

    with pytest.raises(StorageError, match="replaced while it was read") as caught:
        list(stream)
    assert caught.value.transient


def test_publish_copies_in_the_store(block: ObjectStore) -> None:
    """Under another name, the same bytes; a source that is not there is missing."""
    block.put("source", [b"bytes"])

    block.publish("source", "public/a name+.bin")

    assert b"bytes" == block.get("public/a name+.bin")
    with pytest.raises(KeyMissing):
        block.publish("nowhere", "public/other")
    assert not block.exists("public/other")


def test_a_prefix_need_not_end_at_a_slash(block: ObjectStore) -> None:
    """obstore lists folders only; the rest is left out here, and what is beside the block never seen."""
    for key in ("a", "a-b", "a/b", "a/b/c", "ab/x", "b"):
        block.put(key, [key.encode()])

    assert ["a", "a-b", "a/b", "a/b/c", "ab/x"] == [meta.key for meta in block.scan("a")]
    assert ["a/b", "a/b/c"] == [meta.key for meta in block.scan("a/b")]
    assert [] == list(block.scan("nothing/at/all"))


@pytest.mark.parametrize("key", ["plain", "a b+c&d=e", "snow/☃/é", "x?versionId=y", "percent%2Fed", "~.x", "[a]{b}#"])
def test_names_are_those_of_the_s3_block(block: ObjectStore, seaweedfs: S3Server, bucket: str, key: str) -> None:
    """What one wrote the other reads, under the same key with the same etag."""
    other = S3(
        bucket_path=f"{bucket}/some/prefix",
        endpoint_url=seaweedfs.endpoint_url,
        region_name=seaweedfs.region_name,
        aws_access_key_id=seaweedfs.admin.access_key_id,
        aws_secret_access_key=seaweedfs.admin.secret_access_key,
    )
    block.put(key, [b"from obstore"])
    other.put(f"{key}-2", [b"from s3fs"])

    assert b"from obstore" == other.get(key)
    assert b"from s3fs" == block.get(f"{key}-2")
    assert list(other.scan()) == list(block.scan())
    assert other.head(key) == block.head(key)


def test_large_objects_on_azure(azurite: Azurite, on_azure: Callable[..., ObjectStore]) -> None:
    """Blocks of a blob, and what a failing source leaves: nothing that anybody sees."""
    container = azurite.new_container()
    block = on_azure(azurite, container, chunk_size=5 * MIB)
    data = os.urandom(MIB) * 17

    def parts() -> Iterator[bytes]:
        yield from (data, data)
        raise ZeroDivisionError

    block.put("large", [data])
    with pytest.raises(ZeroDivisionError):
        block.put("never", parts())
    with pytest.raises(KeyExists):
        block.put("large", [data], mode="create")

    assert data == block.get("large")
    assert ["large"] == azurite.keys(container)


def test_a_token_writes_and_reads(azurite: Azurite, on_azure: Callable[..., ObjectStore]) -> None:
    """A shared access signature is enough; not for deleting on this server, which has no batches for such a token."""
    token = azurite.sas_token("rwdlac")
    block = on_azure(azurite, azurite.new_container(), account_key=None, sas_token=f"?{token}")
    block.put("k", [b"1"])
    block.publish("k", "copy")

    assert b"1" == block.get("copy")
    assert ["copy", "k"] == [meta.key for meta in block.scan()]


def test_a_closed_block_opens_anew(block: ObjectStore) -> None:
    """Closing lets go of the connections and of nothing else."""
    block.put("k", [b"1"])
    block.close()

    assert b"1" == block.get("k")


def test_each_fork_of_a_fork_works(block: ObjectStore) -> None:
    """A child of a child has threads of its own as well, and everybody above goes on."""
    import warnings

    block.put("k", [b"top"])

    def fork(depth: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads: the point
            child = os.fork()
        if child == 0:
            code = 1
            try:
                block.put(f"child-{depth}", [bytes(block.get("k"))])
                if depth < 2:
                    fork(depth + 1)
                block.put(f"after-{depth}", [bytes(6 * MIB)])
                code = 0
            finally:
                os._exit(code)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    fork(1)

    assert ["after-1", "after-2", "child-1", "child-2", "k"] == [meta.key for meta in block.scan()]
    assert b"top" == block.get("child-2")
