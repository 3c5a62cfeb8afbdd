"""Sources: whole, in ranges and as a file; never a byte that was not checked."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.local.directory import Directory
from holdall.errors import CorruptResultError, MissingResultError
from holdall.results.checksum import CHUNK, Checksummer
from holdall.results.payload.reader import PayloadSource
from holdall.serialization.sources import MemorySource
from holdall.types import Trust

if TYPE_CHECKING:
    from pathlib import Path

DATA = random.Random(0).randbytes(2 * CHUNK + 100)


@pytest.fixture
def source(tmp_path: Path) -> PayloadSource:
    through = Checksummer()
    storage = Directory(str(tmp_path))
    storage.put("p", through.through([DATA]))
    return PayloadSource(storage, "p", len(DATA), through.checksum(), Trust())


def test_ranges_and_files_give_what_was_written(source: PayloadSource) -> None:
    """Across chunk borders, past the end, from the end; both kinds of source alike."""
    for each in (source, MemorySource(DATA, Trust())):
        assert DATA == bytes(each.buffer())
        for start, stop in ((0, 1), (CHUNK - 1, CHUNK + 1), (5, len(DATA)), (len(DATA) - 1, len(DATA) + 9), (7, 7)):
            assert DATA[start:stop] == bytes(each.read_range(start, stop))
        with each.open() as file:
            assert DATA[:10] == file.read(10)
            assert len(DATA) - 5 == file.seek(-5, io.SEEK_END)
            assert DATA[-5:] == file.read()
            file.seek(CHUNK - 2)
            assert DATA[CHUNK - 2 : CHUNK + 2] == file.read(4)
            assert CHUNK + 2 == file.tell()


def test_a_damaged_chunk_is_noticed_by_whoever_touches_it(source: PayloadSource, tmp_path: Path) -> None:
    """The others can still be read."""
    with (tmp_path / "p").open("r+b") as file:
        file.seek(CHUNK + 1)
        file.write(bytes([DATA[CHUNK + 1] ^ 1]))

    assert DATA[:CHUNK] == bytes(source.read_range(0, CHUNK))
    with pytest.raises(CorruptResultError):
        source.read_range(2 * CHUNK - 1, 2 * CHUNK)
    with pytest.raises(CorruptResultError):
        source.buffer()
    with source.open() as file, pytest.raises(CorruptResultError):
        file.read()


def test_a_short_or_absent_payload_says_so(source: PayloadSource, tmp_path: Path) -> None:
    """Cut short is damage, absence is absence."""
    (tmp_path / "p").write_bytes(DATA[:-1])
    with pytest.raises(CorruptResultError, match="cut short"):
        source.buffer()
    with pytest.raises(CorruptResultError):
        source.read_range(2 * CHUNK, len(DATA))
    (tmp_path / "p").unlink()
    with pytest.raises(MissingResultError, match="is gone"):
        source.buffer()
