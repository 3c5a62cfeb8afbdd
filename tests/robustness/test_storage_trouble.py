"""Storages that refuse, are full, read-only or unknown: a clear error before or after the body, and the value kept."""

from __future__ import annotations

import subprocess
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from conftest import mounted
from messages import steady

from holdall import HoldallError, HoldallWarning, StorageError, load_result, task
from holdall.abc import Storage
from holdall.filesystems import LocalFileSystem
from holdall.testing.distributions import absent, on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode

FULL = "the disk is full: free some space or choose another basepath; what was stored before is unchanged"
NO_SPACE = "(ENOSPC: No space left on device)"
READ_ONLY = "the filesystem is read-only, so not writable: choose another basepath or mount it writable"


def told(call: Any, folder: object) -> tuple[HoldallError, str]:
    """The error of a call, and its steady message up to the list of what is installed."""
    with pytest.raises(HoldallError) as caught:
        call()
    return caught.value, steady(caught.value, folder).partition(" Installed: ")[0]


def makes(value: Any, **options: Any) -> Any:
    """A persisted task; `ran` on it counts its runs."""

    def body() -> Any:
        made.ran.append(1)
        return value

    made = task(**{"persist_result": True, **options})(body)
    made.ran = []
    return made


class _Blocking(list[int]):
    """Where runs are counted; the first puts a file in the way."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place

    def append(self, each: int, /) -> None:
        super().append(each)
        self.place.write_text("")


def cached(value: Any, key: str = "key", **options: Any) -> Any:
    """The same, with a cache key."""
    return makes(value, cache_key_fn=lambda *_: key, **options)


SLUGS = {
    "s3/prdo": (
        "UnknownBlockError",
        (
            "No storage block is saved or configured as 's3/prdo'. Did you mean 's3/prod'? Known: "
            "local-file-system/lake, s3/prod. Save one with .save('prdo'), or set HOLDALL_BLOCK__S3__PRDO__<FIELD>."
        ),
    ),
    "s4/prod": (
        "UnknownBlockError",
        (
            "No storage block is saved or configured as 's4/prod'. Did you mean 's3/prod'? Known: "
            "local-file-system/lake, s3/prod. No storage type is called 's4'. Did you mean 's3'?"
        ),
    ),
    "gcs/lake": (
        "UnknownBlockError",
        (
            "No storage block is saved or configured as 'gcs/lake'. Known: local-file-system/lake, s3/prod. The "
            "storage type 'gcs' comes with holdall-gcs, which is not installed. Install it: pip install holdall-gcs."
        ),
    ),
    "results": (
        "UnknownBlockError",
        (
            "'results' is no slug of a block: that has a type and a name, as s3/prod. The folder of that name is "
            "written ./results. A place elsewhere is a URL, as s3://bucket/prefix. Known: "
            "local-file-system/lake, s3/prod."
        ),
    ),
    "broken/x": (
        "PluginBrokenError",
        "The block 'broken/x' (environment variables HOLDALL_BLOCK__BROKEN__X__*) cannot be used.",
    ),
}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_slug_that_leads_nowhere_fails_before_the_body(
    slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, misspelt, of a plugin that is missing or broken: said before anything is computed."""
    plugin = write_distribution(
        tmp_path / "plugin",
        "holdall-broken",
        entry_points={"holdall.storage": {"broken": "holdall_broken:Broken"}},
        modules={"holdall_broken": "import a_module_that_is_not_there\n"},
    )
    monkeypatch.setenv("HOLDALL_BLOCK__S3__PROD__BUCKET_PATH", "bucket")
    monkeypatch.setenv("HOLDALL_BLOCK__BROKEN__X__PATH", "x")
    LocalFileSystem(basepath="lake").save("lake")
    kind, message = SLUGS[slug]
    with on_path(plugin), absent("holdall-gcs"):
        for made in (makes([1], result_storage=slug), cached([1], result_storage=slug)):
            error, text = told(made, tmp_path)

            assert [] == made.ran
            assert kind == type(error).__name__
            if slug == "broken/x":
                assert text.startswith(message)
                assert "holdall-broken 1.0" in text
                assert isinstance(error.__cause__, HoldallError)
            else:
                assert message == text.replace(", broken/x", "").replace("broken/x, ", "")


def test_a_folder_that_cannot_be_is_refused_first(tmp_path: Path) -> None:
    """A file stands where the base path should be: the body does not run, and the file is left alone."""
    place = tmp_path / "file"
    place.write_text("mine")
    made = makes({"value": 1}, result_storage=place)
    error, text = told(made, tmp_path)

    assert "ConfigurationError" == type(error).__name__
    assert (
        "local-file-system at HERE/file cannot hold results: HERE/file is no folder and cannot become one (Not a "
        "directory). Nothing was run. Give another result_storage, or clear this one."
    ) == text
    assert [] == made.ran
    assert "mine" == place.read_text()


def test_a_folder_that_can_be_no_longer_is_an_error_that_carries_the_value(tmp_path: Path) -> None:
    """A file comes where the base path should be while the body runs: its value is attached and kept elsewhere."""
    place = tmp_path / "file"
    made = makes({"value": 1}, result_storage=place)
    made.ran = _Blocking(place)
    error, text = told(made, tmp_path)

    assert isinstance(error, StorageError)
    assert (
        "local-file-system at HERE/file: put of 'results/OWN.json' failed: a file stands where a folder is needed: one "
        "key or path is the beginning of another (ENOTDIR: Not a directory)."
    ) == text
    assert {"value": 1} == error.value
    assert error.kept is not None
    assert {"value": 1} == load_result(key="/".join(error.kept.split("/")[-3:]), storage=place)
    assert [1] == made.ran


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB with a result on it."""
    with mounted(tmp_path / "disk", "size=8m") as folder:
        yield folder


def fill(folder: Path) -> None:
    """Write until nothing fits."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


@pytest.mark.root
def test_a_result_that_does_not_fit_leaves_nothing_and_loses_nothing(full: Path, tmp_path: Path) -> None:
    """The value comes with the error, earlier results are whole, and no half-written file takes room."""
    earlier = makes([1], result_storage=full, return_state=True)().reference
    before = sorted(full.rglob("*"))
    error, text = told(makes(bytes(9 << 20), result_storage=full), tmp_path)

    assert isinstance(error, StorageError)
    assert f"local-file-system at HERE/disk: put of 'payloads/PAYLOAD.pkl' failed: {FULL} {NO_SPACE}." == text
    assert 9 << 20 == len(error.value)
    assert [1] == earlier.get()
    assert [each for each in before if each.is_file()] == [each for each in full.rglob("*") if each.is_file()]


@pytest.mark.root
def test_a_full_disk_refuses_small_results_too(full: Path, tmp_path: Path) -> None:
    """What is cached is found; a miss says that the disk is full, or runs where that was asked for."""
    hit = cached(bytes(20_000), result_storage=full)
    hit()
    fill(full)
    error, text = told(makes([1], result_storage=full), tmp_path)
    miss = cached([2], "other", result_storage=full)
    _, refused = told(miss, tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        value = cached([2], "third", result_storage=full, persist_result=None, on_storage_error="run")()

    assert isinstance(error, StorageError)
    assert f"local-file-system at HERE/disk: put of 'results/OWN.json' failed: {FULL} {NO_SPACE}." == text
    assert [1] == error.value
    assert bytes(20_000) == hit()
    assert [1] == hit.ran
    assert refused.startswith(f"The lock for 'cache/KEY.json' cannot be taken: {FULL} (HERE/disk/.locks/LOCK.lock")
    assert [] == miss.ran
    assert [2] == value
    assert {HoldallWarning} == {each.category for each in said}


@pytest.mark.root
def test_a_disk_without_inodes_is_full(tmp_path: Path) -> None:
    """Room for bytes is no room for files."""
    with mounted(tmp_path / "disk", "size=8m,nr_inodes=8") as folder:
        made = makes([1], result_storage=folder)
        error, text = None, ""
        while error is None:
            try:
                made()
            except StorageError as raised:
                error, text = raised, steady(raised, tmp_path)
        left = [each for each in folder.rglob("*") if each.is_file()]

        assert text.endswith(f"failed: {FULL} {NO_SPACE}.")
        assert [1] == error.value
        assert len(made.ran) - 1 == len(left)


@pytest.mark.root
def test_a_storage_that_became_read_only_still_gives_its_hits(full: Path, tmp_path: Path) -> None:
    """Reads go on; a write is refused with its value; a miss is refused before the body, or runs where asked to."""
    hit = cached(bytes(20_000), result_storage=full)
    hit()
    subprocess.run(["mount", "-o", "remount,ro", full], check=True)
    error, text = told(makes([1], result_storage=full), tmp_path)
    miss = cached([2], "other", result_storage=full)
    _, refused = told(miss, tmp_path)

    assert isinstance(error, StorageError)
    assert (
        f"local-file-system at HERE/disk: put of 'results/OWN.json' failed: {READ_ONLY} (EROFS: Read-only file system)."
    ) == text
    assert [1] == error.value
    assert bytes(20_000) == hit()
    assert [1] == hit.ran
    assert refused.startswith(f"The lock for 'cache/KEY.json' cannot be taken: {READ_ONLY} (HERE/disk/.locks/LOCK.lock")
    assert [] == miss.ran


class Thing:
    """Holds what no serializer writes."""

    def __init__(self) -> None:
        self.generator = (each for each in ())


VALUES = {
    "pickle": 'The pickle serializer (cloudpickle) cannot write result["model"][1].generator: cannot pickle '
    "'generator' object. Leave that part out of the result (its class can, with __getstate__), or register a serializer for "
    "its type: @holdall.register(types=[…]).",
    "json": 'The json serializer cannot write this result: result["model"][1] is a test_storage_trouble.Thing, which '
    'has no form. Use result_serializer="pickle" for it, or return something that json has a form for.',
    "msgpack": 'The msgpack serializer cannot write this result: result["model"][1] is a test_storage_trouble.Thing, '
    'which has no form. Use result_serializer="pickle" for it, or return something that msgpack has a form for.',
}


@pytest.mark.parametrize("serializer", VALUES)
def test_a_value_that_cannot_be_written_comes_with_the_error(serializer: str, tmp_path: Path) -> None:
    """The message names the place inside the object; the object itself is on the error, and nothing is in storage."""
    value = {"model": [1, Thing()]}
    for made in (
        makes(value, result_storage=tmp_path / "results", result_serializer=serializer),
        cached(value, result_storage=tmp_path / "results", result_serializer=serializer),
    ):
        error, text = told(made, tmp_path)

        assert VALUES[serializer] == text.replace(f"a {__name__}.", "a test_storage_trouble.")
        assert value is error.value  # type: ignore[attr-defined]
        assert [1] == made.ran
        assert [] == [
            each for each in (tmp_path / "results").rglob("*") if each.is_file() and each.parent.name != ".locks"
        ]


STAYS = f"If it stays so, tell the author of {__name__}."


class Bare(Storage):
    """A careless plugin: its errors are whatever its client raises."""

    slug = "bare"
    inline_limit = 0
    block_slug = None

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        raise RuntimeError("put broke")

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        raise RuntimeError("get broke")

    def head(self, key: str, /) -> ObjectMeta:
        raise RuntimeError("head broke")

    def delete(self, key: str, /) -> None:
        raise RuntimeError("delete broke")

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        raise RuntimeError("scan broke")

    def location(self) -> dict[str, Any]:
        return {"place": "nowhere"}


def test_a_plugins_own_exception_never_escapes_bare(tmp_path: Path) -> None:
    """A storage that raises what it likes is a StorageError with the cause, and the value attached."""
    error, text = told(makes([1], result_storage=Bare()), tmp_path)
    other, asked = told(cached([1], result_storage=Bare()), tmp_path)

    assert isinstance(error, StorageError)
    assert isinstance(other, StorageError)
    assert (
        f"bare: put of 'payloads/PAYLOAD.pkl' failed in a way that no storage should: RuntimeError: put broke. {STAYS}"
        == text
    )
    assert [1] == error.value
    assert (
        f"bare: get of 'cache/KEY.json' failed in a way that no storage should: RuntimeError: get broke. {STAYS}"
        == asked
    )
    assert ["RuntimeError"] * 2 == [type(each.__cause__).__name__ for each in (error, other)]
