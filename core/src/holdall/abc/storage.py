"""`Storage`: objects of bytes by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc.keys import fault, refuse
from holdall.errors import KeyMissing, StorageError
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pydantic import SecretStr

    from holdall.types import Buffer, ObjectMeta, OnFailure, Parts, WriteMode

INLINE_LIMIT: Final = 8192
"""Default of the size, in bytes, up to which a payload is stored inside its record."""


class _Default:
    """Default of instances alone: on the class, pydantic would take it for the default of a block's field."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            raise AttributeError(f"{owner.__name__} has this for its instances alone")
        return self._value


class Storage(ABC):
    """Object storage: bytes by key, written and read whole.

    Keys are `/`-separated relative names. A reader sees the whole old object or the whole new one. Only `KeyMissing`
    means absent; every other failure is a `StorageError`. Methods block; those that start with `a` run the same call in
    a thread and may be overridden if a backend has an async client of its own.

    This class has no configuration and imports no pydantic: the default storage of a fresh process is one.
    `StorageBlock` is a storage that users configure, save and name.
    """

    __slots__ = ()

    slug: ClassVar[str]
    if TYPE_CHECKING:  # annotations would be fields of every block
        inline_limit: int
        """Payloads up to this many bytes are stored inside their record."""
        on_failure: OnFailure
        """What a run does if its result is not taken here."""
        signing_key: SecretStr | None
        encryption_key: SecretStr | None
        no_pickle: bool
        accept: tuple[str, ...]
        """These four are the policy of a `StorageBlock`, which says what they mean."""
        lock_path: Callable[[str], str] | None
        """Returns the lock file of a key; None if keys are not locked by files."""
    else:
        inline_limit = _Default(INLINE_LIMIT)
        on_failure = _Default("raise")
        signing_key = encryption_key = _Default(None)
        no_pickle = _Default(False)
        accept = _Default(())
        lock_path = _Default(None)

    @abstractmethod
    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        """Writes the parts, read once and in order, as one object.

        Raises:
            KeyExists: `mode="create"` and the key is taken. Atomic: of any number of racers one wins.
            StorageError: the write failed, and nothing was changed. `put` does not repeat it, as the parts are read once.
        """

    @abstractmethod
    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        """Reads an object or a range of it; writable and private if that costs no other copy.

        Raises:
            KeyMissing: there is no object under the key.
            StorageError: anything else, a range that starts past the end included.
        """

    @abstractmethod
    def head(self, key: str, /) -> ObjectMeta:
        """Returns the metadata of an object, without its bytes; raises `KeyMissing` if there is none."""

    @abstractmethod
    def delete(self, key: str, /) -> None:
        """Deletes an object; a key without one is not an error."""

    @abstractmethod
    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        """Lists the objects whose keys start with the prefix, sorted by key in code points."""

    @abstractmethod
    def location(self) -> dict[str, Any]:
        """Returns the place as JSON without secrets: with credentials, enough to reach the storage again."""

    @property
    def block_slug(self) -> str | None:
        """The slug that this storage was found under, as `s3/prod`, or None."""
        return None

    @property
    def atomic_create(self) -> bool:
        """Whether the backend itself refuses `put(mode="create")` of a taken key, however many machines race for it.

        Leases need it: if it is true, callers on several machines that miss one cached result compute it once. Listings
        have to be consistent, too. False if two writers might both succeed, as with a client that looks first and then
        writes, and if a storage locks by other means (files) or is of this process alone.
        """
        return False

    # Derived; override for more than they do, or for speed.

    def check_key(self, key: str, /) -> None:
        """Refuses a key that `put` would refuse, without I/O.

        Runs check their keys before they begin to work. Override if this storage takes fewer keys than others do, and
        let `put` refuse the same ones.

        Raises:
            ConfigurationError: what is wrong with the key, and what a good one is like.
        """
        if reason := fault(key):
            refuse(key, reason)

    def check_place(self) -> None:  # noqa: B027 - most storages are whatever a server says that they are
        """Refuses a place that cannot store anything, as far as that is known without a request to a server.

        Raises:
            ConfigurationError: nothing can ever be stored here: its protocol is unknown, or it is read-only.
            StorageError: nothing can be stored here as it is now: a file is in the place of a folder.
        """

    def exists(self, key: str, /) -> bool:
        """Returns whether there is an object under the key."""
        try:
            self.head(key)
        except KeyMissing:
            return False
        return True

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        """Reads an object in pieces of `chunk` bytes.

        If it is replaced meanwhile, a `StorageError` is raised, at the latest after the last piece: override if one open
        handle can do better.
        """
        before = self.head(key)
        for start in range(0, before.size, chunk):
            yield self.get(key, byte_range=ByteRange(start, min(start + chunk, before.size)))
        if self.head(key) != before:
            raise StorageError(
                f"{self.slug}: get of {key!r} failed: the object was replaced while it was read.",
                block=self.slug,
                key=key,
                operation="get",
                transient=True,
            )

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        """Deletes the object that `meta`, from `head` or `scan`, describes, unless it was written again since.

        True if no object is under the key any more, by this call or before; False if another one is, which stays. This
        method first looks and then deletes, so a write in between is lost: override if the storage can do both at once.
        """
        try:
            found = self.head(meta.key)
        except KeyMissing:
            return True
        if not meta.is_same(found):
            return False
        self.delete(meta.key)
        return True

    def publish(self, source: str, target: str, /) -> None:
        """Copies the object at `source` to `target`, for other tools. Override if no copy of the bytes is needed."""
        self.put(target, self.stream(source))

    def resolved(self, directory: str, /) -> Storage:
        """Returns this storage with relative paths resolved from `directory`; itself if it has none."""
        del directory
        return self

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        """Deletes unfinished writes of killed writers, last modified before `before` (seconds since the epoch).

        Returns what was deleted, or would be, under names that are not keys. Override if a write begins with something
        that outlives its writer; objects are never deleted.
        """
        del before, dry_run
        return []

    def close(self) -> None:  # noqa: B027 - most storages have nothing to let go of
        """Let go of clients and files; the next call opens them anew."""

    async def aput(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        from asyncio import to_thread

        return await to_thread(self.put, key, parts, mode=mode)

    async def aget(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        from asyncio import to_thread

        return await to_thread(self.get, key, byte_range=byte_range)

    async def ahead(self, key: str, /) -> ObjectMeta:
        from asyncio import to_thread

        return await to_thread(self.head, key)

    async def adelete(self, key: str, /) -> None:
        from asyncio import to_thread

        await to_thread(self.delete, key)

    async def aexists(self, key: str, /) -> bool:
        from asyncio import to_thread

        return await to_thread(self.exists, key)

    async def ascan(self, prefix: str = "", /) -> AsyncIterator[ObjectMeta]:
        from asyncio import to_thread

        for meta in await to_thread(lambda: list(self.scan(prefix))):
            yield meta

    async def astream(self, key: str, /, *, chunk: int = 4 << 20) -> AsyncIterator[Buffer]:
        from asyncio import to_thread

        pieces = self.stream(key, chunk=chunk)
        while (piece := await to_thread(next, pieces, None)) is not None:
            yield piece
