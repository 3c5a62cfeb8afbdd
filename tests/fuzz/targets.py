"""What reads bytes of others: for each reader a function of bytes that raises for a bug alone, and seeds to start from."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from tests.fuzz.sealed import Sealed

from holdall import record as records
from holdall.abc.keyring import KeyRing
from holdall.abc.policy import Policy
from holdall.builtin import pickleframe
from holdall.builtin.bundle import BundleSerializer
from holdall.builtin.compressed import CompressedSerializer
from holdall.builtin.json import JSONSerializer
from holdall.builtin.pickling import PickleCodec
from holdall.errors import HoldallError
from holdall.record import SEAL_SIZE
from holdall.signing import verify
from holdall.testing.sources import BytesSource
from holdall_arrow import ParquetSerializer
from holdall_crypto import EncryptedSerializer
from holdall_lz4 import LZ4Serializer
from holdall_msgpack import MsgpackSerializer
from holdall_numpy import NumpySerializer
from holdall_orjson import OrjsonSerializer
from holdall_zstd import ZstdSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from holdall.abc.codec import Codec

ROOT: Final = Path(__file__).parents[2]
RING: Final = KeyRing.parse(f"one:{urlsafe_b64encode(bytes([1]) * 32).decode()}", source="the fuzzer")
PLAIN: Final = {"a": [1, None, "é", 1.5, b"x", (1, 2), {3, 4}], "$type": "int", "deep": [[[[{"k": 10**30}]]]]}
ARRAYS: Final = {"a": np.arange(7), "b": np.zeros((2, 3), order="F"), "c": np.array(1.5)}


class Target(NamedTuple):
    """A reader, and what it is to begin with."""

    read: Callable[[bytes], object]
    seeds: list[bytes]


def _codec(codec: Codec, *values: Any, files: Iterable[Path] = ()) -> Target:
    seeds = [b"".join(codec.dump(value)) for value in values] + [path.read_bytes() for path in files]
    return Target(lambda data: codec.load(BytesSource(data)), seeds)


def _vectors(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).iterdir() if ".expected." not in path.name)


def _record(data: bytes) -> None:
    """With a seal that is right, too: otherwise nothing behind it would ever be reached."""
    resealed = records.seal(data[:-SEAL_SIZE]) if data.startswith(b'{"holdall":') else data
    for each in (data, resealed):
        with suppress(HoldallError):
            records.parse(each, where="it")
    with suppress(HoldallError):
        verify(data[:-SEAL_SIZE], keys=RING, where="it")
    records.quick_payload(resealed, resealed[:100], 0.0)


def _pickle_header(data: bytes) -> None:
    """The frame around a pickle; what is in it runs code, and is a matter of trust."""
    pickleframe.unpack(memoryview(data))


def targets() -> dict[str, Target]:
    """By the name that the command takes."""
    sealed = Sealed(RING)
    encrypted: Any = EncryptedSerializer(serializer="json").under(Policy(encryption=RING))
    return {
        "record": Target(_record, [path.read_bytes() for path in _vectors("tests/vectors/record-v1")]),
        "sealed": Target(sealed.read, sealed.seeds()),
        "json": _codec(JSONSerializer(), PLAIN, files=_vectors("tests/vectors/json-v1")),
        "orjson": _codec(OrjsonSerializer(), PLAIN),
        "msgpack": _codec(MsgpackSerializer(), PLAIN),
        "pickle-header": Target(
            _pickle_header, [b"".join(PickleCodec().dump([np.zeros(70_000, "u1"), np.ones(70_000)]))]
        ),
        "npy": _codec(NumpySerializer(), *ARRAYS.values()),
        "npz": _codec(NumpySerializer(format="npz"), ARRAYS, list(ARRAYS.values())),
        "bundle": _codec(BundleSerializer(), {"plain": PLAIN, **ARRAYS}),
        "zlib": _codec(CompressedSerializer(serializer="json"), PLAIN, "x" * 10_000),
        "bz2": _codec(CompressedSerializer(serializer="json", compressionlib="bz2"), PLAIN),
        "lzma": _codec(CompressedSerializer(serializer="json", compressionlib="lzma"), PLAIN),
        "zstd": _codec(ZstdSerializer(serializer="json"), PLAIN, "x" * 10_000),
        "lz4": _codec(LZ4Serializer(serializer="json"), PLAIN, "x" * 10_000),
        "encrypted": _codec(encrypted, PLAIN, files=_vectors("plugins/holdall-crypto/tests/vectors/encrypted-v1")),
        "parquet": _codec(ParquetSerializer(), pa.table({"a": [1, 2], "s": ["x", None]})),
    }
