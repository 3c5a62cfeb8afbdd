"""ZstdSerializer: results as `.zst` files."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import task
from holdall.errors import CorruptResultError, HoldallError
from holdall.filesystems import LocalFileSystem
from holdall.serializers import CompressedSerializer
from holdall.testing.compression import CompressionContract, Raw
from holdall.testing.serializers import payload
from holdall.testing.sources import BytesSource
from holdall_zstd import Zstandard, ZstdSerializer

VECTORS = Path(__file__).parent / "vectors" / "zstd-v1"
ROWS = [{"id": number, "name": f"name {number}"} for number in range(100)]

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class TestContract(CompressionContract):
    @pytest.fixture
    def serializer(self) -> ZstdSerializer:
        return ZstdSerializer()

    @pytest.fixture
    def raw(self) -> Raw:
        return Raw(zstd.compress, zstd.decompress)


class TestAsALibraryOfTheCore(TestContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return CompressedSerializer(compressionlib="zstd")

    def test_levels_are_those_of_the_format(self, serializer: Any, raw: Raw) -> None:
        """Of this format, and no other."""
        with pytest.raises(HoldallError, match="zstd takes -7 to 22"):
            CompressedSerializer(compressionlib="zstd", level=23)
        assert payload(ZstdSerializer(level=1), ROWS) == payload(
            CompressedSerializer(compressionlib="zstd", level=1), ROWS
        )


@pytest.mark.parametrize("name", ["rows.json.zst", "stored.json.zst"])
def test_vectors_are_read(name: str) -> None:
    """What an earlier version wrote, compressed and stored."""
    assert ROWS == ZstdSerializer(serializer="json").load(BytesSource((VECTORS / name).read_bytes()))


def test_a_stored_frame_in_full() -> None:
    """Its bytes do not change within a version of the format."""
    storing = Zstandard().storing()

    assert (
        bytes.fromhex("28b52ffd 00 38 180000 616263 010000") == storing.compress(memoryview(b"abc")) + storing.flush()
    )


@pytest.mark.parametrize(
    ("made", "kind"),
    [("zstd/json", "zstd"), (CompressedSerializer(serializer="json", compressionlib="zstd"), "compressed")],
)
def test_results_are_kept(made: Any, kind: str, tmp_path: Path) -> None:
    """A result is a `.json.zst` file, and its record says how to read it."""
    block = LocalFileSystem(basepath=tmp_path, inline_limit=0)

    @task(persist_result=True, result_storage=block, result_serializer=made, cache_result_in_memory=False)
    def rows() -> list[Any]:
        return ROWS

    state = rows.with_options(return_state=True)()
    (path,) = tmp_path.rglob("*.json.zst")
    reference = pickle.loads(pickle.dumps(state.reference))

    assert ROWS == reference.get()
    assert b"[{" == zstd.decompress(path.read_bytes())[:2]
    assert kind == reference.serializer.type


@pytest.mark.parametrize(
    "data",
    [
        # A window of 2 GiB; a content of 2**63 bytes; more of one byte than fits into a block.
        bytes.fromhex("28b52ffd 00 a8") + b"\x01\x00\x00",
        bytes.fromhex("28b52ffd e0 ffffffffffffff7f") + b"\x01\x00\x00",
        bytes.fromhex("28b52ffd 00 38") + ((0x1FFFFF << 3) | 3).to_bytes(3, "little") + b"x",
    ],
)
def test_greedy_headers_get_an_error_and_no_memory(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(CorruptResultError, match="zstd"):
        ZstdSerializer().load(BytesSource(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4_000_000


def test_the_library_is_imported_with_the_first_value() -> None:
    """Not with the package, and not with the serializer."""
    code = (
        "import sys, holdall_zstd; holdall_zstd.ZstdSerializer(); print([n for n in sys.modules if n.endswith('zstd')])"
    )

    assert "['holdall_zstd']\n" == subprocess.check_output([sys.executable, "-c", code], text=True)


@given(st.integers(0), st.binary(min_size=1, max_size=6))
def test_hostile_bytes_fail_cleanly(place: int, noise: bytes) -> None:
    """Whatever stands where, the answer is a value or one of our errors."""
    serializer = ZstdSerializer(serializer="json")
    data = bytearray(payload(serializer, ROWS))
    start = place % len(data)
    data[start : start + len(noise)] = noise
    try:
        serializer.load(BytesSource(data))
    except HoldallError:
        return
