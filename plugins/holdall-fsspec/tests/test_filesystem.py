"""Any fsspec URL as a storage: one that is whole by itself (memory), and one that shows what is half written."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from holdall import settings, task
from holdall.blocks.reopen import storage_at
from holdall.errors import ConfigurationError, KeyExists, KeyMissing, StorageError
from holdall.results import StorageReference
from holdall.types import ByteRange
from holdall_fsspec import FsspecFileSystem
from holdall_fsspec.filesystems.adapters import ReadOnly, WholeObjects, adapter_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20


class Shared(LocalFileSystem):  # type: ignore[misc]
    """Stands for sftp, smb, hdfs: a real filesystem behind a protocol that holdall knows nothing of."""

    protocol = "holdall-shared"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.removeprefix("holdall-shared://"))
        return stripped


fsspec.register_implementation("holdall-shared", Shared, clobber=True)


@pytest.fixture(params=["memory", "holdall-shared"])
def block(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FsspecFileSystem]:
    """A block in an empty place."""
    block = FsspecFileSystem(basepath=f"{request.param}://{tmp_path}")
    yield block
    if request.param == "memory":
        block.client.store.clear()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[FsspecFileSystem]:
    """A block in memory, which can create on condition."""
    block = FsspecFileSystem(basepath=f"memory://{tmp_path}")
    yield block
    block.client.store.clear()


def test_what_is_put_is_got(block: FsspecFileSystem) -> None:
    """In parts, as a whole, by range."""
    meta = block.put("a/b.bin", [b"0123", bytearray(b"456"), memoryview(b"789")])

    assert b"0123456789" == block.get("a/b.bin")
    assert b"345" == block.get("a/b.bin", byte_range=ByteRange(3, 6))
    assert b"" == block.get("a/b.bin", byte_range=ByteRange(10))
    assert ("a/b.bin", 10) == (meta.key, block.head("a/b.bin").size)
    with pytest.raises(StorageError, match="past the end of the object at 10"):
        block.get("a/b.bin", byte_range=ByteRange(11))


def test_only_keymissing_means_absent(block: FsspecFileSystem) -> None:
    """A folder is no object, and below an object is none."""
    block.put("folder/k", [b""])

    for key in ("nowhere", "folder", "folder/k/below"):
        for ask in (block.get, block.head, lambda key: block.get(key, byte_range=ByteRange(0, 1))):
            with pytest.raises(KeyMissing):
                ask(key)
        assert not block.exists(key)
        block.delete(key)
    assert block.exists("folder/k")
    block.delete("folder/k")
    assert [] == list(block.scan())


def test_large_objects_go_round(block: FsspecFileSystem) -> None:
    """In pieces, into a buffer that is the caller's to change."""
    content = os.urandom(40 * MIB)

    block.put("large", iter([content[: 7 * MIB], memoryview(content)[7 * MIB :]]))
    back = block.get("large")

    assert content == back
    assert isinstance(back, bytearray)


def test_parts_that_fail_leave_nothing(block: FsspecFileSystem) -> None:
    """What was there before is there still; nothing half written is."""
    block.put("k", [b"before"])

    def parts() -> Iterator[bytes]:
        yield bytes(40 * MIB)
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("k", parts())

    assert b"before" == block.get("k")
    assert 1 == len(block.client.find(block.basepath))


def test_scan_is_in_order_of_code_points(block: FsspecFileSystem) -> None:
    """Every key that starts with the prefix."""
    expected = sorted(["a-b", "a/b", "a/b.c/d", "a0", "b", "é", "Z"])
    for key in expected:
        block.put(key, [key.encode()])

    assert expected == [meta.key for meta in block.scan()]
    assert ["a-b", "a/b", "a/b.c/d", "a0"] == [meta.key for meta in block.scan("a")]
    assert ["a/b", "a/b.c/d"] == [meta.key for meta in block.scan("a/")]
    assert [] == list(block.scan("none/of/them"))


def test_publish_gives_a_second_name(block: FsspecFileSystem) -> None:
    """The same bytes under another key."""
    block.put("source", [b"bytes"])

    block.publish("source", "public/name")

    assert b"bytes" == block.get("public/name")
    with pytest.raises(KeyMissing):
        block.publish("nowhere", "public/other")


def test_of_many_racers_one_creates(memory: FsspecFileSystem) -> None:
    """Memory is looked at and written in one step."""

    def race(number: int) -> int | None:
        try:
            memory.put("lock", [str(number).encode()], mode="create")
        except KeyExists:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        winners = [number for number in pool.map(race, range(64)) if number is not None]

    assert 1 == len(winners)
    assert str(winners[0]).encode() == memory.get("lock")


def test_a_store_that_cannot_create_says_so(tmp_path: Path) -> None:
    """A look followed by a write would let two callers both win."""
    block = FsspecFileSystem(basepath=f"holdall-shared://{tmp_path}")

    with pytest.raises(StorageError, match="no way to create an object only where none is") as caught:
        block.put("k", [b""], mode="create")

    assert not isinstance(caught.value, KeyExists)
    assert not block.exists("k")


@pytest.mark.parametrize("key", ["", "/a", "../a", "a//b", "a\x00", "a\\b", "C:x"])
def test_keys_that_are_no_names_are_refused(block: FsspecFileSystem, key: str) -> None:
    """Before anything is asked of the filesystem."""
    with pytest.raises(ConfigurationError, match="The storage key"):
        block.put(key, [b""])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"basepath": "no/url"}, "must be one URL"),
        ({"basepath": "simplecache::s3://bucket"}, "must be one URL"),
        ({"basepath": "file:///tmp/x"}, "LocalFileSystem"),
        ({"basepath": "sftp://me:hunter2@host/x"}, "must hold no credentials"),
        ({"basepath": "sftp:///x"}, "names no host"),
        ({"basepath": "sftp://"}, "names no host"),
        ({"basepath": "s3://"}, "names no bucket"),
        ({"basepath": "gs:///x"}, "names no bucket"),
        ({"basepath": "sftp://host:port/x"}, "the port in basepath is none"),
        ({"basepath": "sftp://host:99999/x"}, "the port in basepath is none"),
        ({"basepath": "sftp://[::1/x"}, "Invalid IPv6 URL"),
        ({"basepath": "sftp://me%3Ahunter2@host/x"}, "must hold no credentials"),
        ({"basepath": "http://host/x?sig=hunter2"}, "must hold no credentials"),
        ({"basepath": "s3://b", "settings": {"proxies": ["http://me:hunter2@host"]}}, "must hold no credentials"),
        ({"basepath": "sftp://host/a/../b"}, "could leave the base path or prefix"),
        ({"basepath": "s3://b", "settings": {"secret": "hunter2"}}, "put it into secret_settings"),
        ({"basepath": "s3://b", "settings": {"client_kwargs": {"aws_session_token": "hunter2"}}}, "secret_settings"),
        ({"basepath": "s3://b", "secret_settings": "hunter2"}, "must be a mapping"),
    ],
)
def test_what_cannot_be_right_is_refused(fields: dict[str, Any], message: str) -> None:
    """With a sentence, and without repeating a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        FsspecFileSystem(**fields)

    assert "hunter2" not in str(caught.value)


def test_secrets_stay_where_they_are() -> None:
    """Neither shown, nor pickled, nor in the location; the filesystem gets them."""
    block = FsspecFileSystem(
        basepath="s3://bucket/p/",
        settings={"endpoint_url": "http://h"},
        secret_settings={"key": "K", "secret": "hunter2"},
    )

    assert "hunter2" not in f"{block!r} {block.location()} {block.plain_fields()}"
    assert b"hunter2" not in pickle.dumps(block)
    assert {"basepath": "s3://bucket/p", "settings": {"endpoint_url": "http://h"}} == block.location()
    assert FsspecFileSystem(**block.location(), **block.secret_values()) == block
    back = pickle.loads(pickle.dumps(block))
    assert FsspecFileSystem(**block.location()) == FsspecFileSystem(**back.location())


@pytest.mark.parametrize(
    ("there", "sent"),
    [
        ({"basepath": "sftp://me@host/old"}, True),
        ({"basepath": "sftp://me@evil/new"}, False),
        ({"basepath": "sftp://me@host:2222/new"}, False),
        ({"basepath": "ftp://me@host/new"}, False),
        ({"basepath": "sftp://me@host/new", "settings": {"host": "evil"}}, False),
    ],
)
def test_credentials_of_a_slug_go_to_its_own_host(
    there: dict[str, Any], sent: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reference may name another folder of it, and no other host, port, protocol or setting."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path))
    monkeypatch.setenv("HOLDALL_BLOCK__FSSPEC__PROD__BASEPATH", "sftp://me@host/new")
    monkeypatch.setenv("HOLDALL_BLOCK__FSSPEC__PROD__SECRET_SETTINGS", '{"password": "hunter2"}')
    where = StorageReference(slug="fsspec/prod", type="fsspec", location=there)

    if sent:
        assert {"secret_settings": '{"password": "hunter2"}'} == storage_at(where, settings.current()).secret_values()
        return
    with pytest.raises(ConfigurationError, match="credentials are not sent to another place") as caught:
        storage_at(where, settings.current())
    assert "hunter2" not in str(caught.value)


def test_a_used_block_equals_an_unused_one(memory: FsspecFileSystem) -> None:
    """Equality follows the configuration, and so does the hash."""
    memory.put("k", [b""])
    fresh = FsspecFileSystem(basepath=memory.basepath)

    assert fresh == memory
    assert hash(fresh) == hash(memory)


def test_an_implementation_that_is_not_there_is_named() -> None:
    """The backend's own error says what to install."""
    block = FsspecFileSystem(basepath="no-such-protocol://host/x")

    with pytest.raises(StorageError, match="get 'k' in the fsspec block FsspecFileSystem") as caught:
        block.get("k")

    assert "no-such-protocol" in str(caught.value.__cause__)


def test_building_a_block_imports_no_fsspec() -> None:
    """Importing a flow that names a block costs no client."""
    program = (
        "import sys, holdall_fsspec; holdall_fsspec.FsspecFileSystem(basepath='s3://bucket').location();"
        "print([name for name in sys.modules if name.partition('.')[0] in ('fsspec', 's3fs', 'aiohttp', 'asyncio')])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == said.stdout.strip()


@pytest.mark.parametrize(
    ("basepath", "settings"),
    [
        ("gs://bucket/p", {"endpoint_url": "https://storage.evil.example"}),
        ("gs://bucket/p", {"endpoint_url": "http://storage.googleapis.com"}),
        ("abfs://container/p", {"account_name": "lakes", "account_host": "lakes.blob.evil.example"}),
    ],
)
def test_tokens_of_the_environment_are_sent_to_no_stranger(basepath: str, settings: dict[str, str]) -> None:
    """A recorded place may name any server; the user says with secrets that it is meant."""
    with pytest.raises(StorageError, match=r"not sent to\. Give its credentials in secret_settings"):
        FsspecFileSystem(basepath=basepath, settings=settings).get("k")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("foo://x", "foo:// is no protocol that fsspec knows. Known: "),
        ("sftpp://host/x", "Did you mean sftp://"),
        ("http://127.0.0.1:1/x", "can only be read"),
        ("zip://in::sftp://host/x.zip", "can only be read"),
        ("s3://", "names no bucket"),
        ("gs:///x", "names no bucket"),
        ("az://", "names no container"),
        ("sftp:///x", "names no host"),
        ("simplecache::sftp://me:hunter2@host/x", "holds a password"),
    ],
)
def test_a_url_that_can_keep_nothing_costs_no_work(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before the body runs, and not when its result is written."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    ran: list[int] = []

    with pytest.raises(ConfigurationError) as caught:
        task(lambda: ran.append(1), result_storage=url)()

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert [] == ran


@pytest.mark.parametrize("protocol", ["sftp", "ftp"])
def test_a_server_of_files_takes_names_of_files(protocol: str) -> None:
    """Segments of 255 bytes, and none that means an unfinished file."""
    block = FsspecFileSystem(basepath=f"{protocol}://host/x")
    block.check_key("a" * 255)

    for key in ("a" * 256, "a/" + "\u00e9" * 128, ".holdall-tmp-x", "a/.holdall-tmp-y/b", "a/.HOLDALL-TMP-z"):
        with pytest.raises(ConfigurationError, match="has a segment"):
            block.check_key(key)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_client_that_cannot_be_made_is_a_failure_of_the_storage(pieces: int) -> None:
    """Whatever the size of what is written, and with the advice that says why."""
    block = FsspecFileSystem(
        basepath="gs://bucket/results", settings={"endpoint_url": "https://evil.org"}, chunk_size=5 * MIB
    )

    with pytest.raises(StorageError, match="names a server that tokens of the environment are not sent to") as caught:
        block.put("k", [bytes(5 * MIB)] * pieces)
    assert ("put", "k") == (caught.value.operation, caught.value.key)


@pytest.mark.parametrize("protocol", fsspec.available_protocols())
def test_each_protocol_has_a_family(protocol: str) -> None:
    """What locks can create, what can create shows whole objects, and what can only be read is not written."""
    family = adapter_of(protocol)

    assert family.creates or not family.locks
    assert family.copies or not family.creates
    assert not (family.renames and issubclass(family, ReadOnly | WholeObjects))
