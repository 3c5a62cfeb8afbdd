"""Checksums per chunk, computed while parts pass and checked on what is read."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from holdall.errors import CorruptResultError
from holdall.results.checksum import CHUNK, Checksum, Checksummer

DATA = random.Random(0).randbytes(2 * CHUNK + 5)


def summed(*parts: bytes | bytearray | memoryview) -> tuple[Checksum, bytes]:
    through = Checksummer()
    data = b"".join(through.through(parts))
    assert len(data) == through.size
    return through.checksum(), data


def test_the_cut_of_the_parts_changes_nothing() -> None:
    """One part, many, empty ones, arrays."""
    whole, _ = summed(DATA)
    cuts = [0, 0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(DATA)]
    cut, data = summed(*(DATA[start:stop] for start, stop in itertools.pairwise(cuts)), b"")
    numbers = np.arange(6.0).reshape(2, 3)

    assert whole == cut
    assert data == DATA
    assert 3 == len(whole.chunks)
    assert summed(numbers.tobytes()) == summed(memoryview(numbers), memoryview(np.zeros((0, 3))))


@pytest.mark.parametrize(("size", "chunks"), [(0, 0), (1, 1), (CHUNK, 1), (CHUNK + 1, 2)])
def test_there_is_a_chunk_for_each_begun_chunk(size: int, chunks: int) -> None:
    """None for nothing."""
    found, _ = summed(bytes(size))

    assert chunks == len(found.chunks)
    found.check(bytes(size), where="x")


def test_a_difference_names_its_chunk() -> None:
    """In the whole and in a part that starts later; too many bytes differ too."""
    found, _ = summed(DATA)
    bad = bytearray(DATA)
    bad[CHUNK + 3] ^= 1

    found.check(DATA, where="x")
    found.check(DATA[CHUNK:], first=1, where="x")
    with pytest.raises(CorruptResultError, match=r"x is damaged: the bytes from 4194304 on.*chunk 1"):
        found.check(bad, where="x")
    with pytest.raises(CorruptResultError):
        found.check(bad[CHUNK:], first=1, where="x")
    with pytest.raises(CorruptResultError):
        found.check(DATA + bytes(CHUNK), where="x")
