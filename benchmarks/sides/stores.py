"""One client of an object store at work: `stores.py SIDE large|small|memory`, the server's address in STORE as JSON.

`large` times 256 MiB each way, after a small object each way that opens the connections; `small` 500 results of some
hundred bytes, 16 at a time; `memory` takes what 1 GiB each way adds to the process beside the object itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from memory import peak, reset_peak, touch

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE, HUGE = 256 << 20, 1 << 30
SMALL, TOGETHER = 500, 16
STORE: dict[str, str] = json.loads(os.environ.get("STORE", "{}"))


class Client(NamedTuple):
    put: Callable[[str, Any], object]
    get: Callable[[str], Any]


def s3fs() -> Client:
    from s3fs import S3FileSystem

    files = S3FileSystem(key=STORE["key"], secret=STORE["secret"], endpoint_url=STORE["url"], use_listings_cache=False)
    bucket = STORE["bucket"]
    return Client(
        lambda key, data: files.pipe_file(f"{bucket}/{key}", data), lambda key: files.cat_file(f"{bucket}/{key}")
    )


def gcsfs() -> Client:
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(token="anon", endpoint_url=STORE["url"], use_listings_cache=False)  # noqa: S106 - the word for no credentials
    bucket = STORE["bucket"]
    return Client(
        lambda key, data: files.pipe_file(f"{bucket}/{key}", data), lambda key: files.cat_file(f"{bucket}/{key}")
    )


def adlfs() -> Client:
    from adlfs import AzureBlobFileSystem

    files = AzureBlobFileSystem(
        connection_string=STORE["connection_string"], use_listings_cache=False, max_concurrency=4
    )
    bucket = STORE["bucket"]
    return Client(
        lambda key, data: files.pipe_file(f"{bucket}/{key}", data), lambda key: files.cat_file(f"{bucket}/{key}")
    )


def obstore() -> Client:
    import obstore as library
    from obstore.store import AzureStore, S3Store

    store: Any
    if "connection_string" in STORE:
        store = AzureStore(
            STORE["bucket"],
            account_name=STORE["key"],
            account_key=STORE["secret"],
            endpoint=STORE["url"],
            client_options={"allow_http": True},
        )
    else:
        store = S3Store(
            STORE["bucket"],
            access_key_id=STORE["key"],
            secret_access_key=STORE["secret"],
            endpoint=STORE["url"],
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def put(key: str, data: Any) -> object:
        return library.put(store, key, data, chunk_size=16 << 20, max_concurrency=4)

    def get(key: str) -> Any:
        size = library.head(store, key)["size"]
        if size <= 16 << 20:
            return library.get(store, key).bytes()
        starts = list(range(0, size, 16 << 20))
        with ThreadPoolExecutor(4) as pool:
            pieces = pool.map(
                lambda start: library.get_range(store, key, start=start, end=min(start + (16 << 20), size)), starts
            )
            return b"".join(map(memoryview, pieces))

    return Client(put, get)


def block(name: str) -> Any:
    """holdall's block of that name, on the server."""
    from holdall import filesystems

    bucket = f"{STORE['bucket']}/{name}"
    if name == "S3":
        return filesystems.S3(
            bucket_path=bucket,
            aws_access_key_id=STORE["key"],
            aws_secret_access_key=STORE["secret"],
            endpoint_url=STORE["url"],
            region_name="us-east-1",
        )
    if name == "GCS":
        return filesystems.GCS(bucket_path=bucket, endpoint_url=STORE["url"], anonymous=True)
    if name == "Azure":
        return filesystems.Azure(bucket_path=bucket, connection_string=STORE["connection_string"])
    scheme, own = ("az", "account") if "connection_string" in STORE else ("s3", "aws")
    names = {"account": ("account_name", "account_key"), "aws": ("aws_access_key_id", "aws_secret_access_key")}[own]
    keys = dict(zip(names, (STORE["key"], STORE["secret"]), strict=True))
    return filesystems.ObjectStore(url=f"{scheme}://{bucket}", endpoint_url=STORE["url"], **keys)


def client(side: str) -> Client:
    raw = {"s3fs": s3fs, "gcsfs": gcsfs, "adlfs": adlfs, "obstore": obstore}
    if side in raw:
        return raw[side]()
    made = block(side)
    return Client(lambda key, data: made.put(key, [data]), made.get)


def large(side: str) -> dict[str, float]:
    work = client(side)
    data = os.urandom(LARGE)
    work.put("warm", b"warm")
    work.get("warm")
    touch(LARGE)
    started = time.perf_counter()
    work.put("large", data)
    put = time.perf_counter() - started
    started = time.perf_counter()
    got = work.get("large")
    get = time.perf_counter() - started
    assert memoryview(got) == memoryview(data)
    return {"put": put, "get": get}


def small(side: str) -> dict[str, float]:
    """Results for a block, bare objects of the same size for a raw client."""
    if side[0].isupper():
        return _small_results(block(side))
    work = client(side)
    data = bytes(700)
    work.put("warm", data)
    with ThreadPoolExecutor(TOGETHER) as pool:
        started = time.perf_counter()
        list(pool.map(lambda number: work.put(f"small/{number}", data), range(SMALL)))
        put = time.perf_counter() - started
        started = time.perf_counter()
        list(pool.map(lambda number: work.get(f"small/{number}"), range(SMALL)))
        get = time.perf_counter() - started
    return {"put": put, "get": get}


def _small_results(place: Any) -> dict[str, float]:
    from holdall import flow, task
    from holdall.builtin.threads import ThreadRunner

    kept = task(persist_result=True, cache_result_in_memory=False)(
        lambda number: {"number": number, "name": "a small dict", "parts": [1, 2.5, None] * 20}
    )

    @flow(result_storage=place, task_runner=ThreadRunner(TOGETHER))
    def run() -> tuple[float, list[Any]]:
        kept(-1)
        started = time.perf_counter()
        futures = kept.map(range(SMALL))
        for future in futures:
            future.wait()
        return time.perf_counter() - started, [future.state().reference for future in futures]

    put, references = run()
    with ThreadPoolExecutor(TOGETHER) as pool:
        started = time.perf_counter()
        got = list(pool.map(lambda reference: reference.get()["number"], references))
        get = time.perf_counter() - started
    assert got == list(range(SMALL))
    return {"put": put, "get": get}


def memory(side: str) -> dict[str, float]:
    import numpy as np

    work = client(side)
    work.put("warm", b"warm")
    work.get("warm")
    data = np.arange(HUGE // 8, dtype="f8")
    before = reset_peak()
    work.put("huge", memoryview(data).cast("B"))
    put = peak() - before
    del data
    before = reset_peak()
    got = work.get("huge")
    get = peak() - before - HUGE
    assert len(got) == HUGE
    return {"put": put / (1 << 20), "get": get / (1 << 20)}


if __name__ == "__main__":
    print(json.dumps({"large": large, "small": small, "memory": memory}[sys.argv[2]](sys.argv[1])))
