"""Bombs of each format, made by its own library, each sealed into a record as well as an honest result.

`make FOLDER DECLARED` writes them, with what their records are to declare (0: nothing, as old ones); `read FOLDER` prints
what came of each, and by how much the memory grew.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import sys
import zlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdall.builtin.bundle.zip_archive import zip_parts
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import HoldallError
from holdall.ids import new_id, shard
from holdall.results.checksum import Checksummer
from holdall.results.layout import PAYLOADS
from holdall.results.record import body, head, seal
from holdall.results.store import ResultStore
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.settings import current

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
SIZE = 96 * MIB
NAMES: dict[str, Callable[[], tuple[str, dict[str, Any], bytes]]] = {}


def bomb(make: Callable[[], tuple[str, dict[str, Any], bytes]]) -> Callable[[], tuple[str, dict[str, Any], bytes]]:
    NAMES[make.__name__] = make
    return make


def around(inner: str, **options: Any) -> dict[str, Any]:
    return {"serializer": {"type": inner, "options": {}}, **options}


def zstd(data: bytes) -> bytes:
    library: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return bytes(library.compress(data))


def text() -> bytes:
    return b'"' + b"x" * SIZE + b'"'


@bomb
def gzipped() -> tuple[str, dict[str, Any], bytes]:
    return "compressed", around("json"), gzip.compress(text())


@bomb
def bzipped() -> tuple[str, dict[str, Any], bytes]:
    return "compressed", around("json", compressionlib="bz2"), bz2.compress(text())


@bomb
def xzipped() -> tuple[str, dict[str, Any], bytes]:
    return "compressed", around("json", compressionlib="lzma"), lzma.compress(text(), preset=0)


@bomb
def zstandard() -> tuple[str, dict[str, Any], bytes]:
    return "zstd", around("json"), zstd(text())


@bomb
def lz4ed() -> tuple[str, dict[str, Any], bytes]:
    return "lz4", around("json"), lz4.frame.compress(text())


@bomb
def wrapped_twice() -> tuple[str, dict[str, Any], bytes]:
    inner = {"type": "zstd", "options": around("json")}
    return "compressed", {"serializer": inner}, gzip.compress(zstd(text()))


@bomb
def encrypted() -> tuple[str, dict[str, Any], bytes]:
    from holdall_crypto.frames import Header, encrypt as frames  # noqa: I001 - for this one
    from holdall_crypto.providers import RingProvider

    key = b"k" * 32
    header = Header.make(*RingProvider(RING).wrap(key))
    inner = {"type": "compressed", "options": around("json")}
    return "encrypted", {"serializer": inner}, b"".join(frames([gzip.compress(text())], header, AESGCM(key)))


def parquet(table: pa.Table, library: str = "pyarrow", **options: Any) -> bytes:
    sink = io.BytesIO()
    if library != "pyarrow":
        notes = {"library": library, "columns": [], "names": [None], "index": {"range": [0, table.num_rows, 1]}}
        table = table.replace_schema_metadata({b"holdall": json.dumps(notes)})
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@bomb
def constants() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"n": np.zeros(SIZE // 8)}))


@bomb
def constants_in_groups() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"n": np.zeros(SIZE // 8)}), row_group_size=50_000)


@bomb
def one_long_text() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"s": pa.array(["x" * MIB] * (SIZE // MIB), pa.large_string())}))


@bomb
def long_texts_in_groups() -> tuple[str, dict[str, Any], bytes]:
    column = pa.array(["x" * 100_000] * (SIZE // 100_000))
    return "parquet", {}, parquet(pa.table({"s": column}), row_group_size=50)


@bomb
def shared_beginnings() -> tuple[str, dict[str, Any], bytes]:
    column = pa.array(["x" * 100_000] * (SIZE // 100_000))
    data = parquet(pa.table({"s": column}), use_dictionary=False, column_encoding={"s": "DELTA_BYTE_ARRAY"})
    return "parquet", {}, data


@bomb
def plain_texts() -> tuple[str, dict[str, Any], bytes]:
    column = pa.array(["x" * MIB] * (SIZE // MIB))
    return "parquet", {}, parquet(pa.table({"s": column}), use_dictionary=False, compression="zstd")


@bomb
def one_long_list() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"l": [np.zeros(SIZE // 8)]}))


@bomb
def texts_in_a_list() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"l": [["x" * MIB] * (SIZE // MIB)]}))


@bomb
def empty_lists() -> tuple[str, dict[str, Any], bytes]:
    lists = pa.ListArray.from_arrays(np.zeros(SIZE // 4 + 1, np.int32), pa.array([], pa.int8()))
    return "parquet", {}, parquet(pa.table({"l": lists}))


@bomb
def nulls() -> tuple[str, dict[str, Any], bytes]:
    return "parquet", {}, parquet(pa.table({"n": pa.nulls(SIZE // 8)}), "pandas")


@bomb
def fixed_lists() -> tuple[str, dict[str, Any], bytes]:
    kind = pa.list_(pa.int8(), 1000)
    return "parquet", {}, parquet(pa.table({"l": pa.array([[0] * 1000] * (SIZE // 1000), kind)}))


def ipc(table: pa.Table, compression: str | None) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


@bomb
def arrow_zstd() -> tuple[str, dict[str, Any], bytes]:
    return "arrow", {}, ipc(pa.table({"n": np.zeros(SIZE // 8)}), "zstd")


@bomb
def arrow_dictionary() -> tuple[str, dict[str, Any], bytes]:
    column = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(["x" * SIZE]))
    return "arrow", {}, ipc(pa.table({"d": column}), "zstd")


@bomb
def arrow_prefix() -> tuple[str, dict[str, Any], bytes]:
    data = ipc(pa.table({"n": np.zeros(MIB // 8)}), "zstd")
    return "arrow", {}, data.replace(struct.pack("<q", MIB), struct.pack("<q", 1 << 40))


@bomb
def arrow_nulls() -> tuple[str, dict[str, Any], bytes]:
    notes = {"library": "pandas", "columns": [], "names": [None], "index": {}}
    table = pa.table({"n": pa.nulls(SIZE // 8)}).replace_schema_metadata({b"holdall": json.dumps(notes)})
    return "arrow", {}, ipc(table, None)


@bomb
def arrow_views() -> tuple[str, dict[str, Any], bytes]:
    notes = {"library": "pandas", "columns": [], "names": [None], "index": {}}
    one = pa.array(["x" * MIB], pa.string_view())
    views = pa.py_buffer(bytes(one.buffers()[1])[:16] * (SIZE // MIB))
    column = pa.Array.from_buffers(pa.string_view(), SIZE // MIB, [None, views, *one.buffers()[2:]])
    return "arrow", {}, ipc(pa.table({"v": column}).replace_schema_metadata({b"holdall": json.dumps(notes)}), None)


@bomb
def cast_to_wide() -> tuple[str, dict[str, Any], bytes]:
    from base64 import b64encode

    schema = pa.schema([("n", pa.list_(pa.int8(), SIZE))])
    notes = {"library": "pyarrow", "schema": b64encode(schema.serialize()).decode()}
    return "arrow", {}, ipc(pa.table({"n": pa.nulls(1)}).replace_schema_metadata({b"holdall": json.dumps(notes)}), None)


@bomb
def pixels() -> tuple[str, dict[str, Any], bytes]:
    side = 6000
    rows = zlib.compress(bytes((side + 1) * side))
    made = [(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in made]
    return "png", {}, b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@bomb
def npy_shape() -> tuple[str, dict[str, Any], bytes]:
    sink = io.BytesIO()
    np.lib.format.write_array_header_1_0(sink, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    return "numpy", {}, sink.getvalue() + bytes(64)


@bomb
def npz_deflated() -> tuple[str, dict[str, Any], bytes]:
    sink = io.BytesIO()
    np.savez_compressed(sink, a=np.zeros(SIZE // 8))
    return "numpy", {"format": "npz"}, sink.getvalue()


def bundle(count: int, slug: str, options: dict[str, Any], data: bytes, **more: int) -> bytes:
    leaves = [
        {"path": f"leaves/{number}", "type": slug, "options": options, "written_with": {}, **more}
        for number in range(count)
    ]
    tree = [{"$type": "leaf", "value": number} for number in range(count)]
    document = json.dumps({"bundle": 1, "leaves": leaves, "result": tree}).encode()
    files = [(each["path"], [data]) for each in leaves]
    return b"".join(zip_parts([*files, ("result.json", [document])]))  # type: ignore[list-item]  # a leaf's path is a text


@bomb
def bundle_of_one() -> tuple[str, dict[str, Any], bytes]:
    return "bundle", {}, bundle(1, *constants())


@bomb
def bundle_of_many() -> tuple[str, dict[str, Any], bytes]:
    data = gzip.compress(b'"' + b"x" * (900 << 10) + b'"')
    return "bundle", {}, bundle(100, "compressed", around("json"), data)


@bomb
def bundle_that_declares() -> tuple[str, dict[str, Any], bytes]:
    data = gzip.compress(b'"' + b"x" * (900 << 10) + b'"')
    return "bundle", {}, bundle(100, "compressed", around("json"), data, decoded=900 << 10)


@bomb
def bundle_deflated() -> tuple[str, dict[str, Any], bytes]:
    import zipfile

    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("result.json", b'{"bundle":1,"leaves":[],"result":"' + b"x" * SIZE + b'"}')
    return "bundle", {}, sink.getvalue()


def peak() -> int:
    """The most that this process ever held, since it was asked to forget."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def sealed(key: str, slug: str, options: dict[str, Any], data: bytes, decoded: int | None) -> None:
    """A record as the store writes them, and its payload."""
    says = f'"size":{len(data)},"media_type":"text/plain"' + ("" if decoded is None else f',"decoded":{decoded}')
    through = Checksummer()
    unique = new_id()
    path = f"{PAYLOADS}{shard(unique)}/{unique}"
    STORE.storage.put(path, list(through.through([data])))
    member = f'{{{says},"path":"{path}","checksum":{through.checksum().json()}}}'
    start = head(STORE.place, json.dumps({"type": slug, "options": options}, separators=(",", ":")))
    made = body(start, key=key, written_with="{}", payload=member, created=0.0, expires=None, producer="{}")
    STORE.storage.put(key, [seal(made.encode())])


def make(declared: int | None) -> None:
    for name, each in NAMES.items():
        sealed(name, *each(), declared)


def read() -> None:
    from holdall.plugins import registry

    found: dict[str, tuple[str, str, int]] = {}
    for slug in ("compressed", "zstd", "lz4", "encrypted", "parquet", "arrow", "png", "numpy", "bundle"):
        registry.load("serializers", slug)
    import pandas  # noqa: F401, ICN001 - so that no import counts
    import PIL.PngImagePlugin  # noqa: F401 - as above

    for name in NAMES:
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        try:
            outcome, message = type(STORE.read(name)).__name__, ""
        except HoldallError as error:
            outcome, message = type(error).__name__, str(error)
        found[name] = (outcome, message, peak() - before)
    print(json.dumps(found))


RING = KeyRing.parse("k:" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", source="the program")
POLICY = Policy(encryption=RING, max_bytes=current().results_max_bytes)
STORE = ResultStore(Directory(sys.argv[2]), PickleCodec(), policy=POLICY)
if sys.argv[1] == "make":
    make(int(sys.argv[3]) or None)
else:
    read()
