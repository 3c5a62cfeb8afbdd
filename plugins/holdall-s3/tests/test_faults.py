"""A network that fails: what was stored stays whole, what may pass is tried again, and the rest says what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import until
from tests.services.proxy import Fault, Proxy

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.s3 import S3Server

    from holdall_s3 import S3

pytestmark = pytest.mark.services

MIB = 1 << 20
LARGE = os.urandom(1 << 16) * 192  # 12 MiB: three pieces
QUICK: dict[str, object] = {"chunk_size": 5 * MIB, "connect_timeout": 2, "read_timeout": 20}


@pytest.fixture(scope="module")
def line(seaweedfs: S3Server) -> Iterator[Proxy]:
    """What lies between the block and its server."""
    with Proxy.before(seaweedfs.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def bucket(seaweedfs: S3Server) -> str:
    """One bucket for all: a young one is slow."""
    return seaweedfs.new_bucket()


@pytest.fixture
def proxy(line: Proxy) -> Iterator[Proxy]:
    """The line, without faults."""
    line.clear()
    yield line
    line.clear()


@pytest.fixture(scope="module")
def blocks() -> Iterator[dict[str, S3]]:
    """Those that were made: a client of botocore's takes a tenth of a second to make."""
    made: dict[str, S3] = {}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def far(
    proxy: Proxy, seaweedfs: S3Server, bucket: str, make: Callable[..., S3], blocks: dict[str, S3]
) -> Callable[..., S3]:
    """A block behind the proxy, with other limits where they are given."""

    def block(**fields: object) -> S3:
        if str(fields) not in blocks:
            blocks[str(fields)] = make(seaweedfs, f"{bucket}/far", **{"endpoint_url": proxy.url, **QUICK, **fields})
        return blocks[str(fields)]

    return block


@pytest.fixture
def near(seaweedfs: S3Server, bucket: str, make: Callable[..., S3], blocks: dict[str, S3]) -> S3:
    """The same objects past the proxy."""
    return blocks.setdefault("near", make(seaweedfs, f"{bucket}/far"))


def refused(ask: Callable[[], object], server: S3Server) -> StorageError:
    """The error of `ask`, which names what it has to."""
    with pytest.raises(StorageError) as caught:
        ask()
    error = caught.value
    assert not isinstance(error, KeyMissing | KeyExists)
    assert ("s3", True) == (error.block, error.key is not None)
    assert f"{error.operation} {error.key!r} in the s3 block S3(" in str(error)
    assert server.admin.secret_access_key not in f"{error} {error!r} {error.__cause__!r}"
    return error


PASSING = [
    (503, "SlowDown"),
    (429, "TooManyRequests"),
    (429, ""),
    (500, "InternalError"),
    (502, ""),
    (504, ""),
    (400, "RequestTimeout"),
]


@pytest.mark.parametrize(("status", "code"), PASSING)
def test_what_may_pass_is_tried_again(proxy: Proxy, far: Callable[..., S3], near: S3, status: int, code: str) -> None:
    """Writing and reading come through, with one request more than there were refusals."""
    block = far()
    refusal = proxy.add(Fault(when="PUT", status=status, code=code))
    other = proxy.add(Fault(when="GET", status=status, code=code))

    block.put("k", [b"value"])

    assert b"value" == block.get("k") == near.get("k")
    assert (1, 1) == (refusal.done, other.done)
    assert (2, 2) == (len(proxy.lines("PUT")), len(proxy.lines("GET")))


@pytest.mark.parametrize("fault", [{"status": 503, "code": "SlowDown"}, {"cut_down": -1}, {"cut_up": 0}])
def test_max_attempts_is_what_is_sent(
    proxy: Proxy, far: Callable[..., S3], near: S3, seaweedfs: S3Server, fault: dict[str, Any]
) -> None:
    """On connections that were used before as well; what the server has is whole, and the pauses differ."""
    block = far(max_attempts=3)
    near.put("k", [b"old"])
    assert b"old" == block.get("k")
    proxy.add(Fault(when="PUT", times=None, **fault))

    error = refused(lambda: block.put("k", [b"new"]), seaweedfs)
    moments = [each.at for each in proxy.requests if "PUT" in each.line]

    assert error.transient
    assert 3 == len(moments)
    assert moments[1] - moments[0] != moments[2] - moments[1]
    assert (b"new" if "cut_down" in fault else b"old") == near.get("k")


FINAL = [
    (403, "AccessDenied", "these credentials may not do that (AccessDenied HTTP 403). Grant them"),
    (400, "ExpiredToken", "the credentials were not accepted (ExpiredToken HTTP 400): wrong, expired"),
    (403, "InvalidAccessKeyId", "the credentials were not accepted"),
    (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
    (301, "PermanentRedirect", "is in another region (PermanentRedirect HTTP 301). Set the region of the block"),
    (400, "AuthorizationHeaderMalformed", "is in another region (AuthorizationHeaderMalformed HTTP 400)"),
    (404, "NoSuchBucket", "does not exist"),
    (507, "InsufficientStorage", "the storage is full"),
    (501, "NotImplemented", "the service refused (NotImplemented HTTP 501)"),
]


@pytest.mark.parametrize(("status", "code", "message"), FINAL)
@pytest.mark.parametrize("operation", ["put", "get", "head", "delete"])
def test_what_stays_is_said_at_once(
    proxy: Proxy,
    far: Callable[..., S3],
    seaweedfs: S3Server,
    operation: str,
    status: int,
    code: str,
    message: str,
) -> None:
    """One request of its kind, no attempt after it; HEAD, whose refusal has no body, finds out the reason as well."""
    block = far()
    ask: dict[str, Callable[[], object]] = {
        "put": lambda: block.put("k", [b"new"]),
        "get": lambda: block.get("k"),
        "head": lambda: block.head("k"),
        "delete": lambda: block.delete("k"),
    }
    proxy.add(Fault(times=None, status=status, code=code))

    error = refused(ask[operation], seaweedfs)

    if (operation, status) not in {("head", 301), ("head", 501)}:
        assert message in str(error)
    assert not error.transient
    assert 1 == len(proxy.lines(f"{operation.upper()} /{block.bucket}/far/k"))


@pytest.mark.parametrize("fault", [{"cut_down": 2 * MIB}, {"truncate": 2 * MIB}])
def test_a_download_goes_on_where_it_was_cut(
    proxy: Proxy, far: Callable[..., S3], near: S3, fault: dict[str, int]
) -> None:
    """Whether the connection breaks or ends as if that were all: what has arrived is not asked for again."""
    near.put("large", [LARGE])
    cut = proxy.add(Fault(when="GET", times=2, **fault))

    back = far().get("large")

    assert LARGE == back
    assert 2 == cut.done
    # A reset may take with it what lay in the buffers of the network, and no more than that.
    assert len(LARGE) <= proxy.passed_down < len(LARGE) + (4 * MIB if "cut_down" in fault else 1)


def test_a_stream_goes_on_too(proxy: Proxy, far: Callable[..., S3], near: S3) -> None:
    """In order, all of it."""
    near.put("large", [LARGE])
    cut = proxy.add(Fault(when="GET", times=2, cut_down=MIB))

    back = b"".join(far().stream("large", chunk=2 * MIB))

    assert LARGE == back
    assert 2 == cut.done


def test_an_upload_repeats_the_piece_that_was_cut(proxy: Proxy, far: Callable[..., S3], near: S3) -> None:
    """And nothing else."""
    cut = proxy.add(Fault(when="partNumber=2", times=2, cut_up=2 * MIB))

    far().put("large", [LARGE])

    assert LARGE == near.get("large")
    assert 2 == cut.done
    assert [1, 3, 1] == [len(proxy.lines(f"partNumber={number}")) for number in (1, 2, 3)]


def test_an_upload_that_fails_leaves_the_old_object_and_no_parts(
    proxy: Proxy, far: Callable[..., S3], near: S3, seaweedfs: S3Server, bucket: str
) -> None:
    """All attempts are cut: the error may pass, and nothing half is there."""
    near.put("large", [b"old"])
    proxy.add(Fault(when="partNumber=2", times=None, cut_up=MIB))

    error = refused(lambda: far(max_attempts=2).put("large", [LARGE]), seaweedfs)

    assert error.transient
    assert "cannot be reached, or broke the connection" in str(error)
    assert b"old" == near.get("large")
    assert [] == seaweedfs.uploads(bucket)


@pytest.mark.parametrize("size", [10, 7 * MIB])
def test_a_create_whose_answer_was_lost_finds_its_own_object(
    proxy: Proxy, far: Callable[..., S3], near: S3, size: int
) -> None:
    """The second request meets what the first one wrote; where it is somebody else's, it is taken."""
    block = far()
    key = f"created-{size}"
    assert not block.exists(key)  # so that a connection is open, on which HTTP libraries repeat in silence
    lost = proxy.add(Fault(when="PUT", cut_down=-1))
    meta = block.put(key, [LARGE[:size]], mode="create")
    proxy.clear()
    proxy.add(Fault(when="PUT", cut_down=-1))

    assert 1 == lost.done
    assert near.head(key).etag == meta.etag
    assert size == meta.size
    with pytest.raises(KeyExists):
        block.put(key, [b"another"], mode="create")


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_finish_whose_answer_was_lost_is_a_finish(
    proxy: Proxy, far: Callable[..., S3], near: S3, forgotten: bool
) -> None:
    """Also where the server knows nothing of the upload any more."""
    lost = proxy.add(Fault(when=f"POST /{near.bucket}/far/large?uploadId", cut_down=-1))
    gone = proxy.add(Fault(when="POST nothing", status=404, code="NoSuchUpload"))
    if forgotten:
        gone.when = lost.when
        proxy.faults.reverse()

    meta = far().put("large", [LARGE[: 7 * MIB]])

    assert (1, int(forgotten)) == (lost.done, gone.done)
    assert LARGE[: 7 * MIB] == near.get("large")
    assert near.head("large").etag == meta.etag


def test_a_silent_server_is_given_up_in_time(
    proxy: Proxy, far: Callable[..., S3], near: S3, seaweedfs: S3Server
) -> None:
    """After `read_timeout` for each attempt; the message says which knob there is."""
    near.put("k", [b"old"])
    block = far(read_timeout=0.5, max_attempts=2)
    proxy.add(Fault(times=None, silent=True))
    started = time.monotonic()

    for ask in (lambda: block.get("k"), lambda: block.put("k", [b"new"]), lambda: block.put("k", [LARGE])):
        error = refused(ask, seaweedfs)
        assert error.transient
        assert f"{proxy.url} did not answer in time" in str(error)
        assert "raise the timeouts of the block" in str(error)
    assert 10 > time.monotonic() - started
    assert b"old" == near.get("k")


@pytest.mark.parametrize("operation", ["get", "range", "scan", "put"])
def test_timeout_is_for_the_whole(
    proxy: Proxy, far: Callable[..., S3], near: S3, seaweedfs: S3Server, operation: str
) -> None:
    """A server that drips bytes never runs into `read_timeout`, and one that is silent to the very end is no exception."""
    near.put("k", [b"x" * 1000])
    block = far(timeout=0.7)
    proxy.add(Fault(times=None, drip=0.05) if operation != "put" else Fault(times=None, silent=True))
    ask: dict[str, Callable[[], object]] = {
        "get": lambda: block.get("k"),
        "range": lambda: block.get("k", byte_range=ByteRange(10, 900)),
        "scan": lambda: list(block.scan("k")),
        "put": lambda: block.put("k", [LARGE]),
    }
    started = time.monotonic()

    error = refused(ask[operation], seaweedfs)

    assert error.transient
    assert 0.6 < time.monotonic() - started < 4
    assert b"x" * 1000 == near.get("k")


def test_a_network_that_comes_back_is_used_again(proxy: Proxy, far: Callable[..., S3], seaweedfs: S3Server) -> None:
    """By the same block, whose connections were all broken."""
    block = far(max_attempts=2)
    block.put("k", [b"before"])
    proxy.refuse()

    error = refused(lambda: block.get("k"), seaweedfs)
    proxy.accept()

    assert error.transient
    assert f"{proxy.url} cannot be reached" in str(error)
    assert b"before" == block.get("k")


WRITER = """
import sys, time
from holdall_s3 import S3

def parts():
    yield bytes(12 << 20)
    print("half", flush=True)
    time.sleep(60)

S3(bucket_path=sys.argv[1], chunk_size=5 << 20).put("payloads/killed", parts())
"""


def test_what_a_killed_writer_leaves_is_swept(
    seaweedfs: S3Server, bucket: str, make: Callable[..., S3], tmp_path: Path
) -> None:
    """`holdall gc` removes its parts, which no listing shows; nothing of another prefix, and nothing that is whole."""
    block = make(seaweedfs, f"{bucket}/swept")
    block.put("payloads/whole", [b"whole"])
    other = seaweedfs.client().create_multipart_upload(Bucket=bucket, Key="swept-beside/x")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, f"{bucket}/swept"],
        env={**os.environ, **seaweedfs.environment()},
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        key = "swept/payloads/killed"
        until(lambda: bool(block.sweep(time.time() + 60, dry_run=True)), seconds=20, what=lambda: "no upload was begun")
        until(lambda: block.sweep(time.time() + 60, dry_run=True)[0].size > 0, seconds=20, what=lambda: "no part came")
        writer.send_signal(signal.SIGKILL)
    begun = seaweedfs.uploads(bucket)

    young = block.sweep(time.time() - 3600)
    dry = block.sweep(time.time() + 60, dry_run=True)
    command = [sys.executable, "-m", "holdall", "gc", "--json", "--grace", "0", "--storage", f"s3://{bucket}/swept"]
    said = subprocess.run(
        command,
        env={**os.environ, **seaweedfs.environment(), "HOLDALL_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    ).stdout
    removed = json.loads(said)["storages"][0]["removed"]
    left = seaweedfs.uploads(bucket)
    seaweedfs.client().abort_multipart_upload(Bucket=bucket, Key="swept-beside/x", UploadId=other["UploadId"])

    assert {key, "swept-beside/x"} == set(begun)
    assert [] == young
    assert [("unfinished", dry[0].key, dry[0].size)] == [tuple(each.values()) for each in removed]
    assert dry[0].key.startswith(f"{key.removeprefix('swept/')} (upload ")
    assert 5 * MIB <= dry[0].size
    assert ["swept-beside/x"] == left
    assert b"whole" == block.get("payloads/whole")
    block.close()
