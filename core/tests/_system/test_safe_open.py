"""Files of our own, in whose place somebody has put something else: nothing waits, and nothing of others is changed."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from holdall import task
from holdall._system.safe_open import open_own, open_to_read
from holdall.abc.lock import Lease
from holdall.blocks import secrets as vault
from holdall.builtin.filelock import FileLockManager
from holdall.builtin.local.directory import Directory
from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.errors import CatalogError, ConfigurationError, HoldallError, KeyMissing, StorageError
from holdall.results import spool
from holdall.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="none of these files is there")
PRECIOUS = b"precious, and somebody else's"


def symlink(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign)


def hard_link(path: Path, foreign: Path) -> None:
    path.hardlink_to(foreign)


def dangling(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign.with_name("made-by-following"))


def loop(path: Path, foreign: Path) -> None:
    del foreign
    path.symlink_to(path)


def fifo(path: Path, foreign: Path) -> None:
    del foreign
    os.mkfifo(path)


def unix_socket(path: Path, foreign: Path) -> None:
    del foreign
    here = os.getcwd()
    os.chdir(path.parent)  # their names are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def folder(path: Path, foreign: Path) -> None:
    del foreign
    path.mkdir()


def device(path: Path, foreign: Path) -> None:
    del foreign
    path.symlink_to("/dev/zero")


STRANGE = [symlink, hard_link, dangling, loop, fifo, unix_socket, folder, device]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "foreign"
    path.parent.mkdir()
    path.write_bytes(PRECIOUS)
    return path


def unharmed(foreign: Path) -> bool:
    return foreign.read_bytes() == PRECIOUS and ["foreign"] == os.listdir(foreign.parent)


@pytest.mark.parametrize("plant", STRANGE, ids=lambda each: each.__name__)
@pytest.mark.parametrize("suffix", ["", ".token"])
def test_no_lock_is_taken_on_what_is_no_file_of_ours(plant: Any, suffix: str, tmp_path: Path, foreign: Path) -> None:
    """An error at once, for the lock file and for the count beside it; after a look by its owner the lock works."""
    locks = FileLockManager(lambda key: str(tmp_path / "locks" / key))
    (tmp_path / "locks").mkdir()
    planted = tmp_path / "locks" / f"key{suffix}"
    plant(planted, foreign)
    before = planted.lstat()

    with pytest.raises(StorageError, match="The lock for 'key' cannot be taken") as caught:
        locks.acquire("key")

    assert str(planted.parent) in str(caught.value)
    assert unharmed(foreign)
    assert before.st_ino == planted.lstat().st_ino
    planted.rmdir() if plant is folder else planted.unlink()
    lease = locks.acquire("key", timeout=0)
    assert isinstance(lease, Lease)
    lease.release()


@pytest.mark.parametrize("plant", STRANGE, ids=lambda each: each.__name__)
def test_a_storage_whose_folder_of_locks_leads_away_is_an_error(plant: Any, place: Path, foreign: Path) -> None:
    """A cached call tells it, and makes nothing there."""
    results = place / ".holdall-results"
    results.mkdir()
    target = foreign.parent if plant is symlink else foreign
    plant(results / ".locks", target)
    made = task(lambda: [1], cache_key_fn=lambda *_: "key")

    if plant is folder:
        assert [1] == made()
    else:
        with pytest.raises(StorageError):
            made()
    assert unharmed(foreign)


@pytest.mark.parametrize("plant", STRANGE, ids=lambda each: each.__name__)
def test_what_stands_in_the_place_of_a_result_is_not_read(plant: Any, tmp_path: Path, foreign: Path) -> None:
    """Neither as a whole, nor in pieces, nor by its size; it can be replaced and removed, and is left alone elsewhere."""
    storage = Directory(str(tmp_path / "base"))
    (tmp_path / "base").mkdir()
    plant(tmp_path / "base" / "object", foreign)
    if plant is hard_link:  # is a file of this storage, as published copies are
        assert PRECIOUS == bytes(storage.get("object"))
    else:
        looks: list[Callable[[], object]] = [
            lambda: storage.get("object"),
            lambda: list(storage.stream("object")),
            lambda: storage.head("object"),
            lambda: storage.publish("object", "copy"),
        ]
        for look in looks:
            with pytest.raises((StorageError, KeyMissing)):
                look()
        assert [] == list(storage.scan())
    if plant is not folder:
        storage.put("object", [b"mine"])
        assert b"mine" == bytes(storage.get("object"))
        storage.delete("object")
        plant(tmp_path / "base" / "object", foreign)
        storage.delete("object")
        assert not os.path.lexists(tmp_path / "base" / "object")
    assert unharmed(foreign)


def test_a_folder_that_becomes_a_link_is_looked_at_again(tmp_path: Path, foreign: Path) -> None:
    """It was fine a moment ago, and this process remembers."""
    storage = Directory(str(tmp_path / "base"))
    storage.put("folder/mine", [b"mine"])
    (tmp_path / "base" / "folder").rename(tmp_path / "base" / "aside")
    (tmp_path / "base" / "folder").symlink_to(foreign.parent)

    calls: list[Callable[[], object]] = [
        lambda: storage.get("folder/foreign"),
        lambda: storage.head("folder/foreign"),
        lambda: storage.delete("folder/foreign"),
        lambda: storage.put("folder/new", [b"x"]),
    ]
    for call in calls:
        with pytest.raises(StorageError, match="leads through a symbolic link"):
            call()
    with pytest.raises(ConfigurationError, match="leads through a symbolic link"):
        storage.check_key("folder/new")
    assert [] == list(storage.scan("folder/"))
    assert unharmed(foreign)


def configured(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir(exist_ok=True)
    return Settings(home=str(tmp_path / "home"), environ={})


@pytest.mark.secrets
@pytest.mark.parametrize("plant", [each for each in STRANGE if each is not hard_link], ids=lambda each: each.__name__)
def test_a_key_file_is_a_file(plant: Any, tmp_path: Path, foreign: Path) -> None:
    """Nothing is encrypted with what somebody chose, nor waited for."""
    settings = configured(tmp_path)
    plant(tmp_path / "home" / "secret.key", foreign)

    with pytest.raises(ConfigurationError, match="The key file .* cannot be read"):
        vault.encrypt({"a": "b"}, settings, block="x/y")

    assert unharmed(foreign)
    assert ["secret.key"] == os.listdir(tmp_path / "home")


@pytest.mark.secrets
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="to give a file away takes root")
def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Who owns it knows the key, and can change it."""
    settings = configured(tmp_path)
    vault.encrypt({"a": "b"}, settings, block="x/y")
    os.chown(tmp_path / "home" / "secret.key", 12345, 12345)

    with pytest.raises(ConfigurationError, match="belongs to another user .uid 12345"):
        vault.encrypt({"a": "b"}, settings, block="x/y")


@pytest.mark.secrets
def test_a_key_file_is_made_for_its_user_alone(tmp_path: Path) -> None:
    """Whatever the mask says."""
    before = os.umask(0)
    try:
        vault.encrypt({"a": "b"}, Settings(home=str(tmp_path / "new" / "home"), environ={}), block="x/y")
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE((tmp_path / "new" / "home" / "secret.key").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "new" / "home").stat().st_mode)


@pytest.mark.parametrize("plant", [loop, fifo, unix_socket, folder, device], ids=lambda each: each.__name__)
def test_a_catalog_is_a_file(plant: Any, tmp_path: Path, foreign: Path) -> None:
    """What is none is an error, and is not waited for."""
    plant(tmp_path / "catalog.db", foreign)

    with pytest.raises(CatalogError, match="cannot be opened"):
        SQLiteCatalog(str(tmp_path / "catalog.db")).runs()


@pytest.mark.parametrize("plant", [fifo, unix_socket, device], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["holdall.toml", "pyproject.toml"])
def test_a_configuration_file_is_a_file(plant: Any, name: str, tmp_path: Path, foreign: Path) -> None:
    """In any folder above a program, where others may write."""
    plant(tmp_path / name, foreign)
    (tmp_path / "work").mkdir()

    with pytest.raises(ConfigurationError, match=f"{name} cannot be read"):
        Settings.read(str(tmp_path / "work"), {"HOME": str(tmp_path)})


@pytest.mark.parametrize("level", ["spool", "place"])
def test_a_spool_that_leads_away_takes_nothing(level: str, place: Path, foreign: Path) -> None:
    """The error carries the value, and nothing is written elsewhere."""
    from holdall.filesystems import LocalFileSystem
    from holdall.results import references as results

    block = LocalFileSystem(basepath="wall", on_failure="spool")
    (place / "wall").write_text("")
    (place / "home").mkdir()
    root = place / "home" / "spool"
    if level == "spool":
        root.symlink_to(foreign.parent)
    else:
        where = results.StorageReference(slug=None, type=block.slug, location=block.resolved(str(place)).location())
        root.mkdir()
        os.symlink(foreign.parent, spool.folder(where, str(place / "home")))

    with pytest.raises(HoldallError) as caught:
        task(lambda: [1], result_storage=block)()

    assert [1] == getattr(caught.value, "value", None)
    assert unharmed(foreign)


def test_the_helpers_open_files(tmp_path: Path) -> None:
    """With the mode that was asked for, and through links where they are followed."""
    descriptor = open_own(str(tmp_path / "new"), os.O_RDWR | os.O_CREAT, 0o600)
    os.write(descriptor, b"x")
    os.close(descriptor)
    (tmp_path / "link").symlink_to(tmp_path / "new")

    with open(open_to_read(str(tmp_path / "link")), "rb") as file:
        assert b"x" == file.read()
    with pytest.raises(OSError, match="symbolic link"):
        open_own(str(tmp_path / "link"), os.O_RDONLY)


def test_a_forked_child_has_no_part_in_a_lock(tmp_path: Path) -> None:
    """Its parent's lock is free as soon as the parent is done with it, and the child's release takes nothing away."""
    program = """
import os, sys
from holdall.builtin.filelock import FileLockManager
locks = FileLockManager(lambda key: sys.argv[1] + "/" + key)
lease = locks.acquire("key")
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    lease.release()                          # not the child's to give back
    print("child", locks.acquire("key", timeout=0), flush=True)
    os.write(ready[1], b"x")
    os.read(go[0], 1)                        # lives on
    os._exit(0)
os.read(ready[0], 1)
print("held", locks.acquire("key", timeout=0), flush=True)
del lease
import gc; gc.collect()
print("free", locks.acquire("key", timeout=0) is not None, flush=True)
os.write(go[1], b"x")
os.waitpid(child, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )

    assert ["child None", "held None", "free True"] == done.stdout.splitlines(), done.stderr
