"""Keeps a large result in S3 and reads it; prints by how much memory grew beyond the value, in bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from holdall import task
from holdall.results import from_json
from holdall_s3 import S3

MIB = 1 << 20
SIZE = 192 * MIB


def held(what: str) -> int:
    """`VmHWM`: the most that this process ever held. `RssAnon`: what it holds now that is no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def reset() -> None:
    """Count from here."""
    Path("/proc/self/clear_refs").write_text("5")


def block(bucket: str, **fields: Any) -> S3:
    """Where the results go."""
    return S3(bucket_path=f"{bucket}/p", **fields)


def write(bucket: str) -> object:
    """An array, from memory."""
    value = np.full(SIZE // 8, 1.5)
    stored = task(persist_result=True, return_state=True, result_storage=block(bucket))
    stored(lambda: np.zeros(65536))()  # everything imported and opened
    keep: Any = stored(lambda: value)
    reset()
    before = held("VmHWM")
    reference = keep().reference.json()
    return [reference, held("VmHWM") - before]


def read(bucket: str, reference: str) -> object:
    """The same, into memory."""
    block(bucket).get(next(meta.key for meta in block(bucket).scan() if meta.size < SIZE))
    reset()
    before = held("VmHWM")
    found = from_json(reference).get()
    assert found.flags.writeable
    assert found[-1] == 1.5
    return held("VmHWM") - before - SIZE


def mapped(bucket: str) -> object:
    """The same, into a mapped file: what counts is memory that is no file's."""
    storage = block(bucket, map_above=MIB)
    key = next(meta.key for meta in storage.scan() if meta.size > SIZE)
    before = held("RssAnon")
    found = storage.get(key)
    return [len(found) > SIZE, held("RssAnon") - before]


def stream(bucket: str, serializer: str, mebibytes: str) -> object:
    """A value that is small in memory and large when it is written, from a serializer's generator."""
    chunk = np.random.default_rng(1).bytes(MIB)
    storage = block(bucket, chunk_size=5 * MIB, concurrency=2)
    stored = task(persist_result=True, return_state=True, result_storage=storage, result_serializer=serializer)
    stored(lambda: [chunk])()
    keep: Any = stored(lambda: [chunk] * int(mebibytes))
    reset()
    before = held("VmHWM")
    keep()
    return held("VmHWM") - before


print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
