"""The local filesystem, as users configure it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from holdall.abc import StorageBlock
from holdall.builtin.local.block import LocalFileSystem
from holdall.builtin.local.directory import Directory
from holdall.errors import ConfigurationError, StorageError
from holdall.testing.storage.contract import StorageContract


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base"


class TestContract(StorageContract):
    """The contract of every storage, through the block."""

    @pytest.fixture
    def storage(self, base: Path) -> LocalFileSystem:
        return LocalFileSystem(basepath=base)


def test_a_path_is_as_good_as_text(base: Path) -> None:
    """`basepath` takes what people have at hand, and is text from then on."""
    block = LocalFileSystem(basepath=base)

    assert str(base) == block.basepath
    assert LocalFileSystem(basepath=str(base)) == block
    assert LocalFileSystem().basepath == ".holdall-results"


def test_misspelt_and_mistyped_options_are_refused() -> None:
    """A block says at once what it does not know."""
    with pytest.raises(ConfigurationError, match="base_path"):
        LocalFileSystem(base_path="x")  # type: ignore[call-arg]  # the mistake under test
    with pytest.raises(ConfigurationError, match="basepath"):
        LocalFileSystem(basepath=3)  # type: ignore[arg-type]  # the mistake under test


def test_every_option_reaches_the_files(base: Path) -> None:
    """The block does nothing of its own: it is the directory, configured."""
    block = LocalFileSystem(basepath=base, fsync=True, memory_map=True, inline_limit=3)

    assert block.directory == Directory(str(base), fsync=True, memory_map=True, inline_limit=3)
    assert block.directory is block.directory


def test_a_relative_base_is_taken_from_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`resolved` is a copy with an absolute base path and a directory of its own, also where the original was used."""
    monkeypatch.chdir(tmp_path)
    relative = LocalFileSystem(basepath="results", memory_map=True)
    relative.put("object", [b"here"])
    (tmp_path / "run").mkdir()
    resolved = relative.resolved(str(tmp_path / "run"))

    assert LocalFileSystem(basepath=tmp_path / "run" / "results", memory_map=True) == resolved
    assert not resolved.exists("object")
    assert relative.exists("object")
    assert resolved.resolved("/elsewhere") is resolved
    assert resolved.plain_fields() == {"basepath": f"{tmp_path}/run/results", "memory_map": True}
    assert LocalFileSystem().resolved("/run").plain_fields() == {"basepath": "/run/.holdall-results"}


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is whose home it is when the run starts."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert LocalFileSystem(basepath="~/x").resolved("/run").basepath == f"{tmp_path}/x"


def test_location_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference finds the place again from any working directory."""
    monkeypatch.chdir(tmp_path)

    assert LocalFileSystem(basepath="x").location() == {"basepath": f"{tmp_path}/x"}


def test_copies_do_not_share_the_directory(base: Path) -> None:
    """A copy with another base path writes there, whichever way it was made."""
    block = LocalFileSystem(basepath=base)
    block.put("object", [b"x"])
    for other in (copy.copy(block), copy.deepcopy(block), pickle.loads(pickle.dumps(block)), block.model_copy()):
        assert block == other
        assert hash(block) == hash(other)
        assert other.directory is not block.directory
        assert other.get("object") == b"x"
    moved = block.model_copy(update={"basepath": f"{base}2"})

    assert moved != block
    assert not moved.exists("object")


def test_errors_call_the_block_by_its_type(base: Path) -> None:
    """What a user reads is the name of the block, not of the class behind it."""
    with pytest.raises(StorageError) as caught:
        LocalFileSystem(basepath=base).get("../x")

    assert caught.value.block == "local-file-system"


def test_lock_paths_lie_below_the_base(base: Path) -> None:
    """File locks stand beside what they guard, so that all machines on a shared folder see them."""
    path = LocalFileSystem(basepath=base).lock_path("object")

    assert base / ".locks" == Path(path).parent


def test_it_is_a_storage_block() -> None:
    """The built-in keeps to the interface that plugins have."""
    assert issubclass(LocalFileSystem, StorageBlock)
    assert LocalFileSystem.slug == Directory.slug
