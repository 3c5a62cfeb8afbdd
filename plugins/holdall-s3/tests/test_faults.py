"""A network that fails, before S3; and what S3 says in its own words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.services.network import LARGE, MIB, NetworkContract, refused
from tests.services.process import until
from tests.services.proxy import Fault, Proxy

from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.services.s3 import S3Server

pytestmark = pytest.mark.services

PASSING = [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError"), (400, "RequestTimeout")]


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


class TestSeaweedFS(NetworkContract):
    """Pieces are parts, which an upload that fails leaves none of."""

    piece: ClassVar[str] = "partNumber="
    server: ClassVar[S3Server]
    bucket: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls, seaweedfs: S3Server) -> str:
        cls.server, cls.bucket = seaweedfs, seaweedfs.new_bucket()
        return seaweedfs.endpoint_url

    def at(self, url: str, **fields: object) -> S3:
        keys = self.server.admin
        where = {"bucket_path": f"{self.bucket}/far", "endpoint_url": url, "region_name": self.server.region_name}
        signed = {"aws_access_key_id": keys.access_key_id, "aws_secret_access_key": keys.secret_access_key}
        return S3.model_validate({**where, **signed, **fields})

    @pytest.mark.parametrize(("status", "code"), PASSING)
    def test_a_code_that_may_pass(self, proxy: Proxy, far: Callable[..., S3], near: S3, status: int, code: str) -> None:
        """Whatever the status says."""
        proxy.add(Fault(when="PUT", status=status, code=code))

        far().put("k", [b"value"])

        assert b"value" == near.get("k")
        assert 2 == len(proxy.lines("PUT"))

    @pytest.mark.parametrize(("status", "code", "message"), FINAL)
    @pytest.mark.parametrize("operation", ["put", "head"])
    def test_a_code_that_stays(
        self, proxy: Proxy, far: Callable[..., S3], operation: str, status: int, code: str, message: str
    ) -> None:
        """One request of its kind; HEAD, whose refusal has no body, finds out the reason as well."""
        block = far()
        proxy.add(Fault(times=None, status=status, code=code))

        error = refused((lambda: block.put("k", [b"new"])) if operation == "put" else (lambda: block.head("k")))

        if (operation, status) not in {("head", 301), ("head", 501)}:
            assert message in str(error)
        assert not error.transient
        assert self.server.admin.secret_access_key not in f"{error} {error!r} {error.__cause__!r}"
        assert 1 == len(proxy.lines(f"{operation.upper()} /{block.bucket}/far/k"))

    def test_an_upload_that_fails_leaves_no_parts(self, proxy: Proxy, far: Callable[..., S3]) -> None:
        """They would cost money, and no listing shows them."""
        proxy.add(Fault(when="partNumber=2", times=None, cut_up=MIB))

        refused(lambda: far(max_attempts=2).put("large", [LARGE]))

        assert [] == self.server.uploads(self.bucket)

    @pytest.mark.parametrize("forgotten", [False, True])
    def test_a_finish_whose_answer_was_lost_is_a_finish(
        self, proxy: Proxy, far: Callable[..., S3], near: S3, forgotten: bool
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


WRITER = """
import sys, time
from holdall_s3 import S3

def parts():
    yield bytes(12 << 20)
    print("half", flush=True)
    time.sleep(60)

S3(bucket_path=sys.argv[1], chunk_size=5 << 20).put("payloads/killed", parts())
"""


def test_what_a_killed_writer_leaves_is_swept(seaweedfs: S3Server, make: Callable[..., S3], tmp_path: Path) -> None:
    """`holdall gc` removes its parts, which no listing shows; nothing of another prefix, and nothing that is whole."""
    bucket = seaweedfs.new_bucket()
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
