"""What reads bytes of others: for each reader a function of bytes that raises for a bug alone, and seeds to start from."""

from __future__ import annotations

import atexit
import json
import random
import shutil
from base64 import urlsafe_b64encode
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from tests.fuzz.sealed import Sealed

from holdall import load_result
from holdall.builtin.bundle.serializer import BundleSerializer
from holdall.builtin.compressed.serializer import CompressedSerializer
from holdall.builtin.json.serializer import JSONSerializer
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle import frame
from holdall.builtin.pickle.codec import PickleCodec
from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.errors import HoldallError
from holdall.maintenance import known_storages
from holdall.maintenance.copy_storage import copy
from holdall.maintenance.gc import collect
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results import ResultReference, from_json
from holdall.results import record as records
from holdall.results.inventory import inventory
from holdall.results.layout import record_key
from holdall.results.record import SEAL_SIZE
from holdall.results.signing_keys import Texts, parse
from holdall.results.store import ResultStore
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.security.signing import verify
from holdall.settings.model import current
from holdall.testing.sources import BytesSource
from holdall_arrow import ParquetSerializer
from holdall_cli.views import result_view
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
_KEY: Final = f"one:{urlsafe_b64encode(bytes([1]) * 32).decode()}"
RING: Final = KeyRing.parse(_KEY, source="the fuzzer")
SIGNERS: Final = parse(Texts(signing=_KEY))
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
        verify(data[:-SEAL_SIZE], keys=SIGNERS, where="it")
    records.quick_payload(resealed, resealed[:100], "k", 0.0)


ODD: Final = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        5,
        2**63,
        10**400,
        0.5,
        1e308,
        "",
        "x",
        "\ud800",
        "a\nb",
        "..",
        [],
        ["x"],
        [[]],
        {},
        {"a": 1},
    ),
    *("0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-23:59", "2024-01-01T00:00:00Z", "noon"),
    *("json", "pickle", "text", "base64", "compressed", "nowhere", "cache/aa/x.json", "payloads/../x", "sha256"),
)
"""What a member becomes."""


def _well_sealed(data: bytes, folder: Path) -> None:
    """A record of which some members have become others, with a seal that is right, under every reader there is.

    The bytes choose which record, which members, and what becomes of each.
    """
    storage = Directory(str(folder / "s"))
    chance = random.Random(data)
    reference = chance.choice(_kept(storage))
    good = bytes(storage.get(reference.key))
    storage.put(reference.key, [_forged(good, chance)])
    place = known_storages.place_of(storage)
    catalog = SQLiteCatalog(str(folder / "catalog.db"))
    try:
        store = ResultStore(storage, JSONSerializer())
        for read in (
            lambda: from_json(reference.json()).get(),
            lambda: ResultReference.from_record(bytes(storage.get(reference.key))),
            lambda: load_result(key=reference.key, storage=storage),
            lambda: load_result(key="report", storage=storage),
            lambda: store.read_quickly(reference.key),
            lambda: from_json(_forged_json(reference.json(), chance)).get(),
        ):
            with suppress(HoldallError):
                read()
        for each in inventory(storage, "it"):
            if each.record is not None:
                result_view.document(each.record)
        assert [] == [each.problem for each in rebuild([place], catalog, settings=current()) if each.problem]
        assert collect(place, expired=True, dry_run=True).problem is None
        copied = copy(place, known_storages.place_of(Directory(str(folder / "t"))), jobs=1, settings=current())
        assert all(item.what != "failed" for item in copied.items if item.key != reference.key)
    finally:
        catalog.close()
        storage.put(reference.key, [good])
        shutil.rmtree(folder / "t", ignore_errors=True)


@cache
def _kept(storage: Directory) -> list[ResultReference]:
    """Results of every kind; the storage has them from then on."""
    store, made = ResultStore(storage, JSONSerializer()), []
    producer = json.dumps({"kind": "task", "name": "n", "function": "f", "run_id": "a" * 32, "flow_run_id": None})
    for number, value in enumerate(({"a": [1]}, ["x" * 9_000])):
        stored = store.write(value, key=record_key(str(number)), producer=producer, expires=4e9)
        made.append(store.reference(stored.key, value, stored.serializer, run_id="a" * 32, cache_in_memory=False))
    stored = store.write({"a": 2}, key=record_key("both"), name="report", producer=producer)
    made += [
        store.reference(key, None, stored.serializer, run_id="a" * 32, cache_in_memory=False)
        for key in (stored.key, record_key("both"))
    ]
    store.write_literal(None, key=record_key("literal"), producer=producer)
    made.append(store.reference(record_key("literal"), None, stored.serializer, run_id=None, cache_in_memory=False))
    return made


def _forged(data: bytes, chance: random.Random) -> bytes:
    document = json.loads(data)
    payload = document["payload"]
    inlined = b',"data":' + data[:-SEAL_SIZE][-payload["size"] :] if payload and "inline" in payload else b""
    for name in ("checksum", "data"):
        document.pop(name, None)
    _change(document, chance)
    return records.seal(json.dumps(document, separators=(",", ":"))[:-1].encode() + inlined)


def _forged_json(text: str, chance: random.Random) -> str:
    document = json.loads(text)
    _change(document, chance)
    return json.dumps(document)


def _change(document: dict[str, Any], chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        place = document
        while True:
            name = chance.choice([*place, "name", "copy", "also", "literal", "decoded", "inline"])
            found = place.get(name)
            if not isinstance(found, dict) or not found or chance.random() < 0.2:
                break
            place = found
        if chance.random() < 0.1:
            place.pop(name, None)
        else:
            place[name] = chance.choice(ODD)


def _pickle_header(data: bytes) -> None:
    """The frame around a pickle; what is in it runs code, and is a matter of trust."""
    frame.unpack(memoryview(data))


def targets() -> dict[str, Target]:
    """By the name that the command takes."""
    folder = Path(mkdtemp(prefix="holdall-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    storage, sealed = Directory(str(folder / "s")), Sealed(RING)
    encrypted: Any = EncryptedSerializer(serializer="json").with_policy(Policy(encryption=RING))
    return {
        "record": Target(_record, [path.read_bytes() for path in _vectors("tests/vectors/record-v1")]),
        "members": Target(
            partial(_well_sealed, folder=folder), [bytes(storage.get(each.key)) for each in _kept(storage)]
        ),
        "serializers": Target(sealed.read, sealed.seeds()),
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
