"""What goes to Google and in which order, looked at from a server that keeps to Google's protocol or breaks it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.services.http_server import CannedResponse, RecordedRequest, RecordingServer

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall_gcs import GCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.gcs import FakeGCS

pytestmark = pytest.mark.services

MIB = 1 << 20


@dataclass
class Session:
    """One upload in pieces, as Google documents it: bytes that it has already are skipped."""

    trouble: list[Callable[[RecordedRequest], CannedResponse | None]]
    """What to do with each request for pieces, before Google's own answer; None for that."""
    stored: bytearray = field(default_factory=bytearray)
    ranges: list[str] = field(default_factory=list)

    def answer(self, asked: RecordedRequest) -> CannedResponse:
        if asked.method == "DELETE":
            return CannedResponse(499)
        if "upload_id" not in asked.path:
            where = f"http://{asked.headers['Host']}{asked.path}&upload_id=1"
            return CannedResponse(200, headers={"Location": where})
        self.ranges.append(asked.headers["Content-Range"])
        act = self.trouble.pop(0) if self.trouble else None
        said = act(asked) if act is not None else None
        return said or self.take(asked)

    def take(self, asked: RecordedRequest, most: int | None = None) -> CannedResponse:
        start, total = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", asked.headers["Content-Range"]).groups()
        self.stored += asked.body[len(self.stored) - int(start) : most]
        if str(len(self.stored)) == total:
            return CannedResponse(200, json.dumps({"size": total, "generation": "7"}).encode())
        return CannedResponse(308, headers={"Range": f"bytes=0-{len(self.stored) - 1}"} if self.stored else {})


def uploading(
    *trouble: Callable[[Session, RecordedRequest], CannedResponse | None], **fields: object
) -> tuple[Session, RecordingServer, object]:
    """Put 25 MiB in pieces of 5 MiB, two in a request, and say what came of it."""
    session = Session([])
    session.trouble = [lambda asked, act=act: act(session, asked) for act in trouble]
    with RecordingServer.running(session.answer) as server:
        block = GCS(
            bucket_path="bucket",
            endpoint_url=server.endpoint_url,
            **{"chunk_size": 5 * MIB, "concurrency": 4, "max_attempts": 2, **fields},
        )
        try:
            return session, server, block.put("k", [CONTENT])
        except StorageError as error:
            return session, server, error


CONTENT = os.urandom(MIB) * 25


def test_pieces_go_in_order_and_the_last_names_the_size() -> None:
    """Nobody knows the size before; half as many pieces as may be under way share a request."""
    session, server, put = uploading()

    assert CONTENT == session.stored
    assert [
        f"bytes 0-{10 * MIB - 1}/*",
        f"bytes {10 * MIB}-{20 * MIB - 1}/*",
        f"bytes {20 * MIB}-{25 * MIB - 1}/{25 * MIB}",
    ] == session.ranges
    assert ("7", 25 * MIB) == (put.etag, put.size)
    assert {"uploadType": ["resumable"], "name": ["k"]} == parse_qs(urlsplit(server.asked[0].path).query)


def test_what_google_did_not_keep_is_sent_again() -> None:
    """It may keep a part of a request, or nothing of it."""
    session, _, put = uploading(lambda session, asked: session.take(asked, most=MIB))

    assert CONTENT == session.stored
    assert f"bytes {MIB}-{10 * MIB - 1}/*" == session.ranges[1]
    assert "7" == put.etag


@pytest.mark.parametrize("said", [CannedResponse(None), CannedResponse(503)])
@pytest.mark.parametrize("arrived", [False, True])
def test_a_request_that_failed_is_sent_again(said: CannedResponse, arrived: bool) -> None:
    """Whether its bytes arrived or not, each is in the object once."""

    def trouble(session: Session, asked: RecordedRequest) -> CannedResponse:
        if arrived:
            session.take(asked)
        return said

    session, _, put = uploading(lambda *_: None, trouble)

    assert CONTENT == session.stored
    assert 4 == len(session.ranges)
    assert "7" == put.etag


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (CannedResponse(503), "the service failed (HTTP 503)"),
        (CannedResponse(404), "the service refused (HTTP 404)"),
        (CannedResponse(308), "broke the connection"),
    ],
)
def test_a_failed_upload_is_given_up(said: CannedResponse, message: str) -> None:
    """Its session is deleted, so that Google forgets the bytes."""
    _, server, error = uploading(lambda *_: said, lambda *_: said)

    assert message in str(error)
    assert "DELETE" == server.asked[-1].method
    assert "upload_id" in server.asked[-1].path


def test_an_object_of_another_size_is_removed() -> None:
    """That very one, and nothing that somebody writes after it."""
    _, server, error = uploading(lambda *_: CannedResponse(200, b'{"size": "12", "generation": "7"}'))

    assert error.transient
    assert ("DELETE", "/storage/v1/b/bucket/o/k?generation=7") == server.asked[-1][:2]


def test_a_service_that_forgets_what_it_had_is_no_success() -> None:
    """The bytes are not here any more to be sent again, and what is here instead is never sent in their place."""
    session, server, error = uploading(lambda *_: None, lambda *_: CannedResponse(308))

    assert "kept nothing" in str(error.__cause__)
    assert 2 == len(session.ranges)
    assert "DELETE" == server.asked[-1].method


def test_an_upload_without_an_object_is_no_success() -> None:
    """All bytes are there, and Google says that it waits for more."""

    def trouble(session: Session, asked: RecordedRequest) -> CannedResponse:
        session.take(asked)
        return CannedResponse(308, headers={"Range": f"bytes=0-{len(session.stored) - 1}"})

    _, server, error = uploading(trouble, trouble, trouble)

    assert isinstance(error, StorageError)
    assert error.transient
    assert "DELETE" == server.asked[-1].method


def test_a_failing_source_leaves_nothing(block: GCS, fake_gcs: FakeGCS, bucket: str) -> None:
    """What the caller's parts raise reaches the caller as it is, and the object that was there stays."""
    block.put("k", [b"as it was"])

    def parts() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(16 * MIB)
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("k", parts())
    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("other", parts(), mode="create")

    assert ["some/prefix/k"] == fake_gcs.keys(bucket)
    assert b"as it was" == fake_gcs.get(bucket, "some/prefix/k")


def test_a_large_create_is_one_request(block: GCS, fake_gcs: FakeGCS, bucket: str) -> None:
    """Which the server decides."""
    content = os.urandom(MIB) * 20
    block.put("k", iter([content]), mode="create")

    with pytest.raises(KeyExists, match="already; it was left alone"):
        block.put("k", [bytes(20 * MIB)], mode="create")

    assert content == fake_gcs.get(bucket, "some/prefix/k")


def test_a_create_whose_answer_was_lost_has_won() -> None:
    """It is its own object that is in the way of the request that was sent again."""
    bodies: list[bytes] = []

    def answer(asked: RecordedRequest) -> CannedResponse:
        if asked.method == "POST":
            bodies.append(asked.body)
            return CannedResponse(None) if len(bodies) == 1 else CannedResponse(412)
        if "alt=media" in asked.path:
            ranged = {"Content-Range": "bytes 0-3/4", "X-Goog-Generation": "7"}
            return CannedResponse(206, b"mine", ranged)
        about = {"name": "k", "size": "4", "generation": "7", "timeCreated": "2026-01-02T03:04:05.678Z"}
        return CannedResponse(200, json.dumps(about).encode())

    with RecordingServer.running(answer) as server:
        put = GCS(bucket_path="bucket", endpoint_url=server.endpoint_url).put("k", [b"mine"], mode="create")

    assert "7" == put.etag
    assert [True, True] == [b"\r\n\r\nmine\r\n--" in body for body in bodies]
    assert {"uploadType": ["multipart"], "ifGenerationMatch": ["0"]} == parse_qs(urlsplit(server.asked[0].path).query)


def test_a_server_that_takes_nothing_more_is_not_waited_for() -> None:
    """A stalled upload ends in the time for reading, however large it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        block = GCS(bucket_path="bucket", endpoint_url=url, read_timeout=0.3, max_attempts=1)

        with pytest.raises(StorageError, match="did not answer in time") as caught:
            block.put("k", [bytes(16 * MIB)])

    assert caught.value.transient


def test_ranges_are_of_one_generation(block: GCS, fake_gcs: FakeGCS, bucket: str) -> None:
    """Another writer in the middle is an error that may pass, and never a mixture."""
    put = block.put("k", [bytes(16 * MIB)])
    stream = block.stream("k", chunk=MIB)
    next(stream)
    fake_gcs.put(bucket, "some/prefix/k", b"1" * (16 * MIB))

    with pytest.raises(StorageError, match="replaced while it was read") as caught:
        list(stream)

    assert caught.value.transient
    assert put.etag != block.head("k").etag


def test_ranges_name_their_generation() -> None:
    """So that Google refuses to mix two, and does not only say so."""

    def answer(asked: RecordedRequest) -> CannedResponse:
        start, stop = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers["Range"]).groups()
        ranged = {"Content-Range": f"bytes {start}-{stop}/{12 * MIB}", "X-Goog-Generation": "7"}
        return CannedResponse(206, bytes(int(stop) - int(start) + 1), ranged)

    with RecordingServer.running(answer) as server:
        block = GCS(
            bucket_path="bucket",
            endpoint_url=server.endpoint_url,
            chunk_size=6 * MIB,
            requester_pays=True,
            project="p",
            token="t",
        )
        got = block.get("k")

    assert 12 * MIB == len(got)
    assert ["alt=media&userProject=p", "alt=media&ifGenerationMatch=7&userProject=p"] == [
        asked.path.partition("?")[2] for asked in server.asked
    ]


def test_a_copy_goes_on_until_it_is_done() -> None:
    """Of a large object Google copies a part each time that it is asked."""
    about = {"name": "a", "size": "4", "generation": "7", "timeCreated": "2026-01-02T03:04:05.678Z"}
    answers = iter([about, {"done": False, "rewriteToken": "more"}, {"done": True}])

    with RecordingServer.running(lambda _: CannedResponse(200, json.dumps(next(answers)).encode())) as server:
        GCS(bucket_path="bucket/p", endpoint_url=server.endpoint_url).publish("a/b", "c d")

    path = "/storage/v1/b/bucket/o/p%2Fa%2Fb/rewriteTo/b/bucket/o/p%2Fc%20d"
    assert [("POST", path), ("POST", f"{path}?rewriteToken=more")] == [asked[:2] for asked in server.asked[1:]]


def test_scan_sees_what_others_wrote(block: GCS, fake_gcs: FakeGCS, bucket: str) -> None:
    """In order of code points; no markers of folders, nothing from outside the block."""
    expected = sorted(["a", "a-b", "a/b", "a/b/c", "a0", "é", "\uffee", "\U0001f600", "Z", "x?generation=1#2"])
    for name in [*(f"some/prefix/{key}" for key in expected), "some/prefix/a/", "some/prefix-beside/x", "elsewhere"]:
        fake_gcs.put(bucket, name, b"1")

    assert expected == [meta.key for meta in block.scan()]
    assert ["a/b", "a/b/c"] == [meta.key for meta in block.scan("a/")]
    assert [] == list(block.scan("../"))
    assert next(block.scan("a")) == block.head("a")


def test_a_deleted_object_is_missing(block: GCS) -> None:
    """Nothing remembers it."""
    block.put("k", [b"1"])
    block.delete("k")
    block.delete("k")

    with pytest.raises(KeyMissing):
        block.get("k")


def test_a_flow_keeps_results_under_url_and_slug(fake_gcs: FakeGCS, bucket: str, tmp_path: Path) -> None:
    """In a process that has nothing but the emulator's variable, and gcsfs with the class that hangs on emulators."""
    (tmp_path / "holdall.toml").write_text(f'[blocks.gcs.lake]\nbucket_path = "{bucket}/by-slug"\n')
    program = (
        "from holdall import flow, task\n"
        "@task(persist_result=True, result_storage='gcs/lake')\n"
        "def named(): return [1, 2]\n"
        f"@flow(persist_result=True, result_storage='gs://{bucket}/by-url')\n"
        "def whole(): return named()\n"
        "state = whole.with_options(return_state=True)()\n"
        "print(state.result(), state.reference.storage.type, state.reference.get())\n"
    )
    environment = {
        **os.environ,
        **fake_gcs.environment(),
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "true",
        "HOLDALL_HOME": str(tmp_path / "home"),
    }

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ("[1, 2] gcs [1, 2]\n", "") == (done.stdout, done.stderr)
    assert {"by-slug", "by-url"} == {name.partition("/")[0] for name in fake_gcs.keys(bucket)}


@pytest.mark.parametrize(("status", "gone"), [(204, True), (404, True), (412, False)])
def test_a_deletion_names_the_generation_that_was_looked_at(status: int, *, gone: bool) -> None:
    """Google refuses it where another one is there by then."""
    seen = {"name": "k", "size": "3", "generation": "41", "timeCreated": "2026-01-01T00:00:00.000Z"}

    def answer(asked: RecordedRequest) -> CannedResponse:
        return CannedResponse(status) if asked.method == "DELETE" else CannedResponse(200, json.dumps(seen).encode())

    with RecordingServer.running(answer) as server:
        block = GCS(bucket_path="bucket", endpoint_url=server.endpoint_url)

        assert gone is block.delete_unchanged(block.head("k"))
    (deletion,) = (asked for asked in server.asked if asked.method == "DELETE")
    assert {"ifGenerationMatch": ["41"]} == parse_qs(urlsplit(deletion.path).query)
