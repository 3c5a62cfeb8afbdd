"""What the processes under test run and read: results of every kind, each with a checksum of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zlib import crc32

from holdall import flow, task
from holdall.results.layout import record_key

LARGE = 1 << 20
CACHED = 6
OVERWRITTEN = ("latest/small", "latest/large")
CACHED_KEYS = tuple(record_key(f"cached-{n}") for n in range(CACHED))


def sealed(size: int, note: Any) -> dict[str, Any]:
    """A value that tells whether it is whole."""
    body = os.urandom(16) * (size // 16)
    return {"note": note, "body": body, "crc": crc32(body), "size": size}


def is_whole(value: dict[str, Any]) -> bool:
    """Whether every byte is as `sealed` made it."""
    return value["size"] == len(value["body"]) and value["crc"] == crc32(value["body"])


@task(persist_result=True)
def inline(n: int) -> dict[str, Any]:
    """Small enough to lie in its record."""
    return sealed(256, n)


@task(persist_result=True)
def payload(n: int) -> dict[str, Any]:
    """A megabyte in a file of its own."""
    return sealed(LARGE, n)


@task(cache_key_fn=lambda _, parameters: f"cached-{parameters['n']}")
def cached(n: int) -> dict[str, Any]:
    """Computed once for ever; each third is large."""
    return sealed(LARGE if n % 3 == 0 else 512, n)


@task(result_storage_key="latest/small")
def latest_small(n: int) -> dict[str, Any]:
    """Replaced by every run."""
    return sealed(1024, n)


@task(result_storage_key="latest/large")
def latest_large(n: int) -> dict[str, Any]:
    """Replaced by every run, and too large for its record."""
    return sealed(LARGE, n)


@task
def plain(n: int) -> int:
    """Recorded and not kept."""
    return n + 1


@flow
def everything(n: int, storage: Path) -> int:
    """One of each; returns how many were whole."""
    here = {"result_storage": storage}
    made = [
        inline.with_options(**here)(n),
        payload.with_options(**here)(n),
        latest_small.with_options(**here)(n),
        latest_large.with_options(**here)(n),
        *(cached.with_options(**here)(each) for each in range(CACHED)),
    ]
    plain(n)
    return sum(map(is_whole, made))
