"""Objects on a real SFTP server: whole or not there, from many threads, over connections that break."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import free_ports
from tests.services.sftp import PASSWORD, USER

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import ByteRange
from holdall_fsspec import FsspecFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.sftp import SFTP

pytestmark = pytest.mark.services

MIB = 1 << 20


@pytest.fixture
def make(sftp: SFTP, tmp_path: Path) -> Iterator[Callable[..., FsspecFileSystem]]:
    """A block in a folder that is not there yet."""
    made = []

    def block(**fields: Any) -> FsspecFileSystem:
        usual: dict[str, Any] = {
            "basepath": f"sftp://{USER}@127.0.0.1:{sftp.port}/{tmp_path.name}/below",
            "settings": {"look_for_keys": False, "allow_agent": False},
            "secret_settings": {"password": PASSWORD},
            "chunk_size": 5 * MIB,
            "connect_timeout": 5,
        }
        made.append(FsspecFileSystem(**{**usual, **fields}))
        return made[-1]

    yield block
    for each in made:
        each.close()


@pytest.fixture
def block(make: Callable[..., FsspecFileSystem]) -> FsspecFileSystem:
    """One with the usual limits."""
    return make()


def test_what_is_put_is_got(block: FsspecFileSystem) -> None:
    """Over what was there, in one folder or more, by range, and gone when it is deleted."""
    block.put("a/b.bin", [b"a longer one that was there"])
    meta = block.put("a/b.bin", [b"0123", memoryview(b"456"), b"789"])

    assert b"0123456789" == block.get("a/b.bin")
    assert b"345" == block.get("a/b.bin", byte_range=ByteRange(3, 6))
    assert b"" == block.get("a/b.bin", byte_range=ByteRange(10))
    assert (10, 10) == (meta.size, block.head("a/b.bin").size)
    block.delete("a/b.bin")
    block.delete("a/b.bin")
    assert not block.exists("a/b.bin")


def test_absent_is_what_is_not_there(block: FsspecFileSystem) -> None:
    """Before the folder is, and for a folder."""
    assert [] == list(block.scan())
    for key in ("nowhere", "a"):
        for ask in (block.get, block.head):
            with pytest.raises(KeyMissing):
                ask(key)
        block.put("a/k", [b""])


@pytest.mark.parametrize("map_above", [None, MIB])
def test_large_objects_go_round(sftp: SFTP, make: Callable[..., FsspecFileSystem], map_above: int | None) -> None:
    """From one generator, into memory or a mapped file; no temporary file stays."""
    block = make(map_above=map_above)
    content = os.urandom(7 * MIB)

    block.put("large", iter([content[: 3 * MIB], memoryview(content)[3 * MIB :]]))
    back = block.get("large")

    assert content == back
    assert (bytearray if map_above is None else memoryview) is type(back)
    assert content[MIB : 7 * MIB - 1] == block.get("large", byte_range=ByteRange(MIB, 7 * MIB - 1))
    assert ["large"] == [meta.key for meta in block.scan()]
    assert ["large"] == os.listdir(sftp.folder / block.root)


def test_parts_that_fail_leave_what_was_there(sftp: SFTP, block: FsspecFileSystem) -> None:
    """And nothing half written; what the caller's parts raise reaches the caller."""
    block.put("k", [b"before"])

    def parts() -> Iterator[bytes]:
        yield bytes(6 * MIB)
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("k", parts())

    assert b"before" == block.get("k")
    assert ["k"] == os.listdir(sftp.folder / block.root)


def test_many_threads_share_a_block(sftp: SFTP, make: Callable[..., FsspecFileSystem]) -> None:
    """Over as many connections as `concurrency` says."""
    before = sftp.sessions
    block = make(concurrency=3)

    def round_trip(number: int) -> bool:
        block.put(f"t/{number % 4}/{number}", [str(number).encode()])
        return block.get(f"t/{number % 4}/{number}") == str(number).encode()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(round_trip, range(24)))

    assert [True] * 24 == done
    assert 24 == len(list(block.scan("t/")))
    assert 1 <= sftp.sessions - before <= 3


def test_a_connection_that_breaks_is_made_anew(sftp: SFTP, block: FsspecFileSystem) -> None:
    """Reading asks again; writing fails in a way that may be tried again, and what it leaves `gc` removes."""
    block.put("k", [b"before"])
    sftp.cut()

    assert b"before" == block.get("k")

    def parts() -> Iterator[bytes]:
        yield bytes(11 * MIB)
        sftp.cut()
        yield bytes(11 * MIB)

    with pytest.raises(StorageError, match="put 'k' in the fsspec block") as caught:
        block.put("k", parts())
    left = [each for each in os.listdir(sftp.folder / block.root) if each != "k"]
    young = block.sweep(time.time() - 3600)
    dry = block.sweep(time.time() + 60, dry_run=True)
    swept = block.sweep(time.time() + 60)

    assert caught.value.transient
    assert b"before" == block.get("k")
    assert ["k"] == [meta.key for meta in block.scan()]
    assert (1, []) == (len(left), young)
    assert left == [meta.key for meta in dry] == [meta.key for meta in swept]
    assert ["k"] == os.listdir(sftp.folder / block.root)


def test_it_cannot_create(block: FsspecFileSystem) -> None:
    """A look followed by a write would let two callers both win, so it says that it can't."""
    with pytest.raises(StorageError, match="sftp:// has no way to create an object only where none is") as caught:
        block.put("k", [b""], mode="create")

    assert not isinstance(caught.value, KeyExists)


def test_a_wrong_password_is_a_matter_of_credentials(make: Callable[..., FsspecFileSystem]) -> None:
    """At once, and without a word of it."""
    block = make(secret_settings={"password": "not-the-right-one"})

    with pytest.raises(StorageError, match="no usable credentials were found") as caught:
        block.get("k")

    assert not caught.value.transient
    assert "secret_settings" in str(caught.value)
    assert "not-the-right-one" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_host_where_nobody_listens(make: Callable[..., FsspecFileSystem]) -> None:
    """The address is in the message, and the call may be repeated."""
    (port,) = free_ports(1)
    block = make(basepath=f"sftp://{USER}@127.0.0.1:{port}/x", max_attempts=2)

    for ask in (lambda: block.get("k"), lambda: list(block.scan()), lambda: block.put("k", [b""])):
        with pytest.raises(StorageError, match=f"127.0.0.1:{port}/x cannot be reached") as caught:
            ask()
        assert caught.value.transient
