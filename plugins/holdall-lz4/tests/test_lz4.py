"""LZ4Serializer: results as `.lz4` files."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from lz4 import frame  # type: ignore[import-untyped] # it ships no annotations

from holdall import task
from holdall.errors import CorruptResultError, HoldallError
from holdall.filesystems import LocalFileSystem
from holdall.serializers import CompressedSerializer
from holdall.testing.compression import CompressionContract, Raw
from holdall.testing.serializers import payload
from holdall.testing.sources import BytesSource
from holdall_lz4 import LZ4, LZ4Serializer

VECTORS = Path(__file__).parent / "vectors" / "lz4-v1"
ROWS = [{"id": number, "name": f"name {number}"} for number in range(100)]


def _check(descriptor: str) -> int:
    """The check byte of a frame's header."""
    return xxhash.xxh32(bytes.fromhex(descriptor)).intdigest() >> 8 & 0xFF


class TestContract(CompressionContract):
    @pytest.fixture
    def serializer(self) -> LZ4Serializer:
        return LZ4Serializer()

    @pytest.fixture
    def raw(self) -> Raw:
        return Raw(frame.compress, frame.decompress)


class TestAsALibraryOfTheCore(TestContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return CompressedSerializer(compressionlib="lz4")

    def test_levels_are_those_of_the_format(self, serializer: Any, raw: Raw) -> None:
        """Of this format, and no other."""
        with pytest.raises(HoldallError, match="lz4 takes 0 to 12"):
            CompressedSerializer(compressionlib="lz4", level=13)
        assert payload(LZ4Serializer(level=1), ROWS) == payload(
            CompressedSerializer(compressionlib="lz4", level=1), ROWS
        )


@pytest.mark.parametrize("name", ["rows.json.lz4", "stored.json.lz4"])
def test_vectors_are_read(name: str) -> None:
    """What an earlier version wrote, compressed and stored."""
    assert ROWS == LZ4Serializer(serializer="json").load(BytesSource((VECTORS / name).read_bytes()))


def test_a_stored_frame_in_full() -> None:
    """Its bytes do not change within a version of the format."""
    storing = LZ4().storing()

    assert (
        bytes.fromhex("04224d18 60 60 51 03000080 616263 00000000")
        == storing.compress(memoryview(b"abc")) + storing.flush()
    )


@pytest.mark.parametrize(
    ("made", "kind"),
    [("lz4/json", "lz4"), (CompressedSerializer(serializer="json", compressionlib="lz4"), "compressed")],
)
def test_results_are_kept(made: Any, kind: str, tmp_path: Path) -> None:
    """A result is a `.json.lz4` file, and its record says how to read it."""
    block = LocalFileSystem(basepath=tmp_path, inline_limit=0)

    @task(persist_result=True, result_storage=block, result_serializer=made, cache_result_in_memory=False)
    def rows() -> list[Any]:
        return ROWS

    state = rows.with_options(return_state=True)()
    (path,) = tmp_path.rglob("*.json.lz4")
    reference = pickle.loads(pickle.dumps(state.reference))

    assert ROWS == reference.get()
    assert b"[{" == frame.decompress(path.read_bytes())[:2]
    assert kind == reference.serializer.type


@pytest.mark.parametrize(
    "data",
    [
        # A content of 2**63 bytes; a block of nearly 2 GiB, compressed and not.
        bytes.fromhex("04224d18 68 70 ffffffffffffff7f") + bytes([_check("68 70 ffffffffffffff7f")]) + bytes(4),
        bytes.fromhex("04224d18 60 60 51 ffffff7f") + b"x" * 100,
        bytes.fromhex("04224d18 60 60 51 ffffffff") + b"x" * 100,
    ],
)
def test_greedy_headers_get_an_error_and_no_memory(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(CorruptResultError, match="lz4"):
        LZ4Serializer().load(BytesSource(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4_000_000


def test_the_library_is_imported_with_the_first_value() -> None:
    """Not with the package, and not with the serializer."""
    code = "import sys, holdall_lz4; holdall_lz4.LZ4Serializer(); print('lz4.frame' in sys.modules)"

    assert "False\n" == subprocess.check_output([sys.executable, "-c", code], text=True)


@given(st.integers(0), st.binary(min_size=1, max_size=6))
def test_hostile_bytes_fail_cleanly(place: int, noise: bytes) -> None:
    """Whatever stands where, the answer is a value or one of our errors."""
    serializer = LZ4Serializer(serializer="json")
    data = bytearray(payload(serializer, ROWS))
    start = place % len(data)
    data[start : start + len(noise)] = noise
    try:
        serializer.load(BytesSource(data))
    except HoldallError:
        return
