"""ZstdSerializer: results as `.zst` files."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from holdall import task
from holdall.filesystems import LocalFileSystem
from holdall.serializers import CompressedSerializer
from holdall.testing.compression import ROWS, FormatContract, Raw
from holdall_zstd import ZstdSerializer

VECTORS = Path(__file__).parent / "vectors" / "zstd-v1"

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class TestContract(FormatContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return ZstdSerializer()

    @pytest.fixture
    def raw(self) -> Raw:
        return Raw(zstd.compress, zstd.decompress)

    @pytest.fixture
    def vectors(self) -> dict[str, bytes]:
        """Compressed and stored."""
        return {name: (VECTORS / name).read_bytes() for name in ("rows.json.zst", "stored.json.zst")}

    @pytest.fixture
    def frame(self) -> bytes:
        return bytes.fromhex("28b52ffd 00 38 180000 616263 010000")

    @pytest.fixture
    def greedy(self) -> list[bytes]:
        """A window of 2 GiB; a content of 2**63 bytes; more of one byte than fits into a block."""
        return [
            bytes.fromhex("28b52ffd 00 a8") + b"\x01\x00\x00",
            bytes.fromhex("28b52ffd e0 ffffffffffffff7f") + b"\x01\x00\x00",
            bytes.fromhex("28b52ffd 00 38") + ((0x1FFFFF << 3) | 3).to_bytes(3, "little") + b"x",
        ]

    @pytest.fixture
    def library(self) -> str:
        return zstd.__name__


class TestAsALibraryOfTheCore(TestContract):
    @pytest.fixture
    def serializer(self) -> Any:
        return CompressedSerializer(compressionlib="zstd")


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
