"""Blocks of object stores beside the clients that they stand on, on real servers started here.

Raw is the client library used well: its own parallel uploads and ranges, one connection pool, no listing before a write.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from timing import Row, in_fresh_process, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).parents[1] / "sides" / "stores.py"
ROUNDS = 5


class Store(NamedTuple):
    """A running server: its raw client first among the sides, then what stands beside it."""

    name: str
    sides: tuple[str, ...]
    access: dict[str, str]
    new_bucket: Callable[[], str]

    def run(self, side: str, what: str, directory: Path) -> dict[str, float]:
        # A bucket of its own each time: emulators search all that a bucket has for each name.
        os.environ["STORE"] = json.dumps({**self.access, "bucket": self.new_bucket()})
        return in_fresh_process(SCRIPT, side, what, directory=directory)


def measure(directory: Path) -> Iterator[Row]:
    for store in _stores(directory):
        for what, unit, target in (
            ("large", "256 MiB", "at least 0.9 of the raw client's speed: 1.11x"),
            ("small", "500 small results, 16 at a time", "at least 0.8 of the raw client's speed: 1.25x"),
        ):
            yield from _rows(store, what, unit, target, directory)
        blocks = [side for side in store.sides if side[0].isupper()]
        extra = {side: store.run(side, "memory", directory) for side in blocks}
        told = "; ".join(f"{side} put {each['put']:.0f}, get {each['get']:.0f}" for side, each in extra.items())
        print(f"{store.name}, MiB beside a result of 1 GiB   (target: 128)\n    {told}\n", flush=True)


def _rows(store: Store, what: str, unit: str, target: str, directory: Path) -> Iterator[Row]:
    taken: dict[str, dict[str, list[float]]] = {"put": {}, "get": {}}

    def run(side: str) -> float:
        for way, seconds in store.run(side, what, directory).items():
            taken[way].setdefault(side, []).append(seconds)
        return 0.0

    interleaved({side: lambda side=side: run(side) for side in store.sides}, rounds=ROUNDS)
    for way, rounds in taken.items():
        counted = {side: each[1:] for side, each in rounds.items()}  # the first round warmed up
        fastest = min(store.sides, key=lambda side: median(counted[side]))
        yield Row(
            title=f"{store.name}: {unit}, {way}",
            unit="s",
            rounds=counted,
            target=target,
            raw=store.sides[0],
            notes=(f"fastest: {fastest}",),
        )


def _stores(directory: Path) -> Iterator[Store]:
    """One server after the other."""
    from tests.services.azure import Azurite
    from tests.services.gcs import FakeGCS
    from tests.services.s3 import SeaweedFS

    with SeaweedFS.running(directory / "seaweedfs") as s3:
        access = {"url": s3.endpoint_url, "key": s3.admin.access_key_id, "secret": s3.admin.secret_access_key}
        yield Store("S3", ("s3fs", "S3", "obstore", "ObjectStore"), access, s3.new_bucket)
    with FakeGCS.running(directory / "gcs") as gcs:
        yield Store("GCS", ("gcsfs", "GCS"), {"url": gcs.endpoint_url}, gcs.new_bucket)
    with Azurite.running(directory / "azurite") as azure:
        access = {"url": azure.endpoint_url, "key": azure.account_name, "secret": azure.account_key}
        access["connection_string"] = azure.connection_string
        yield Store("Azure", ("adlfs", "Azure", "obstore", "ObjectStore"), access, azure.new_container)
