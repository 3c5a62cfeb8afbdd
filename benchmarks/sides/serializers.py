"""One serializer and its raw library on the same data: `serializers.py CASE SIDE put|get`, and the memory that it added."""

from __future__ import annotations

import base64
import io
import json
import pickle
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory import peak, reset_peak, touch

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20


def array(mebibytes: int = 512) -> Any:
    import numpy as np

    return np.arange(mebibytes * MIB // 8, dtype="f8")


def arrays() -> Any:
    whole = array()
    return {"a": whole[: len(whole) // 2], "b": whole[len(whole) // 2 :]}


def frame() -> Any:
    import numpy as np
    import pandas as pd

    n, chance = 5_000_000, np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "price": chance.random(n),
            "city": pd.Categorical(chance.choice(["Rome", "Oslo", "Lima"], n)),
            "name": pd.Series(chance.choice(["alpha", "beta", "gamma", "delta"], n)),
            "at": pd.date_range("2024", periods=n, freq="s"),
            "flag": chance.random(n) > 0.5,
        }
    )


def polars_frame() -> Any:
    import polars as pl

    return pl.from_pandas(frame())


def dicts() -> Any:
    return [
        {"id": n, "name": f"name {n}", "tags": ["a", "b"], "at": {"x": n / 7, "y": None, "deep": {"k": [n, True]}}}
        for n in range(100_000)
    ]


def _write(data: bytes) -> None:
    Path("raw").write_bytes(data)


def _read() -> bytes:
    return Path("raw").read_bytes()


def _numpy(what: str, value: Any) -> Any:
    import numpy as np

    return np.save("raw.npy", value) if what == "put" else np.load("raw.npy")


def _npz(what: str, value: Any) -> Any:
    import numpy as np

    return np.savez("raw.npz", **value) if what == "put" else dict(np.load("raw.npz"))


def _pickle(what: str, value: Any) -> Any:
    if what == "put":
        with open("raw", "wb") as file:
            pickle.dump(value, file, 5)
        return None
    with open("raw", "rb") as file:
        return pickle.load(file)


def _base64(what: str, value: Any) -> Any:
    """As the peer keeps results: a pickle in base64 in a JSON document."""
    if what == "put":
        return _write(json.dumps({"data": base64.encodebytes(pickle.dumps(value)).decode()}).encode())
    return pickle.loads(base64.decodebytes(json.loads(_read())["data"].encode()))


def _json(what: str, value: Any) -> Any:
    return _write(json.dumps(value).encode()) if what == "put" else json.loads(_read())


def _orjson(what: str, value: Any) -> Any:
    import orjson

    return _write(orjson.dumps(value)) if what == "put" else orjson.loads(_read())


def _msgpack(what: str, value: Any) -> Any:
    import msgpack

    return _write(msgpack.packb(value)) if what == "put" else msgpack.unpackb(_read())


def _parquet(what: str, value: Any) -> Any:
    import pandas as pd

    return value.to_parquet("raw") if what == "put" else pd.read_parquet("raw")


def _polars(what: str, value: Any) -> Any:
    import polars as pl

    return value.write_parquet("raw", compression="snappy") if what == "put" else pl.read_parquet("raw")


def _feather(what: str, value: Any) -> Any:
    import pandas as pd

    return value.to_feather("raw", compression="uncompressed") if what == "put" else pd.read_feather("raw")


def _aes(what: str, value: Any) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher = AESGCM(bytes(32))
    if what == "put":
        data = memoryview(value).cast("B")
        with open("raw", "wb") as file:
            file.writelines(
                cipher.encrypt(at.to_bytes(12, "big"), data[at : at + MIB], None) for at in range(0, len(data), MIB)
            )
        return None
    out = bytearray()
    with open("raw", "rb") as file:
        while piece := file.read(MIB + 16):
            out += cipher.decrypt(len(out).to_bytes(12, "big"), piece, None)
    return out


CASES: dict[str, tuple[Callable[[], Any], Callable[[str, Any], Any], str]] = {
    "pickle-array": (array, _pickle, "pickle"),
    "numpy": (array, _numpy, "numpy"),
    "npz": (arrays, _npz, "npz"),
    "encrypted-array": (array, _aes, "encrypted/numpy"),
    "base64": (lambda: array(256), _base64, "pickle"),
    "parquet-pandas": (frame, _parquet, "parquet"),
    "parquet-polars": (polars_frame, _polars, "parquet"),
    "arrow-pandas": (frame, _feather, "arrow"),
    "json": (dicts, _json, "json"),
    "orjson": (dicts, _orjson, "orjson"),
    "msgpack": (dicts, _msgpack, "msgpack"),
    "pickle-dicts": (dicts, _pickle, "pickle"),
}


class File:
    """A file as the source of a serializer, read once into memory of its own."""

    def __init__(self, path: str) -> None:
        from holdall.types import Trust

        self._path = path
        self.size = Path(path).stat().st_size
        self.trust = Trust(runs_code=True)

    def buffer(self) -> Any:
        data = bytearray(self.size)
        with open(self._path, "rb", buffering=0) as file, memoryview(data) as view:
            at = 0
            while at < self.size:
                at += file.readinto(view[at : at + (64 << 20)])
        return data

    def read_range(self, start: int, stop: int, /) -> Any:
        with open(self._path, "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def open(self) -> Any:
        return io.BufferedReader(io.FileIO(self._path))


def holdall(name: str, what: str, value: Any) -> Any:
    codec = serializer(name)
    if what == "get":
        return codec.load(File("holdall"))
    _, parts = codec.dump_as(value)
    with open("holdall", "wb", buffering=0) as file:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[file.write(view) :]
    return None


def serializer(name: str) -> Any:
    from base64 import urlsafe_b64encode

    from holdall.plugins import registry
    from holdall.security.keyring import KeyRing
    from holdall.security.policy import Policy

    if name == "npz":
        return registry.serializer("numpy", {"format": "npz"})
    ring = KeyRing.parse(urlsafe_b64encode(bytes(32)).decode(), source="benchmark")
    return registry.serializer(name).with_policy(Policy(encryption=ring))


def main(case: str, side: str, what: str) -> None:
    make, raw, name = CASES[case]
    value = make() if what == "put" else None
    touch(512 * MIB)
    _import(case, side)
    before = reset_peak()
    started = time.perf_counter()
    got = raw(what, value) if side == "raw" else holdall(name, what, value)
    seconds = time.perf_counter() - started
    print(json.dumps({"s": seconds, "extra": (peak() - before) / MIB}))
    del got


def _import(case: str, side: str) -> None:
    """What either needs is imported before the clock starts."""
    for name in (
        "cryptography.hazmat.primitives.ciphers.aead",
        "msgpack",
        "numpy",
        "orjson",
        "polars",
        "pyarrow.parquet",
    ):
        import_module(name)
    if side == "holdall":
        for name in ("holdall_arrow.pandas_frames", "holdall_arrow.polars_frames", "holdall_numpy.npz"):
            import_module(name)
        serializer(CASES[case][2])


if __name__ == "__main__":
    main(*sys.argv[1:])
