"""Faulty storages, for tests of their callers and for proofs that a contract suite can fail.

```python
store = ShortRead(MemoryFileSystem())      # every `get` loses its last byte
```
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc.storage import Storage
from holdall.errors import KeyMissing, StorageError
from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, ByteRange, Parts, WriteMode


class FaultyStorage(Storage):
    """Wrapper that passes every call on to `inner`; each subclass breaks one promise."""

    slug: ClassVar[str] = "faulty"

    def __init__(self, inner: Storage, /) -> None:
        self.inner = inner
        self.inline_limit = inner.inline_limit
        self.on_failure = inner.on_failure

    @property
    def atomic_create(self) -> bool:
        return self.inner.atomic_create

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        return self.inner.put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return self.inner.get(key, byte_range=byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        return self.inner.head(key)

    def delete(self, key: str, /) -> None:
        self.inner.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        if type(self).delete is not FaultyStorage.delete:  # what a subclass spoils of the one is spoilt of the other
            return super().delete_unchanged(meta)
        return self.inner.delete_unchanged(meta)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return self.inner.scan(prefix)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        return self.inner.stream(key, chunk=chunk)

    def publish(self, source: str, target: str, /) -> None:
        self.inner.publish(source, target)

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        return self.inner.sweep(before, dry_run=dry_run)

    def check_key(self, key: str, /) -> None:
        self.inner.check_key(key)

    def check_place(self) -> None:
        self.inner.check_place()

    def location(self) -> dict[str, Any]:
        return self.inner.location()


class ShortRead(FaultyStorage):
    """Drops the last byte of every read without an error."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return self.inner.get(key, byte_range=byte_range)[:-1]

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        for piece in self.inner.stream(key, chunk=chunk):
            yield piece[:-1]


class LostWrite(FaultyStorage):
    """Acknowledges writes and stores nothing."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        return ObjectMeta(key, sum(memoryview(part).nbytes for part in parts))


class LateListing(FaultyStorage):
    """Returns the previous listing, as a cached listing does."""

    def __init__(self, inner: Storage, /) -> None:
        super().__init__(inner)
        self._before: dict[str, list[ObjectMeta]] = {}

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        before = self._before.get(prefix, [])
        self._before[prefix] = list(self.inner.scan(prefix))
        yield from before


class WrongError(FaultyStorage):
    """Raises a foreign error for an absent key, as a client whose errors are not mapped."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        try:
            return self.inner.get(key, byte_range=byte_range)
        except KeyMissing:
            raise FileNotFoundError(2, "No such file or directory", key) from None

    def head(self, key: str, /) -> ObjectMeta:
        try:
            return self.inner.head(key)
        except KeyMissing:
            raise FileNotFoundError(2, "No such file or directory", key) from None


class AlwaysAbsent(FaultyStorage):
    """Reports every failure of `get` and `head` as an absent key."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        try:
            return self.inner.get(key, byte_range=byte_range)
        except StorageError as error:
            raise KeyMissing(str(error), block=error.block, key=key, operation="get") from error

    def head(self, key: str, /) -> ObjectMeta:
        try:
            return self.inner.head(key)
        except StorageError as error:
            raise KeyMissing(str(error), block=error.block, key=key, operation="head") from error


class TornOverwrite(FaultyStorage):
    """Writes part by part over the object, so that readers and failures see halves."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        so_far = b""
        meta = self.inner.put(key, [so_far], mode=mode)
        for part in parts:
            so_far += bytes(part)
            meta = self.inner.put(key, [so_far])
        return meta


class RacyCreate(FaultyStorage):
    """Checks for a key and then writes, `pause` seconds later, so that several creators of one key succeed."""

    def __init__(self, inner: Storage, /, *, pause: float = 0.01) -> None:
        super().__init__(inner)
        self.pause = pause

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        if mode == "create" and self.inner.exists(key):
            return self.inner.put(key, parts, mode=mode)
        if mode == "create":
            time.sleep(self.pause)
        return self.inner.put(key, parts)


class Meanwhile(FaultyStorage):
    """Calls a function once, right before an operation on a key: what another process might do just then.

    `operation` is the name of a method, `key` the beginning of the key or prefix that it is called with; the first
    `skip` such calls pass.
    """

    def __init__(
        self, inner: Storage, operation: str, act: Callable[[], object], /, *, key: str = "", skip: int = 0
    ) -> None:
        super().__init__(inner)
        self.happened = False
        self._operation = operation
        self._act = act
        self._key = key
        self._skip = skip

    def _reached(self, operation: str, key: str) -> None:
        if self.happened or operation != self._operation or not key.startswith(self._key):
            return
        if self._skip:
            self._skip -= 1
            return
        self.happened = True
        self._act()

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self._reached("put", key)
        return self.inner.put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        self._reached("get", key)
        return self.inner.get(key, byte_range=byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        self._reached("head", key)
        return self.inner.head(key)

    def delete(self, key: str, /) -> None:
        self._reached("delete", key)
        self.inner.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        self._reached("delete_unchanged", meta.key)
        return self.inner.delete_unchanged(meta)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        self._reached("scan", prefix)
        return self.inner.scan(prefix)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        self._reached("stream", key)
        return self.inner.stream(key, chunk=chunk)

    def publish(self, source: str, target: str, /) -> None:
        self._reached("publish", target)
        self.inner.publish(source, target)


class SlowStorage(FaultyStorage):
    """Delays each call by `delay` seconds."""

    def __init__(self, inner: Storage, /, *, delay: float) -> None:
        super().__init__(inner)
        self.delay = delay

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        time.sleep(self.delay)
        return self.inner.put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        time.sleep(self.delay)
        return self.inner.get(key, byte_range=byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        time.sleep(self.delay)
        return self.inner.head(key)

    def delete(self, key: str, /) -> None:
        time.sleep(self.delay)
        self.inner.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        time.sleep(self.delay)
        return self.inner.delete_unchanged(meta)


class FlakyStorage(FaultyStorage):
    """Fails the first `failures` calls of put, get, head and delete with a transient error, then works.

    A put that fails has read its parts, as one that broke off on the way has.
    """

    def __init__(self, inner: Storage, /, *, failures: int) -> None:
        super().__init__(inner)
        self.failures = failures

    def _fail(self, key: str, operation: str) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise StorageError(
                f"{self.slug}: {operation} of {key!r} failed: the connection was cut on purpose.",
                block=self.slug,
                key=key,
                operation=operation,
                transient=True,
            )

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        read = [bytes(part) for part in parts]
        self._fail(key, "put")
        return self.inner.put(key, read, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        self._fail(key, "get")
        return self.inner.get(key, byte_range=byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        self._fail(key, "head")
        return self.inner.head(key)

    def delete(self, key: str, /) -> None:
        self._fail(key, "delete")
        self.inner.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        self._fail(meta.key, "delete")
        return self.inner.delete_unchanged(meta)
