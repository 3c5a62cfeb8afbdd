"""Which lock manager a storage gets: the one that the settings name, else the built-in one that fits."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall import task
from holdall.builtin.filelock import FileLockManager
from holdall.builtin.leases.manager import LeaseManager
from holdall.catalog.open import open_catalog
from holdall.errors import ConfigurationError, PluginBrokenError
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.maintenance import copy_storage, gc, known_storages
from holdall.results.layout import LOCKS
from holdall.settings import model as settings
from holdall.settings.model import Settings
from holdall.storage.locks import lock_manager
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("place")

# Writes down what it is asked, and locks with files in a folder of its own.
CHALK = """
import os
from hashlib import sha256

from holdall.builtin.filelock import FileLockManager


class Chalk(FileLockManager):
    slug = "chalk"
    asked = []

    @classmethod
    def for_storage(cls, storage, /, *, lease_seconds):
        if storage.slug == "memory":
            return None
        folder = os.environ["CHALK_FOLDER"]
        cls.asked.append(("for", type(storage).__name__, storage.location(), lease_seconds))
        return cls(lambda key: os.path.join(folder, sha256(key.encode()).hexdigest()))

    def acquire(self, key, /, *, timeout=None):
        self.asked.append(("acquire", key))
        return super().acquire(key, timeout=timeout)

    def sweep(self, before, /, *, dry_run=False):
        self.asked.append(("sweep", dry_run))
        return []


class Broken(Chalk):
    slug = "broken"

    @classmethod
    def for_storage(cls, storage, /, *, lease_seconds):
        raise TypeError("no such folder")
"""


class Bucket(MemoryFileSystem):
    """Creates an object only where none is, as object stores do."""

    @property
    def atomic_create(self) -> bool:
        return True


@contextmanager
def chalk(tmp_path: Path, name: str = "holdall-chalk") -> Iterator[list[Any]]:
    """The plugin on the path; gives what it is asked."""
    folder = write_distribution(
        tmp_path / name,
        name,
        entry_points={"holdall.locks": {"chalk": "chalk_locks:Chalk", "broken": "chalk_locks:Broken"}},
        modules={"chalk_locks": CHALK},
    )
    with on_path(folder):
        from chalk_locks import Chalk  # type: ignore[import-not-found,unused-ignore]

        yield Chalk.asked


@pytest.fixture
def slates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plugin's lock files lie."""
    monkeypatch.setenv("CHALK_FOLDER", str(tmp_path / "slates"))
    return tmp_path / "slates"


def said(**fields: Any) -> Settings:
    return Settings(home="home", **fields)


@pytest.mark.parametrize("found", [None, said()])
def test_a_storage_has_the_locks_that_fit_it(found: Settings | None) -> None:
    """Files in a local folder, leases where objects are created atomically, none elsewhere."""
    assert type(lock_manager(LocalFileSystem(basepath="a"), found)) is FileLockManager
    assert type(lock_manager(Bucket(), found)) is LeaseManager
    assert None is lock_manager(MemoryFileSystem(), found)


def test_leases_lie_in_the_folder_of_locks_and_last_as_the_settings_say() -> None:
    """The folder that no name of a user's leads into."""
    found = lock_manager(Bucket(), said(results_lease_seconds=7))

    assert isinstance(found, LeaseManager)
    assert (LOCKS, 7) == (found.folder, found.ttl)


class Both(Bucket):
    """Could have locks of either kind."""

    def lock_path(self, key: str, /) -> str:
        return f"locks/{len(key)}"


def test_a_built_in_manager_can_be_chosen() -> None:
    """Where either would do, as in a folder whose file system does not lock."""
    assert type(lock_manager(Both(), said())) is FileLockManager
    assert type(lock_manager(Both(), said(locks="lease"))) is LeaseManager
    assert type(lock_manager(Both(), said(locks="file"))) is FileLockManager


def test_a_chosen_manager_that_cannot_lock_there_is_an_error() -> None:
    """In silence everybody would compute."""
    for slug, storage in (("file", Bucket()), ("lease", LocalFileSystem(basepath="a"))):
        with pytest.raises(
            ConfigurationError, match=rf"The lock manager '{slug}', which HOLDALL_LOCKS .* cannot lock keys"
        ):
            lock_manager(storage, said(locks=slug))


def test_an_unknown_manager_is_an_error_with_the_nearest() -> None:
    """As every other plugin's name."""
    with pytest.raises(
        ConfigurationError, match=r"No lock manager is called 'leese'. Did you mean 'lease'\? Installed: "
    ):
        lock_manager(LocalFileSystem(basepath="a"), said(locks="leese"))


def test_a_manager_of_a_plugin_locks_cached_results(
    tmp_path: Path, slates: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by a variable or a file; it is given the guarded storage and the time of leases, and no other lock is taken."""
    (place / "holdall.toml").write_text('locks = "chalk"\n[results]\nlease_seconds = 9\n')

    @task(cache_key_fn=lambda *_: "key", result_storage=LocalFileSystem(basepath="kept"))
    def one() -> list[int]:
        return [1]

    with chalk(tmp_path) as asked:
        assert [1] == one()

    (_, kind, location, seconds), (_, key) = asked
    record = Path("kept", key)
    assert ("GuardedStorage", "kept", 9.0) == (kind, Path(location["basepath"]).name, seconds)
    assert record.is_file()
    assert {".token", ""} == {path.suffix for path in slates.iterdir()}
    assert not Path("kept", ".locks").exists()
    monkeypatch.setenv("HOLDALL_LOCKS", "file")
    assert "file" == settings.current().locks


def test_a_manager_of_a_plugin_that_cannot_lock_there_stops_the_run_before_its_body(
    tmp_path: Path, slates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to change."""
    ran = []
    monkeypatch.setenv("HOLDALL_LOCKS", "chalk")

    @task(cache_key_fn=lambda *_: "key", result_storage=MemoryFileSystem(namespace="chalk"))
    def one() -> int:
        ran.append(1)
        return 1

    with chalk(tmp_path), pytest.raises(ConfigurationError, match="'chalk', which HOLDALL_LOCKS"):
        one()

    assert [] == ran
    assert not slates.exists()


def test_housekeeping_asks_the_chosen_manager(tmp_path: Path, slates: Path) -> None:
    """Collecting lets it sweep."""
    there = known_storages.place_of(LocalFileSystem(basepath="kept"))
    with chalk(tmp_path) as asked:
        gc.collect(there, settings=said(locks="chalk"))

    assert [("sweep", False)] == [each for each in asked if each[0] == "sweep"]
    assert not slates.exists()


def test_a_move_removes_cached_results_under_the_chosen_locks(
    tmp_path: Path, slates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever computes the key meanwhile holds the same lock."""
    monkeypatch.setenv("HOLDALL_LOCKS", "chalk")
    source, target = (known_storages.place_of(LocalFileSystem(basepath=name)) for name in ("kept", "there"))

    @task(cache_key_fn=lambda *_: "key", result_storage=source.storage)
    def one() -> list[int]:
        return [1]

    with chalk(tmp_path) as asked:
        one()
        key = asked[-1][1]
        del asked[:]
        moved = copy_storage.move(source, target, open_catalog(settings.current()), settings=settings.current())
    acquired = [each[1] for each in asked if each[0] == "acquire"]

    assert [True] == [item.removed for item in moved.items]
    assert [f"move {source.identity}", key] == acquired
    assert slates.is_dir()
    assert not Path("kept", ".locks").exists()


def test_a_manager_that_cannot_be_made_is_a_broken_plugin(tmp_path: Path) -> None:
    """Whatever it raises."""
    with chalk(tmp_path), pytest.raises(PluginBrokenError, match=r"'broken' \(chalk_locks.Broken\) .* no such folder"):
        lock_manager(LocalFileSystem(basepath="a"), said(locks="broken"))


def test_the_settings_choose_between_two_distributions(tmp_path: Path, slates: Path) -> None:
    """As for every other plugin."""
    with chalk(tmp_path), chalk(tmp_path, "other-chalk"):
        found = lock_manager(
            LocalFileSystem(basepath="a"), said(locks="chalk", plugins_prefer={"locks.chalk": "other-chalk"})
        )

    assert "Chalk" == type(found).__name__
    assert not slates.exists()
