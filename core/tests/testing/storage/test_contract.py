"""Each test of the storage contract can fail: a liar for every promise."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.abc.storage import Storage
from holdall.builtin.local.directory import Directory
from holdall.builtin.local.key_rules import TEMPORARY
from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import ConfigurationError, HoldallError, KeyExists, KeyMissing, StorageError
from holdall.ids import new_id
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
from holdall.testing.storage.contract import StorageContract
from holdall.types import ByteRange, ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, Parts, WriteMode

_PIECE = 50_000
_PASSWORD = "hunter2-and-more"


class _Lenient(FaultyStorage):
    """Answers a range past the end with nothing."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return bytes(self.inner.get(key))[slice(*byte_range or (None,))]


class _Counting(FaultyStorage):
    """Counts items where it should count bytes."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        read = list(parts)
        return self.inner.put(key, read, mode=mode)._replace(size=sum(map(len, read)))


class _Careless(FaultyStorage):
    """Lets any key pass that some storage may take."""

    def check_key(self, key: str, /) -> None:
        Storage.check_key(self, key)


class _Fussy(FaultyStorage):
    """Refuses what it would take."""

    def check_key(self, key: str, /) -> None:
        if " " in key:
            raise ConfigurationError("no spaces, please")
        super().check_key(key)


class _Truncating(FaultyStorage):
    """Reads no further than the first piece of what was written in several."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return self.inner.get(key, byte_range=byte_range)[:_PIECE]


class _Patching(FaultyStorage):
    """Reads a large object by halves, which may be of two objects."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        if byte_range is not None or (size := self.inner.head(key).size) < _PIECE:
            return self.inner.get(key, byte_range=byte_range)
        first = bytes(self.inner.get(key, byte_range=ByteRange(0, size // 2)))
        before, end = self.inner.head(key), time.monotonic() + 3
        while before == self.inner.head(key) and time.monotonic() < end:
            pass  # whoever writes is about to
        return first + bytes(self.inner.get(key, byte_range=ByteRange(size // 2)))


class _Littering(FaultyStorage):
    """Leaves an unfinished file behind when its parts fail."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        try:
            return self.inner.put(key, parts, mode=mode)
        except FileNotFoundError:
            path = Path(self.location()["basepath"], f"{TEMPORARY}{new_id()}")
            path.write_bytes(b"half")
            raise


class _Unswept(FaultyStorage):
    """Has nothing to sweep, as it says."""

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        return []


class _Hasty(FaultyStorage):
    """Sweeps away what somebody may be at work on."""

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        return self.inner.sweep(before + time.time(), dry_run=dry_run)


class _Reused(FaultyStorage):
    """Has one place for the key that is asked for, whichever thread asks."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        self._asked = key
        time.sleep(0.001)
        return self.inner.get(self._asked, byte_range=byte_range)


class _Complaisant(FaultyStorage):
    """Says that a write was fine which the backend refused."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        with suppress(StorageError):
            return self.inner.put(key, parts, mode=mode)
        return ObjectMeta(key, 0)


class _Secretive(FaultyStorage):
    """Has a password, and is silent about it."""

    def secret_values(self) -> dict[str, Any]:
        return {"nested": {"passwords": [_PASSWORD]}}


class _InMessages(_Secretive):
    """Puts it into the text of an error."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        try:
            return self.inner.get(key, byte_range=byte_range)
        except StorageError as error:
            raise type(error)(f"{error} ({_PASSWORD})", block="faulty", key=key, operation="get") from None


class _InNotes(_Secretive):
    """Notes it on an error."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        try:
            return self.inner.get(key, byte_range=byte_range)
        except StorageError as error:
            error.add_note(f"signed in with {_PASSWORD}")
            raise


class _InCauses(_Secretive):
    """Chains an error of holdall's that tells it."""

    def head(self, key: str, /) -> ObjectMeta:
        try:
            return self.inner.head(key)
        except KeyMissing as error:
            raise KeyMissing(str(error), block="faulty", key=key, operation="head") from StorageError(_PASSWORD)


class _InItsLocation(_Secretive):
    """Says where it is, and how to get in."""

    def location(self) -> dict[str, Any]:
        return {"url": f"sftp://me:{_PASSWORD}@host"}


class _InItsRepr(_Secretive):
    """Prints as it was made."""

    def __repr__(self) -> str:
        return f"Faulty(password={_PASSWORD!r})"


class _InItsPickle(_Secretive):
    """Travels with it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self.inner, _PASSWORD)


def _made(kind: type[FaultyStorage], inner: Storage, password: str) -> FaultyStorage:
    return kind(inner)


class _ReadOnly(FaultyStorage):
    """No liar: a place that refuses to be written to."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        raise StorageError("put refused", block="faulty", key=key, operation="put")

    def delete(self, key: str, /) -> None:
        raise StorageError("delete refused", block="faulty", key=key, operation="delete")


class _CreatesNot(FaultyStorage):
    """No liar: a backend that can overwrite and nothing else, and says so."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        if mode == "create":
            raise StorageError("put can create nothing", block="faulty", key=key, operation="put")
        return self.inner.put(key, parts)


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


class _Hurried(FaultyStorage):
    """Deletes whatever has the key by now."""

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        self.inner.delete(meta.key)
        return True


class _Reluctant(FaultyStorage):
    """Takes everything for changed, as one does whose times are of two precisions."""

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        return self.inner.delete_unchanged(meta._replace(etag=None, modified=0.5))


class _Timeless(FaultyStorage):
    """No liar: knows of its objects nothing but their sizes."""

    def head(self, key: str, /) -> ObjectMeta:
        return ObjectMeta(key, self.inner.head(key).size)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return (ObjectMeta(meta.key, meta.size) for meta in self.inner.scan(prefix))

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        return Storage.delete_unchanged(self, meta)


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
    sizes: ClassVar[tuple[int, ...]] = (0, 10, 100_000)
    largest: ClassVar[int] = 5 * _PIECE
    several_requests: ClassVar[int] = 2 * _PIECE
    overwrites: ClassVar[int] = 40
    scan_count: ClassVar[int] = 1_200

    def __init__(self, liar: Callable[[Storage], Storage], elsewhere: Path) -> None:
        self._liar = liar
        self._elsewhere = elsewhere

    def unreachable(self) -> Storage:
        self._elsewhere.write_bytes(b"")
        return self._liar(Directory(str(self._elsewhere)))

    def without_container(self, storage: Storage, /) -> Storage:
        return self.unreachable()

    def refused(self, storage: Storage, /) -> Storage:
        return self.unreachable()

    def read_only(self, storage: Storage, /) -> Storage:
        assert isinstance(storage, FaultyStorage)
        return self._liar(_ReadOnly(storage.inner))

    def debris(self, storage: Storage, /) -> list[str]:
        return [path.name for path in Path(storage.location()["basepath"]).rglob(f"{TEMPORARY}*")]


class _WithoutCreate(_Contract):
    creates: ClassVar[bool] = False


LIARS: list[tuple[str, type[FaultyStorage]]] = [
    ("test_bytes_come_back_as_they_went", ShortRead),
    ("test_bytes_come_back_as_they_went", LostWrite),
    ("test_parts_are_counted_in_bytes", _Counting),
    ("test_what_is_got_belongs_to_the_reader", _Shared),
    ("test_what_is_put_is_no_alias", _Alias),
    ("test_a_generator_is_read_once_and_in_order", _Alias),
    ("test_no_parts_make_an_empty_object", LostWrite),
    ("test_odd_keys_are_keys", _Escaping),
    ("test_check_key_says_what_put_would", _Careless),
    ("test_check_key_says_what_put_would", _Fussy),
    ("test_case_tells_keys_apart", _Folding),
    ("test_ranges", ShortRead),
    ("test_a_range_that_is_none_is_an_error", _Lenient),
    ("test_a_stream_gives_every_byte", ShortRead),
    ("test_a_stream_is_never_a_mixture", _Mixing),
    ("test_overwriting_replaces_the_whole", _Appending),
    ("test_publish_gives_a_second_name", _Moving),
    ("test_a_large_object_goes_round", ShortRead),
    ("test_a_large_object_goes_round", _Truncating),
    ("test_a_large_create_has_one_winner", RacyCreate),
    ("test_a_large_create_has_one_winner", _Overwriting),
    ("test_a_reader_never_sees_a_torn_large_object", TornOverwrite),
    ("test_a_reader_never_sees_a_torn_large_object", _Patching),
    ("test_scan_is_in_key_order", _Unsorted),
    ("test_scan_keeps_to_its_prefix", _Folders),
    ("test_scan_goes_on_to_the_last_page", _OnePage),
    ("test_a_listing_knows_the_latest_write", LateListing),
    ("test_delete_is_idempotent", _Strict),
    ("test_what_was_written_again_is_not_deleted_for_the_old_one", _Hurried),
    ("test_what_was_written_again_is_not_deleted_for_the_old_one", _Reluctant),
    ("test_a_reader_never_sees_a_torn_object", TornOverwrite),
    ("test_create_has_one_winner", RacyCreate),
    ("test_create_leaves_what_is_there", _Overwriting),
    ("test_many_threads_share_a_storage", _Reused),
    ("test_both_colours_agree", _OtherColour),
    ("test_a_pickled_storage_works", _Unpickled),
    ("test_a_spawned_process_shares_it", _Unpickled),
    ("test_a_forked_process_shares_it", _Forgetful),
    ("test_only_keymissing_means_absent", WrongError),
    ("test_trouble_is_never_taken_for_absence", AlwaysAbsent),
    ("test_a_missing_container_is_no_absence", AlwaysAbsent),
    ("test_refused_credentials_are_no_absence", AlwaysAbsent),
    ("test_who_may_only_read_changes_nothing", _Complaisant),
    ("test_errors_name_block_key_and_operation", _Nameless),
    ("test_errors_hold_no_secret", _InMessages),
    ("test_errors_hold_no_secret", _InNotes),
    ("test_errors_hold_no_secret", _InCauses),
    ("test_a_storage_shows_no_secret", _InItsLocation),
    ("test_a_storage_shows_no_secret", _InItsRepr),
    ("test_a_storage_shows_no_secret", _InItsPickle),
    ("test_a_failing_source_changes_nothing", TornOverwrite),
    ("test_a_large_source_that_fails_leaves_nothing", TornOverwrite),
    ("test_a_large_source_that_fails_leaves_nothing", _Littering),
    ("test_a_killed_writer_leaves_what_sweep_finds", TornOverwrite),
    ("test_a_killed_writer_leaves_what_sweep_finds", _Unswept),
    ("test_a_killed_writer_leaves_what_sweep_finds", _Hasty),
    ("test_sweeping_leaves_objects_alone", _Sweeping),
]
_ABOUT_CREATE = ("create", "colours", "errors", "fail")
PROMISES = sorted(name for name in dir(StorageContract) if name.startswith("test_"))


@pytest.fixture
def honest(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path / "base"))


@pytest.mark.parametrize(("promise", "liar"), LIARS, ids=[f"{p[5:]}-{liar.__name__}" for p, liar in LIARS])
def test_the_contract_catches_a_liar(
    promise: str, liar: type[FaultyStorage], honest: Directory, tmp_path: Path
) -> None:
    """A storage that breaks one promise fails the test of that promise."""
    with pytest.raises((AssertionError, HoldallError, OSError, KeyError, pytest.fail.Exception)):
        getattr(_Contract(liar, tmp_path / "file"), promise)(liar(honest))


@pytest.mark.parametrize("promise", PROMISES)
def test_the_contract_lets_the_honest_pass(promise: str, honest: Directory, tmp_path: Path) -> None:
    """The same wrapper without a lie passes, so the liars fail for what they do."""
    getattr(_Contract(_Secretive, tmp_path / "file"), promise)(_Secretive(honest))


@pytest.mark.parametrize("promise", [name for name in PROMISES if any(word in name for word in _ABOUT_CREATE)])
def test_what_cannot_be_is_not_asked(promise: str, honest: Directory, tmp_path: Path) -> None:
    """A backend that can create nothing, and says so, passes too."""
    getattr(_WithoutCreate(_CreatesNot, tmp_path / "file"), promise)(_CreatesNot(honest))


def test_who_knows_nothing_but_sizes_can_delete(honest: Directory, tmp_path: Path) -> None:
    """A backend may tell neither times nor versions."""
    promise = "test_what_was_written_again_is_not_deleted_for_the_old_one"
    getattr(_Contract(_Timeless, tmp_path / "file"), promise)(_Timeless(honest))


def test_every_promise_has_its_liar() -> None:
    """No test of the contract is left out above."""
    assert PROMISES == sorted({promise for promise, _ in LIARS})


def test_the_errors_of_create_are_told_apart(honest: Directory) -> None:
    """KeyExists is a StorageError and no KeyMissing, so that nobody takes a taken key for a free one."""
    honest.put("object", [b""])
    with pytest.raises(KeyExists) as caught:
        honest.put("object", [b""], mode="create")

    assert isinstance(caught.value, StorageError)
    assert not isinstance(caught.value, KeyMissing)
