"""Blocks of object stores beside the clients that they stand on, on real servers started here.

Raw is the client library used well: its own parallel uploads and ranges, one connection pool, no listing before a write.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from timing import Row, in_fresh_process, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[1] / "sides" / "stores.py"
ROUNDS = 5


def measure(directory: Path) -> Iterator[Row]:
    for name, sides, store in _stores(directory):
        os.environ["STORE"] = json.dumps(store)
        for what, unit, target in (
            ("large", "256 MiB", "at least 0.9 of the raw client's speed: 1.11x"),
            ("small", "500 small results, 16 at a time", "at least 0.8 of the raw client's speed: 1.25x"),
        ):
            yield from _rows(directory, name, sides, what, unit, target)
        blocks = [side for side in sides if side[0].isupper()]
        extra = {side: in_fresh_process(SCRIPT, side, "memory", directory=directory) for side in blocks}
        told = "; ".join(f"{side} put {each['put']:.0f}, get {each['get']:.0f}" for side, each in extra.items())
        print(f"{name}, MiB beside a result of 1 GiB   (target: 128)\n    {told}\n", flush=True)


def _rows(directory: Path, name: str, sides: list[str], what: str, unit: str, target: str) -> Iterator[Row]:
    taken: dict[str, dict[str, list[float]]] = {"put": {}, "get": {}}

    def run(side: str) -> float:
        for way, seconds in in_fresh_process(SCRIPT, side, what, directory=directory).items():
            taken[way].setdefault(side, []).append(seconds)
        return 0.0

    interleaved({side: lambda side=side: run(side) for side in sides}, rounds=ROUNDS)
    for way, rounds in taken.items():
        counted = {side: each[1:] for side, each in rounds.items()}  # the first round warmed up
        fastest = min(sides, key=lambda side: median(counted[side]))
        yield Row(
            title=f"{name}: {unit}, {way}",
            unit="s",
            rounds=counted,
            target=target,
            raw=sides[0],
            notes=(f"fastest: {fastest}",),
        )


def _stores(directory: Path) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Servers one after the other: each with its raw client first, then what stands beside it."""
    from tests.services.azure import Azurite
    from tests.services.gcs import FakeGCS
    from tests.services.s3 import SeaweedFS

    with ExitStack() as stack:
        s3 = stack.enter_context(SeaweedFS.running(directory / "seaweedfs"))
        keys = {"key": s3.admin.access_key_id, "secret": s3.admin.secret_access_key}
        yield (
            "S3",
            ["s3fs", "S3", "obstore", "ObjectStore"],
            {"url": s3.endpoint_url, "bucket": s3.new_bucket(), **keys},
        )
    with ExitStack() as stack:
        gcs = stack.enter_context(FakeGCS.running(directory / "gcs"))
        yield "GCS", ["gcsfs", "GCS"], {"url": gcs.endpoint_url, "bucket": gcs.new_bucket()}
    with ExitStack() as stack:
        azure = stack.enter_context(Azurite.running(directory / "azurite"))
        keys = {"key": azure.account_name, "secret": azure.account_key, "connection_string": azure.connection_string}
        store = {"url": azure.endpoint_url, "bucket": azure.new_container(), **keys}
        yield "Azure", ["adlfs", "Azure", "obstore", "ObjectStore"], store
