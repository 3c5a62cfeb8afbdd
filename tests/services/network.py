"""Contract tests of blocks over a store on a failing network; a subclass needs three lines.

What was stored stays whole, what may pass is tried again, and the rest says what to do.
"""

from __future__ import annotations

import mmap
import os
import socket
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.services.proxy import Fault, Proxy

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall_fsspec import ObjectBlock

MIB = 1 << 20
LARGE = os.urandom(1 << 16) * 192  # 12 MiB: three pieces
QUICK: dict[str, object] = {"chunk_size": 5 * MIB, "connect_timeout": 2, "read_timeout": 20}


def refused(ask: Callable[[], object]) -> StorageError:
    """The error of `ask`, which names what it has to."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    assert not isinstance(error, KeyMissing | KeyExists)
    assert f"{error.operation} {error.key!r} in the {error.block} block " in str(error)
    return error


class NetworkContract:
    """Subclass with `at` and the fixture `server_url`; strings are parts of requests as `METHOD /target`."""

    write: ClassVar[str] = "PUT "
    """Writes an object in one request."""
    piece: ClassVar[str]
    """Sends a piece of a large one."""
    decides: ClassVar[str] = "PUT "
    """Creates a large one, or refuses to."""
    keeps_twice: ClassVar[bool] = False
    """Whether the server keeps a piece twice that it gets twice."""

    @abstractmethod
    def at(self, url: str, **fields: object) -> ObjectBlock:
        """A block of an own bucket that a server at this URL has."""

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls) -> str:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def line(cls, server_url: str) -> Iterator[Proxy]:
        """What lies between the block and its server."""
        with Proxy.before(server_url) as proxy:
            yield proxy

    @pytest.fixture
    def proxy(self, line: Proxy) -> Iterator[Proxy]:
        """The line, without faults."""
        line.clear()
        yield line
        line.clear()

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> Iterator[dict[str, ObjectBlock]]:
        """Blocks by their fields: some clients take a tenth of a second to make."""
        made: dict[str, ObjectBlock] = {}
        yield made
        for each in made.values():
            each.close()

    @pytest.fixture
    def far(self, proxy: Proxy, made: dict[str, ObjectBlock]) -> Callable[..., ObjectBlock]:
        """A block behind the proxy, with other limits where they are given."""

        def block(**fields: object) -> ObjectBlock:
            if str(fields) not in made:
                made[str(fields)] = self.at(proxy.url, **{**QUICK, **fields})
            return made[str(fields)]

        return block

    @pytest.fixture
    def near(self, server_url: str, made: dict[str, ObjectBlock]) -> ObjectBlock:
        """The same objects past the proxy."""
        return made.setdefault("near", self.at(server_url))

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_what_may_pass_is_tried_again(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock, status: int
    ) -> None:
        """Writing and reading come through, with one request more than there were refusals."""
        block = far()
        proxy.add(Fault(when=self.write, status=status))
        proxy.add(Fault(when="GET", status=status))

        block.put("k", [b"value"])

        assert b"value" == block.get("k") == near.get("k")
        assert (2, 2) == (len(proxy.lines(self.write)), len(proxy.lines("GET")))

    @pytest.mark.parametrize("fault", [{"status": 503}, {"cut_down": -1}, {"cut_up": 0}])
    def test_max_attempts_is_what_is_sent(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock, fault: dict[str, int]
    ) -> None:
        """On connections that were used before as well; what the server has is whole, and the pauses differ."""
        block = far(max_attempts=3)
        near.put("k", [b"old"])
        assert b"old" == block.get("k")
        proxy.add(
            Fault(
                when=self.write,
                times=None,
                status=fault.get("status"),
                cut_down=fault.get("cut_down"),
                cut_up=fault.get("cut_up"),
            )
        )

        error = refused(lambda: block.put("k", [b"new"]))
        moments = [each.at for each in proxy.requests if self.write in each.line]

        assert error.transient
        assert 3 == len(moments)
        assert moments[1] - moments[0] != moments[2] - moments[1]
        assert (b"new" if "cut_down" in fault else b"old") == near.get("k")

    @pytest.mark.parametrize(
        ("status", "message"), [(403, "these credentials may not do that"), (507, "the storage is full")]
    )
    @pytest.mark.parametrize("operation", ["put", "get", "head", "delete"])
    def test_what_stays_is_said_at_once(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], operation: str, status: int, message: str
    ) -> None:
        """One request of its kind, no attempt after it."""
        block = far()
        ask: dict[str, Callable[[], object]] = {
            "put": lambda: block.put("k", [b"new"]),
            "get": lambda: block.get("k"),
            "head": lambda: block.head("k"),
            "delete": lambda: block.delete("k"),
        }
        fault = proxy.add(Fault(times=None, status=status))

        error = refused(ask[operation])

        assert message in str(error)
        assert not error.transient
        assert len({each.line for each in proxy.requests}) == fault.done

    @pytest.mark.parametrize("fault", ["cut_down", "truncate"])
    @pytest.mark.parametrize("way", ["get", "stream"])
    def test_a_download_goes_on_where_it_was_cut(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock, way: str, fault: str
    ) -> None:
        """Whether the connection breaks or ends as if that were all: what has arrived is not asked for again."""
        near.put("large", [LARGE])
        cut = proxy.add(
            Fault(when="GET", times=2, cut_down=2 * MIB)
            if fault == "cut_down"
            else Fault(when="GET", times=2, truncate=2 * MIB)
        )

        back = far().get("large") if way == "get" else b"".join(far().stream("large", chunk=4 * MIB))

        assert LARGE == back
        assert 2 == cut.done
        # A reset may take with it what lay in the buffers of the network, and no more than that.
        assert len(LARGE) <= proxy.passed_down < len(LARGE) + (4 * MIB if fault == "cut_down" else 64 << 10)

    def test_an_upload_repeats_the_piece_that_was_cut(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock
    ) -> None:
        """And nothing else."""
        cut = proxy.add(Fault(when=self.piece, times=2, cut_up=2 * MIB))

        far(concurrency=2).put("large", [LARGE])

        assert LARGE == near.get("large")
        assert 2 == cut.done
        assert 3 + 2 == len(proxy.lines(self.piece))

    def test_a_piece_whose_answer_was_lost_counts_once(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock
    ) -> None:
        """Where a server keeps it twice, that is an error, and what it made is gone: never half, never wrong."""
        near.delete("large")
        lost = proxy.add(Fault(when=self.piece, cut_down=-1))
        block = far(concurrency=2)

        if self.keeps_twice:
            assert refused(lambda: block.put("large", [LARGE])).transient
            assert not near.exists("large")
        else:
            block.put("large", [LARGE])
            assert LARGE == near.get("large")
        assert 1 == lost.done

    def test_an_upload_that_fails_leaves_the_old_object(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock
    ) -> None:
        """All attempts are cut: the error may pass, and nothing half is there."""
        near.put("large", [b"old"])
        proxy.add(Fault(when=self.piece, times=None, cut_up=MIB))

        error = refused(lambda: far(max_attempts=2).put("large", [LARGE]))

        assert error.transient
        assert "cannot be reached, or broke the connection" in str(error)
        assert b"old" == near.get("large")

    @pytest.mark.parametrize("size", [10, 7 * MIB])
    def test_a_create_whose_answer_was_lost_finds_its_own_object(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock, size: int
    ) -> None:
        """The second request meets what the first one wrote; where it is somebody else's, it is taken."""
        block = far()
        key = f"created-{size}"
        assert not block.exists(key)  # so that a connection is open, on which HTTP libraries repeat in silence
        lost = proxy.add(Fault(when=self.decides if size > MIB else self.write, cut_down=-1))
        meta = block.put(key, [LARGE[:size]], mode="create")
        proxy.clear()
        proxy.add(Fault(when=self.write, cut_down=-1))

        assert 1 == lost.done
        assert near.head(key).etag == meta.etag
        assert size == meta.size
        with pytest.raises(KeyExists):
            block.put(key, [b"another"], mode="create")
        assert LARGE[:size] == near.get(key)

    def test_a_silent_server_is_given_up_in_time(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock
    ) -> None:
        """After `read_timeout` for each attempt; the message says which knob there is."""
        near.put("k", [b"old"])
        block = far(read_timeout=0.5, max_attempts=2)
        silent = proxy.add(Fault(times=None, silent=True))
        started = time.monotonic()

        for ask in (lambda: block.get("k"), lambda: block.put("k", [b"new"]), lambda: block.put("k", [LARGE])):
            silent.done = 0
            error = refused(ask)
            assert error.transient
            assert f"{proxy.url}" in str(error)
            assert "did not answer in time" in str(error)
            assert "raise the timeouts of the block" in str(error)
        assert 10 > time.monotonic() - started
        assert b"old" == near.get("k")

    def test_who_does_not_take_the_connection_is_given_up_in_time(self, near: ObjectBlock) -> None:
        """After `connect_timeout`, whatever there is for reading."""
        del near  # which made the bucket
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            address = listening.getsockname()
            with socket.create_connection(address):  # nobody accepts it, and there is no room for a second one
                block = self.at(f"http://127.0.0.1:{address[1]}", connect_timeout=0.4, read_timeout=60, max_attempts=1)
                started = time.monotonic()
                error = refused(lambda: block.get("k"))

        assert error.transient
        assert "did not answer in time" in str(error)
        assert 10 > time.monotonic() - started

    @pytest.mark.parametrize("operation", ["get", "range", "scan", "put"])
    def test_timeout_is_for_the_whole(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock, operation: str
    ) -> None:
        """A server that drips bytes never runs into `read_timeout`, and one that is silent to the end is no exception."""
        near.put("k", [b"x" * 1000])
        block = far(timeout=0.7)
        proxy.add(Fault(times=None, drip=0.05) if operation != "put" else Fault(times=None, silent=True))
        ask: dict[str, Callable[[], object]] = {
            "get": lambda: block.get("k"),
            "range": lambda: block.get("k", byte_range=ByteRange(10, 900)),
            "scan": lambda: list(block.scan("k")),
            "put": lambda: block.put("k", [LARGE]),
        }
        started = time.monotonic()

        error = refused(ask[operation])

        assert error.transient
        assert 0.6 < time.monotonic() - started < 4
        assert b"x" * 1000 == near.get("k")

    def test_a_network_that_comes_back_is_used_again(self, proxy: Proxy, far: Callable[..., ObjectBlock]) -> None:
        """By the same block, whose connections were all broken."""
        block = far(max_attempts=2)
        block.put("k", [b"before"])
        proxy.refuse()

        error = refused(lambda: block.get("k"))
        proxy.accept()

        assert error.transient
        assert f"{proxy.url}" in str(error)
        assert "cannot be reached" in str(error)
        assert b"before" == block.get("k")

    def test_pieces_are_as_large_and_as_many_at_once_as_the_block_says(
        self, proxy: Proxy, far: Callable[..., ObjectBlock], near: ObjectBlock
    ) -> None:
        """`chunk_size` and `concurrency`; what is above `map_above` comes in a mapped file."""
        near.put("large", [LARGE])
        proxy.latency = 0.4
        one, all_at_once = far(concurrency=1), far(concurrency=3, map_above=MIB)

        assert LARGE == one.get("large")
        assert (3, 1) == (len(proxy.lines("GET")), proxy.most_at_once)

        back = all_at_once.get("large")

        assert LARGE == back
        assert isinstance(memoryview(back).obj, mmap.mmap)
        # The first tells how large the object is; then the other two wait for their answers together.
        assert (6, 2) == (len(proxy.lines("GET")), proxy.most_at_once)
