"""LZ4Serializer: results as `.lz4` files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import xxhash
from lz4 import frame as lz4  # type: ignore[import-untyped] # it ships no annotations

from holdall import task
from holdall.filesystems import LocalFileSystem
from holdall.serializers import CompressedSerializer
from holdall.testing.compression import ROWS, FormatContract, Raw
from holdall_lz4 import LZ4Serializer

VECTORS = Path(__file__).parent / "vectors" / "lz4-v1"


def _check(descriptor: str) -> int:
    """The check byte of a frame's header."""
    return xxhash.xxh32(bytes.fromhex(descriptor)).intdigest() >> 8 & 0xFF


class TestContract(FormatContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return LZ4Serializer()

    @pytest.fixture
    def raw(self) -> Raw:
        return Raw(lz4.compress, lz4.decompress)

    @pytest.fixture
    def vectors(self) -> dict[str, bytes]:
        """Compressed and stored."""
        return {name: (VECTORS / name).read_bytes() for name in ("rows.json.lz4", "stored.json.lz4")}

    @pytest.fixture
    def frame(self) -> bytes:
        return bytes.fromhex("04224d18 60 60 51 03000080 616263 00000000")

    @pytest.fixture
    def greedy(self) -> list[bytes]:
        """A content of 2**63 bytes; a block of nearly 2 GiB, compressed and not."""
        return [
            bytes.fromhex("04224d18 68 70 ffffffffffffff7f") + bytes([_check("68 70 ffffffffffffff7f")]) + bytes(4),
            bytes.fromhex("04224d18 60 60 51 ffffff7f") + b"x" * 100,
            bytes.fromhex("04224d18 60 60 51 ffffffff") + b"x" * 100,
        ]

    @pytest.fixture
    def library(self) -> str:
        return lz4.__name__


class TestAsALibraryOfTheCore(TestContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return CompressedSerializer(compressionlib="lz4")


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
    assert b"[{" == lz4.decompress(path.read_bytes())[:2]
    assert kind == reference.serializer.type
