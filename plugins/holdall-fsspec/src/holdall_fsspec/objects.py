"""A bucket as a storage: what S3, GCS, Azure and their kind have in common, over a client of few requests."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import deque
from itertools import chain
from tempfile import TemporaryFile
from time import sleep
from typing import IO, TYPE_CHECKING, ClassVar, Final, TypeVar

from holdall.abc import arriving
from holdall.errors import KeyMissing, StorageError
from holdall.types import ObjectMeta
from holdall_fsspec import keys
from holdall_fsspec.bucket import BucketBlock
from holdall_fsspec.deadline import Deadline, finished, run, start
from holdall_fsspec.errors import BackendError
from holdall_fsspec.pieces import pieces
from holdall_fsspec.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future
    from typing import Any

    from holdall.types import Buffer, ByteRange, Parts, WriteMode
    from holdall_fsspec.client import ObjectClient, ObjectInfo
    from holdall_fsspec.download import DownloadOptions
    from holdall_fsspec.errors import Guard

T = TypeVar("T")
_CONFLICTS: Final = 6
_FIRST_PIECES: Final = 2_000
"""Of the 10,000 that S3 takes; later ones are eight times as large, as nobody knows the end yet."""


class ObjectBlock(BucketBlock):
    """Base of blocks over an `ObjectClient`: a subclass says how to make one and, as a `BucketBlock`, where the keys begin."""

    atomic_create: ClassVar[bool] = True
    at_once: ClassVar[int] = 5 << 30
    """Bytes that one request may write or copy."""

    @abstractmethod
    def new_client(self) -> ObjectClient: ...

    def close(self) -> None:
        client: ObjectClient | None = self._clients.get(os.getpid())
        super().close()
        if client is not None:
            with self.guard("", "close"):
                self._run(client.close())

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        name, guard, create = self.name_of(key), self.guard(key, "put"), mode == "create"
        stream = pieces(parts, size=self._piece_size)
        first = next(stream)
        second = next(stream, None)
        deadline = Deadline(self.timeout)
        if second is None:
            with guard:
                etag = self._write(name, first, deadline, create=create)
            return ObjectMeta(key, len(first), etag)
        pending: Iterator[bytes] = chain([first, second], stream)
        del first, second  # whoever sends them lets go of them
        with guard:
            client: ObjectClient = self.client  # which may find no credentials
        if create and not client.creates_in_pieces:
            return self._create_large(key, name, pending, guard)
        from holdall_fsspec.upload import upload

        etag, size = upload(
            client, name, pending, create=create, concurrency=self.concurrency, deadline=deadline, guard=guard
        )
        return ObjectMeta(key, size, etag)

    def _piece_size(self, number: int) -> int:
        return self.chunk_size if number < _FIRST_PIECES else 8 * self.chunk_size

    def _create_large(self, key: str, name: str, pending: Iterator[bytes], guard: Guard) -> ObjectMeta:
        """One conditional request from a temporary file: not every store decides the end of an upload atomically."""
        if self.exists(key):  # spares the loser the writing; the request below decides
            raise guard.exists()
        with TemporaryFile(prefix="holdall-") as file:
            for piece in pending:
                file.write(piece)
            if (size := file.tell()) > self.at_once:
                raise guard.failed(f"{size} bytes are more than one request takes, and mode='create' needs one.")
            with guard:
                etag = self._write(name, file, Deadline(self.timeout), create=True)
        return ObjectMeta(key, size, etag)

    def _write(self, name: str, data: bytes | IO[bytes], deadline: Deadline, *, create: bool) -> str | None:
        client: ObjectClient = self.client
        for attempt in range(_CONFLICTS):
            if not isinstance(data, bytes):
                data.seek(0)
            try:
                return run(client.loop, client.write(name, data, create=create), deadline)
            except Exception as error:
                failure = BackendError.of(error)
                if failure.conflict and (create or failure.transient) and attempt + 1 < _CONFLICTS:
                    sleep(backoff(attempt))  # S3 asks for that: who is first is known in a moment
                    continue
                if create and failure.taken and failure.retries and self._holds(name, data, deadline):
                    # The request was sent again after its answer was lost: it is our own object that is in the way.
                    return run(client.loop, client.head(name), deadline).etag
                raise
        raise AssertionError("the last attempt returns or raises")

    def _holds(self, name: str, data: bytes | IO[bytes], deadline: Deadline) -> bool:
        stored = self._download(name, 0, None, None, deadline)
        if not isinstance(data, bytes):
            data.seek(0)
            data = data.read()
        return stored == data

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        name, guard = self.name_of(key), self.guard(key, "get")
        begin, stop = byte_range or (0, None)
        if byte_range is not None and (error := self.range_fault(guard, byte_range)) is not None:
            raise error
        if stop == begin:
            return self._nothing(key, begin, guard)
        try:
            return self._download(name, begin, stop, None, Deadline(self.timeout))
        except Exception as error:
            if BackendError.of(error).status == 416:
                return self._nothing(key, begin, guard)
            raise self._unread(guard, error) from error

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        name, guard = self.name_of(key), self.guard(key, "get")
        meta = self._head(key, guard)
        deadline = Deadline(self.timeout)
        waiting: deque[Future[Buffer]] = deque()
        starts = iter(range(0, meta.size, chunk))
        try:
            while True:
                while len(waiting) < self.concurrency and (begin := next(starts, None)) is not None:
                    stop = min(begin + chunk, meta.size)
                    work = self._downloading(name, begin, stop, meta.etag)
                    waiting.append(start(self.client.loop, work, deadline))
                if not waiting:
                    return
                try:
                    piece = finished(waiting.popleft())
                except Exception as error:
                    raise self._unread(guard, error) from error
                yield piece
        finally:
            for each in waiting:
                each.cancel()

    def _download(self, name: str, begin: int, stop: int | None, etag: str | None, deadline: Deadline) -> Buffer:
        return run(self.client.loop, self._downloading(name, begin, stop, etag), deadline)

    def _downloading(self, name: str, begin: int, stop: int | None, etag: str | None) -> Coroutine[Any, Any, Buffer]:
        from holdall_fsspec.download import download

        return download(self.client, name, begin, stop, etag, self._download_options())

    def _download_options(self) -> DownloadOptions:
        from holdall_fsspec.download import DownloadOptions

        return DownloadOptions(self.chunk_size, self.concurrency, self.max_attempts, self.map_above, arriving.get())

    def _unread(self, guard: Guard, error: Exception) -> StorageError:
        if BackendError.of(error).status == 412:
            return guard.failed("the object was replaced while it was read. Read it again.", transient=True)
        return self._missing_error(guard, guard.mapped(error), error)

    def _nothing(self, key: str, begin: int, guard: Guard) -> bytes:
        """The answer to a range of no bytes, which HTTP cannot ask for."""
        size = self._head(key, guard).size
        if begin > size:
            raise guard.failed(f"the range starts at {begin}, past the end of the object at {size}.")
        return b""

    def head(self, key: str, /) -> ObjectMeta:
        return self._head(key, self.guard(key, "head"))

    def _head(self, key: str, guard: Guard) -> ObjectMeta:
        name = self.name_of(key)
        try:
            seen: ObjectInfo = self._run(self.client.head(name))
        except Exception as error:
            raise self._missing_error(guard, guard.mapped(error), error) from error
        return ObjectMeta(key, seen.size, seen.etag, seen.modified)

    def _missing_error(self, guard: Guard, mapped: StorageError, error: Exception) -> StorageError:
        """Of an answer that does not say what is missing, the object or the whole bucket: the error that is right."""
        if not isinstance(mapped, KeyMissing) or BackendError.of(error).names_object:
            return mapped
        try:
            self._run(self.client.probe())
        except Exception as refused:  # noqa: BLE001 - whatever a client raises
            failure = BackendError.of(refused)
            if failure.absent:
                return guard.no_container()
            if failure.status != 403:
                return guard.mapped(refused)
        return mapped

    def delete(self, key: str, /) -> None:
        name = self.name_of(key)
        self._remove(key, lambda client: client.remove(name))

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        """Looked at first, as not every server heeds a condition."""
        try:
            found = self.head(meta.key)
        except KeyMissing:
            return True
        if not meta.is_same(found):
            return False
        try:
            name = self.name_of(meta.key)
            self._remove(meta.key, lambda client: client.remove_unchanged(name, found.etag))
        except StorageError as error:
            if error.__cause__ is None or BackendError.of(error.__cause__).status != 412:
                raise
            return False
        return True

    def _remove(self, key: str, request: Callable[[ObjectClient], Coroutine[Any, Any, None]]) -> None:
        guard = self.guard(key, "delete")
        try:
            self._run(request(self.client))
        except Exception as error:
            mapped = guard.mapped(error)
            failure = BackendError.of(error)
            if not failure.absent or failure.names_container:
                raise mapped from error
            if not failure.names_object:
                self._confirm_container(guard)

    def _confirm_container(self, guard: Guard) -> None:
        missing = guard.missing()
        found = self._missing_error(guard, missing, missing)
        if found is not missing:
            raise found

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        if keys.prefix_fault(prefix.rpartition("/")[0]):
            return iter(())  # no key can start so
        skip = len(self._under)
        with self.guard(prefix, "scan"):
            found = self._run(_listed(self.client, self._under + prefix))
        return self.listed([ObjectMeta(each.name[skip:], each.size, each.etag, each.modified) for each in found])

    def publish(self, source: str, target: str, /) -> None:
        origin, name = self.name_of(source), self.name_of(target)
        if self.head(source).size > self.at_once:
            super().publish(source, target)
            return
        with self.guard(target, "put"):
            self._run(self.client.copy(origin, name))

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        removed = []
        skip = len(self._under)
        with self.guard("", "sweep"):
            for each in self._run(self.client.unfinished(self._under)):
                if each.started < before and each.name.startswith(self._under):
                    if not dry_run:
                        self._run(self.client.abandon(each))
                    shown = f"{each.name[skip:]} (upload {each.id[:8]})"
                    removed.append(ObjectMeta(shown, each.size, None, each.started))
        return removed

    @property
    def _under(self) -> str:
        return f"{self.root}/" if self.root else ""

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return run(self.client.loop, work, Deadline(self.timeout))


async def _listed(client: ObjectClient, prefix: str) -> list[ObjectInfo]:
    return [each async for page in client.pages(prefix) for each in page]
