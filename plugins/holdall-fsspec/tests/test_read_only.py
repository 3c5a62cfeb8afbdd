"""What can only be read: the web, with ranges or without, and archives; and a protocol whose package is not there."""

from __future__ import annotations

import os
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.services.process import free_ports
from tests.services.web import serving

from holdall import task
from holdall.errors import ConfigurationError, KeyMissing, StorageError
from holdall.types import ByteRange
from holdall_fsspec import FsspecFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20
LARGE = os.urandom(7 * MIB)


@pytest.fixture(params=[True, False], ids=["ranges", "no-ranges"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FsspecFileSystem]:
    """A block over a web server with two files."""
    (tmp_path / "site" / "a").mkdir(parents=True)
    (tmp_path / "site" / "a" / "b c#?é.txt").write_bytes(b"0123456789")
    (tmp_path / "site" / "large").write_bytes(LARGE)
    with serving(tmp_path, ranges=request.param) as url:
        block = FsspecFileSystem(basepath=f"{url}/site", chunk_size=5 * MIB, max_attempts=2)
        yield block
        block.close()


@pytest.mark.services
def test_the_web_is_read(web: FsspecFileSystem) -> None:
    """Whole, by range and in pieces, whatever the server makes of ranges; a name is no URL."""
    key = "a/b c#?é.txt"

    assert b"0123456789" == web.get(key)
    for start, stop in [(3, 6), (0, 4), (8, 100), (4, None), (10, None), (5, 5), (0, None)]:
        assert b"0123456789"[start:stop] == web.get(key, byte_range=ByteRange(start, stop))
    with pytest.raises(StorageError, match="past the end of the object at 10"):
        web.get(key, byte_range=ByteRange(11))
    assert LARGE == web.get("large")
    assert LARGE[MIB : 7 * MIB] == web.get("large", byte_range=ByteRange(MIB, 8 * MIB))
    assert (10, key) == (web.head(key).size, web.head(key).key)


@pytest.mark.services
def test_only_404_means_absent(web: FsspecFileSystem, tmp_path: Path) -> None:
    """fsspec says "not found" whatever was answered, and where nobody answers; the block does not."""
    with pytest.raises(KeyMissing):
        web.head("nowhere")
    assert not web.exists("nowhere")
    root = web.model_copy(update={"basepath": web.basepath.removesuffix("/site")})
    (port,) = free_ports(1)
    nobody = FsspecFileSystem(basepath=f"http://127.0.0.1:{port}/x", max_attempts=1)
    cases: list[tuple[Callable[[], object], str, bool]] = [
        (lambda: root.head("refused"), "these credentials may not do that (HTTP 403)", False),
        (lambda: root.get("refused"), "these credentials may not do that (HTTP 403)", False),
        (lambda: root.exists("broken"), "the service failed (HTTP 500)", True),
        (lambda: nobody.exists("k"), f"127.0.0.1:{port}/x cannot be reached", True),
        (lambda: nobody.get("k"), f"127.0.0.1:{port}/x cannot be reached", True),
    ]

    for ask, message, transient in cases:
        with pytest.raises(StorageError) as caught:
            ask()
        assert message in str(caught.value)
        assert transient == caught.value.transient
        assert not isinstance(caught.value, KeyMissing)
    for block in (root, nobody):
        block.close()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A zip with a file in a folder, and one beside it."""
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("inside/a/b.txt", "0123456789")
        made.writestr("inside/large", LARGE)
        made.writestr("beside/c", "c")
    return path


@pytest.mark.parametrize("by_settings", [False, True])
def test_an_archive_is_read(archive: Path, by_settings: bool) -> None:
    """Named in the URL or in the settings, listed as well."""
    if by_settings:
        block = FsspecFileSystem(basepath="zip://inside", settings={"fo": str(archive)}, chunk_size=5 * MIB)
    else:
        block = FsspecFileSystem(basepath=f"zip://inside::file://{archive}", chunk_size=5 * MIB)

    assert b"0123456789" == block.get("a/b.txt")
    assert b"345" == block.get("a/b.txt", byte_range=ByteRange(3, 6))
    assert LARGE == block.get("large")
    assert ["a/b.txt", "large"] == [meta.key for meta in block.scan()]
    assert ["a/b.txt"] == [meta.key for meta in block.scan("a/")]
    assert 10 == block.head("a/b.txt").size
    assert not block.exists("beside/c")
    assert not block.exists("a")
    with pytest.raises(KeyMissing):
        block.get("nowhere")
    whole = FsspecFileSystem(basepath=f"zip://::file://{archive}")
    assert ["beside/c", "inside/a/b.txt", "inside/large"] == [meta.key for meta in whole.scan()]
    assert b"c" == whole.get("beside/c")


def test_what_cannot_be_written_says_so(archive: Path) -> None:
    """Before anything is asked of it, and with a way out."""
    for basepath in (f"zip://inside::file://{archive}", "http://127.0.0.1:1/x", "https://127.0.0.1:1/x"):
        block = FsspecFileSystem(basepath=basepath)
        for ask in (
            lambda block=block: block.put("k", [b""]),
            lambda block=block: block.put("k", [b""], mode="create"),
            lambda block=block: block.delete("k"),
        ):
            with pytest.raises(
                StorageError, match="can only be read. Use another storage for what is written"
            ) as caught:
                ask()
            assert not caught.value.transient
        assert [] == block.sweep(0)
    with pytest.raises(StorageError, match="has no listings"):
        list(FsspecFileSystem(basepath="http://127.0.0.1:1/x").scan())


def test_a_task_that_keeps_its_result_there_is_told(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its body has run."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    made = task(persist_result=True, result_storage=FsspecFileSystem(basepath=f"zip://inside::file://{archive}"))
    ran: list[int] = []

    with pytest.raises(ConfigurationError, match="cannot keep results: .* can only be read"):
        made(lambda: ran.append(1))()

    assert [] == ran


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """hdfs needs pyarrow and Java; the message says what, for whoever has neither."""
    block = FsspecFileSystem(basepath="webhdfs-of-nobody://host/x")
    with pytest.raises(StorageError, match="is no protocol that fsspec knows"):
        block.get("k")

    monkeypatch.setitem(sys.modules, "fsspec.implementations.arrow", None)
    hdfs = FsspecFileSystem(basepath="hdfs://host/x")
    with pytest.raises(
        StorageError, match="hdfs:// needs a package that is not installed: pyarrow and local"
    ) as caught:
        hdfs.get("k")

    assert not caught.value.transient


@pytest.mark.parametrize(
    "basepath", ["zip://a/../b::file:///x.zip", "sftp://host/x::file:///y", "http://me:hunter2@host/x"]
)
def test_what_cannot_be_right_is_refused(basepath: str) -> None:
    """When the block is made, and without the secret."""
    with pytest.raises(ConfigurationError) as caught:
        FsspecFileSystem(basepath=basepath)

    assert "hunter2" not in str(caught.value)
