"""Sources in memory, files over ranges, and the file that collects parts."""

from __future__ import annotations

import io
from array import array
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.serialization.sources import MemorySource, PartsSink, RangeReader, SourceSection
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.types import Source

AROUND = b"before", b"after"
KINDS: dict[str, Callable[[bytes], Source]] = {
    "bytes": lambda data: MemorySource(data, Trust()),
    "bytearray": lambda data: MemorySource(bytearray(data), Trust()),
    "memoryview": lambda data: MemorySource(memoryview(data), Trust()),
    "section": lambda data: SourceSection(
        MemorySource(AROUND[0] + data + AROUND[1], Trust()), len(AROUND[0]), len(AROUND[0]) + len(data), Trust()
    ),
}

calls = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 40)),
        st.tuples(st.just("seek"), st.integers(0, 40), st.just(io.SEEK_SET)),
        st.tuples(st.just("seek"), st.just(0), st.sampled_from([io.SEEK_CUR, io.SEEK_END])),
        st.tuples(st.just("tell")),
    )
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=30), start=st.integers(-5, 35), stop=st.integers(-5, 35))
def test_ranges_are_those_of_the_payload(kind: str, data: bytes, start: int, stop: int) -> None:
    """Ends beyond the payload are cut off, and nothing around a section is seen."""
    source = KINDS[kind](data)

    assert len(data) == source.size
    assert data == bytes(source.buffer())
    assert data[max(start, 0) : max(stop, 0)] == bytes(source.read_range(start, stop))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=30), calls=calls)
def test_its_file_is_like_any_other(kind: str, data: bytes, calls: list[tuple[Any, ...]]) -> None:
    """Whatever is called in whatever order."""
    expected = io.BytesIO(data)
    with KINDS[kind](data).open() as file:
        for name, *arguments in calls:
            assert getattr(expected, name)(*arguments) == getattr(file, name)(*arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_nothing_before_its_start(kind: str) -> None:
    """A library that looks for an end that is longer than the file gets an error, and not the beginning."""
    reader = RangeReader(KINDS[kind](b"abc"))
    reader.seek(2)

    with pytest.raises(OSError, match="1 bytes before the start"):
        reader.seek(-4, io.SEEK_END)
    assert 2 == reader.tell()
    with KINDS[kind](b"abc").open() as file, pytest.raises(BadZipFile):
        ZipFile(file)


@pytest.mark.parametrize("kind", ["bytearray", "memoryview"])
def test_memory_is_read_in_place(kind: str) -> None:
    """The buffer is the one that came in, and a range is a view of it."""
    data = bytearray(b"abc")
    source = MemorySource(data if kind == "bytearray" else memoryview(data), Trust())
    data[1] = ord("x")

    assert b"axc" == bytes(source.buffer())
    assert b"x" == bytes(source.read_range(1, 2))
    with source.open() as file:
        assert b"axc" == file.read()


def test_a_sink_collects_what_was_written_since_it_was_asked() -> None:
    """Buffers of any items count in bytes, and bytes stay the object that they are."""
    sink, whole = PartsSink(), b"bytes"

    assert 5 == sink.write(whole)
    assert 6 == sink.write(array("H", [1, 2, 3]))
    first = sink.take()
    sink.flush()
    sink.write(b"more")
    sink.close()

    assert whole is first[0]
    assert bytes(array("H", [1, 2, 3])) == bytes(first[1])
    assert [b"more"] == sink.take()
    assert [] == sink.take()
    assert 15 == sink.size
