"""Where bytes are kept, by key."""

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
"""Bytes up to which a payload lies inside its record, unless configured."""


class _Default:
    """A default that instances have and the class has not: pydantic would take it for that of a block's field."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            raise AttributeError(f"{owner.__name__} has this for its instances alone")
        return self._value


class Storage(ABC):
    """Bytes by key, whole or not at all.

    Keys are `/`-separated relative names. A reader sees the whole old object or the whole new one. Only `KeyMissing`
    means absent; every other failure is a `StorageError`. Blocking is the contract; the `a`-twins run the same call in
    a thread and may be overridden where a backend has an async client of its own.

    This class holds no configuration and imports no pydantic: the default storage of a fresh process is one.
    `StorageBlock` is the same thing as users configure, save and name it.
    """

    __slots__ = ()

    slug: ClassVar[str]
    if TYPE_CHECKING:  # annotations would be fields of every block
        inline_limit: int
        """Payloads up to this many bytes lie inside their record."""
        on_failure: OnFailure
        """Whether a run fails whose result is not taken here."""
        signing_key: SecretStr | None
        encryption_key: SecretStr | None
        no_pickle: bool
        accept: tuple[str, ...]
        """These four are the policy of a `StorageBlock`, which says what they mean."""
        lock_path: Callable[[str], str] | None
        """Gives the file whose lock stands for a key; None where keys are not locked by files."""
    else:
        inline_limit = _Default(INLINE_LIMIT)
        on_failure = _Default("raise")
        signing_key = encryption_key = _Default(None)
        no_pickle = _Default(False)
        accept = _Default(())
        lock_path = _Default(None)

    @abstractmethod
    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        """Write the parts, read once and in order, as one object.

        Raises:
            KeyExists: `mode="create"` and the key is taken. Atomic: of any number of racers one wins.
            StorageError: nothing was changed. The call is not repeated here: parts may be gone.
        """

    @abstractmethod
    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        """Read an object or a range of it; writable and private where that costs no other copy.

        Raises:
            KeyMissing: nothing is there.
            StorageError: anything else, a range that starts past the end included.
        """

    @abstractmethod
    def head(self, key: str, /) -> ObjectMeta:
        """Raises `KeyMissing` where nothing is there; reads no payload."""

    @abstractmethod
    def delete(self, key: str, /) -> None:
        """Remove the object; a key that is not there is no error."""

    @abstractmethod
    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        """Every object whose key starts with the prefix, in key order by code point."""

    @abstractmethod
    def location(self) -> dict[str, Any]:
        """The non-secret JSON that says where this is, enough to reach it again with somebody's credentials."""

    @property
    def block_slug(self) -> str | None:
        """`s3/prod` where this storage was found under that slug, else None."""
        return None

    @property
    def atomic_create(self) -> bool:
        """Whether `put(mode="create")` is refused by whoever keeps the objects, however many machines race for the key.

        Leases stand on it: where it is true, callers on several machines that miss one cached result compute it once.
        Listings have to be current there, too. False where two writers might both succeed, as where a client looks first
        and writes then, and where a storage locks by other means (files) or is this process's own.
        """
        return False

    # Derived; override where there is more to say, or for speed.

    def check_key(self, key: str, /) -> None:
        """Refuses a key under which `put` could store nothing here, without asking anybody.

        Runs ask before they begin to work. Override where this storage takes fewer keys than all do, and let `put`
        refuse the same ones.

        Raises:
            ConfigurationError: what is wrong with the key, and what a good one is like.
        """
        if reason := fault(key):
            refuse(key, reason)

    def check_place(self) -> None:  # noqa: B027 - most storages are whatever a server says that they are
        """Refuses a place that could hold nothing, as far as that shows without asking a server.

        Raises:
            ConfigurationError: nothing can ever be stored here: nobody speaks its protocol, or it can only be read.
            StorageError: nothing can be stored here as it is now: a file is in the way of a folder.
        """

    def exists(self, key: str, /) -> bool:
        try:
            self.head(key)
        except KeyMissing:
            return False
        return True

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        """The object in pieces of `chunk` bytes.

        A writer that replaces it meanwhile is seen as a `StorageError`, at the latest after the last piece: override
        where one open handle can do better.
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
        """Remove the object that `meta`, from `head` or `scan`, describes, unless it was written again since.

        True if nothing is under the key any more, by this call or before; False if another object is, which stays. This
        one looks and deletes then, and so a writer in between loses: override where the storage can do both at once.
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
        """Make the bytes of `source` readable under `target` too, for other tools. Override where no copy is needed."""
        self.put(target, self.stream(source))

    def resolved(self, directory: str, /) -> Storage:
        """This storage with relative paths taken from `directory`; itself where it has none."""
        del directory
        return self

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        """Remove what writers that were killed left here and no key shows, last touched before that time.

        Seconds since the epoch. Returns what was removed, or would be, under names that are no keys. Override where a
        write begins with something that outlives its writer; an object is never touched.
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
