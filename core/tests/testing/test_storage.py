"""Each test of the storage contract can fail: a liar for every promise."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.builtin.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import HoldallError, KeyExists, KeyMissing, StorageError
from holdall.testing.faults import (
    AlwaysAbsent,
    FaultyStorage,
    LateListing,
    LostWrite,
    RacyCreate,
    ShortRead,
    TornOverwrite,
    WrongError,
)
from holdall.testing.storage import StorageContract
from holdall.types import ByteRange, ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.abc.storage import Storage
    from holdall.types import Buffer, Parts, WriteMode


class _Lenient(FaultyStorage):
    """Answers a range past the end with nothing."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return bytes(self.inner.get(key))[slice(*byte_range or (None,))]


class _Sweeping(FaultyStorage):
    """Takes finished objects for what a killed writer left."""

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        found = [meta for meta in self.inner.scan() if meta.modified is not None and meta.modified < before]
        for meta in found:
            if not dry_run:
                self.inner.delete(meta.key)
        return found


class _Shared(FaultyStorage):
    """Hands every reader the same writable buffer."""

    def __init__(self, inner: Storage, /) -> None:
        super().__init__(inner)
        self._handed: dict[str, bytearray] = {}

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self._handed.pop(key, None)
        return super().put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        if byte_range:
            return super().get(key, byte_range=byte_range)
        return self._handed.setdefault(key, bytearray(super().get(key)))


class _Alias(FaultyStorage):
    """Keeps the caller's buffers and reads them when somebody asks."""

    def __init__(self, inner: Storage, /) -> None:
        super().__init__(inner)
        self._kept: dict[str, list[Buffer]] = {}

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        self._kept[key] = list(parts)
        return ObjectMeta(key, sum(memoryview(part).nbytes for part in self._kept[key]))

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        del byte_range
        return b"".join(self._kept[key])


class _Appending(FaultyStorage):
    """Overwrites from the start and cuts nothing off the end."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        new = b"".join(bytes(part) for part in parts)
        old = bytes(self.inner.get(key)) if self.inner.exists(key) and mode == "overwrite" else b""
        return self.inner.put(key, [new + old[len(new) :]], mode=mode)


class _Folding(FaultyStorage):
    """Takes keys that differ in case for one."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        return self.inner.put(key.lower(), parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return self.inner.get(key.lower(), byte_range=byte_range)


class _Mixing(FaultyStorage):
    """Streams by asking for the object piece by piece."""

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        for start in range(0, self.inner.head(key).size, chunk):
            yield self.inner.get(key, byte_range=ByteRange(start, start + chunk))


class _Overwriting(FaultyStorage):
    """Does not know `mode="create"`."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        return self.inner.put(key, parts)


class _Nameless(FaultyStorage):
    """Raises errors that name nothing."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        try:
            return self.inner.get(key, byte_range=byte_range)
        except KeyMissing:
            raise KeyMissing("not found") from None


class _Unsorted(FaultyStorage):
    """Lists as it likes."""

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return iter(sorted(self.inner.scan(prefix), key=lambda meta: meta.key.split("/")))


class _OnePage(FaultyStorage):
    """Lists a first page and stops."""

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return iter(list(self.inner.scan(prefix))[:1_000])


class _Folders(FaultyStorage):
    """Takes a prefix for a folder."""

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        return self.inner.scan(folder)


class _Strict(FaultyStorage):
    """Complains about deleting what is not there."""

    def delete(self, key: str, /) -> None:
        self.inner.head(key)
        self.inner.delete(key)


class _Moving(FaultyStorage):
    """Publishes by moving."""

    def publish(self, source: str, target: str, /) -> None:
        self.inner.publish(source, target)
        self.inner.delete(source)


class _Escaping(FaultyStorage):
    """Changes keys on their way, as a client does that quotes them."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        return self.inner.put(key.replace(" ", "%20").replace("?", "_").replace("\u00fc", "u"), parts, mode=mode)


class _OtherColour(FaultyStorage):
    """Has an async twin of its own, which forgot ranges."""

    async def aget(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        del byte_range
        return self.get(key)


class _Unpickled(FaultyStorage):
    """Loses its configuration on the way through pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return FaultyStorage, (MemoryFileSystem(namespace=uuid.uuid4().hex),)


class _Forgetful(FaultyStorage):
    """Notices that it is in another process, and loses its client."""

    def __init__(self, inner: Storage, /) -> None:
        super().__init__(inner)
        self._home = _process()

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        if self._home != _process():
            raise KeyMissing("no client", block="faulty", key=key, operation="get")
        return super().get(key, byte_range=byte_range)


def _process() -> int:
    import os

    return os.getpid()


class _Contract(StorageContract):
    """The contract as a plugin author has it, run against liars by hand and never collected."""

    __test__: ClassVar[bool] = False
    overwrites: ClassVar[int] = 40
    scan_count: ClassVar[int] = 1_200

    def __init__(self, unreachable: Storage | None = None) -> None:
        self._unreachable = unreachable

    def unreachable(self) -> Storage | None:
        return self._unreachable


_SIZE = {"size": 100_000}
_ODD = {"key": "with space/and another.txt"}
LIARS: list[tuple[str, type[FaultyStorage], dict[str, Any]]] = [
    ("test_bytes_come_back_as_they_went", ShortRead, _SIZE),
    ("test_bytes_come_back_as_they_went", LostWrite, _SIZE),
    ("test_what_is_got_belongs_to_the_reader", _Shared, _SIZE),
    ("test_what_is_put_is_no_alias", _Alias, {}),
    ("test_a_generator_is_read_once_and_in_order", _Alias, {}),
    ("test_no_parts_make_an_empty_object", LostWrite, {}),
    ("test_odd_keys_are_keys", _Escaping, _ODD),
    ("test_case_tells_keys_apart", _Folding, {}),
    ("test_ranges", ShortRead, {}),
    ("test_a_range_past_the_end_is_an_error", _Lenient, {}),
    ("test_a_stream_gives_every_byte", ShortRead, {}),
    ("test_a_stream_is_never_a_mixture", _Mixing, {}),
    ("test_overwriting_replaces_the_whole", _Appending, {}),
    ("test_a_reader_never_sees_a_torn_object", TornOverwrite, {}),
    ("test_create_has_one_winner", RacyCreate, {}),
    ("test_create_leaves_what_is_there", _Overwriting, {}),
    ("test_only_keymissing_means_absent", WrongError, {}),
    ("test_trouble_is_never_taken_for_absence", AlwaysAbsent, {}),
    ("test_errors_name_block_key_and_operation", _Nameless, {}),
    ("test_scan_is_in_key_order", _Unsorted, {}),
    ("test_scan_keeps_to_its_prefix", _Folders, {}),
    ("test_scan_goes_on_to_the_last_page", _OnePage, {}),
    ("test_a_listing_knows_the_latest_write", LateListing, {}),
    ("test_sweeping_leaves_objects_alone", _Sweeping, {}),
    ("test_delete_is_idempotent", _Strict, {}),
    ("test_a_failing_source_changes_nothing", TornOverwrite, {}),
    ("test_publish_gives_a_second_name", _Moving, {}),
    ("test_both_colours_agree", _OtherColour, {}),
    ("test_a_pickled_storage_works", _Unpickled, {}),
    ("test_a_spawned_process_shares_it", _Unpickled, {}),
    ("test_a_forked_process_shares_it", _Forgetful, {}),
]


@pytest.fixture
def honest(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path / "base"))


def _unreachable(tmp_path: Path) -> Directory:
    (tmp_path / "file").write_bytes(b"")
    return Directory(str(tmp_path / "file"))


@pytest.mark.parametrize(("promise", "liar", "arguments"), LIARS, ids=[f"{p[5:]}-{c.__name__}" for p, c, _ in LIARS])
def test_the_contract_catches_a_liar(
    promise: str, liar: type[FaultyStorage], arguments: dict[str, Any], honest: Directory, tmp_path: Path
) -> None:
    """A storage that breaks one promise fails the test of that promise."""
    contract = _Contract(unreachable=liar(_unreachable(tmp_path)))
    storage = [] if promise == "test_trouble_is_never_taken_for_absence" else [liar(honest)]

    with pytest.raises((AssertionError, HoldallError, OSError, KeyError, pytest.fail.Exception)):
        getattr(contract, promise)(*storage, **arguments)


@pytest.mark.parametrize(("promise", "arguments"), sorted({promise: args for promise, _, args in LIARS}.items()))
def test_the_contract_lets_the_honest_pass(
    promise: str, arguments: dict[str, Any], honest: Directory, tmp_path: Path
) -> None:
    """The same wrapper without a lie passes, so the liars fail for what they do."""
    contract = _Contract(unreachable=FaultyStorage(_unreachable(tmp_path)))
    storage = [] if promise == "test_trouble_is_never_taken_for_absence" else [FaultyStorage(honest)]
    getattr(contract, promise)(*storage, **arguments)


def test_every_promise_has_its_liar() -> None:
    """No test of the contract is left out above."""
    promises = {name for name in dir(StorageContract) if name.startswith("test_")}

    assert promises == {promise for promise, _, _ in LIARS}


def test_the_errors_of_create_are_told_apart(honest: Directory) -> None:
    """KeyExists is a StorageError and no KeyMissing, so that nobody takes a taken key for a free one."""
    honest.put("object", [b""])
    with pytest.raises(KeyExists) as caught:
        honest.put("object", [b""], mode="create")

    assert isinstance(caught.value, StorageError)
    assert not isinstance(caught.value, KeyMissing)
