"""Base class of object store blocks (S3, GCS, Azure) over an `ObjectClient`."""

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
from holdall_fsspec.errors import BackendError
from holdall_fsspec.transfer.deadline import Deadline, finished, run, start
from holdall_fsspec.transfer.pieces import pieces
from holdall_fsspec.transfer.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future
    from typing import Any

    from holdall.types import Buffer, ByteRange, Parts, WriteMode
    from holdall_fsspec.client import ObjectClient, ObjectInfo
    from holdall_fsspec.errors import Guard
    from holdall_fsspec.transfer.download import DownloadOptions

T = TypeVar("T")
_CONFLICTS: Final = 6
_FIRST_PIECES: Final = 2_000
"""Of the 10,000 that S3 allows; later ones are eight times as large, as the size of the object is unknown."""


class ObjectBlock(BucketBlock):
    """Base class of blocks over an `ObjectClient`. A subclass creates the client and, as a `BucketBlock`, has the location."""

    atomic_create: ClassVar[bool] = True
    at_once: ClassVar[int] = 5 << 30
    """Most bytes that one request can write or copy."""

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
        del first, second  # so that each is freed when it is sent
        with guard:
            client: ObjectClient = self.client  # raises if there are no credentials
        if create and not client.creates_in_pieces:
            return self._create_large(key, name, pending, guard)
        from holdall_fsspec.transfer.upload import upload

        etag, size = upload(
            client, name, pending, create=create, concurrency=self.concurrency, deadline=deadline, guard=guard
        )
        return ObjectMeta(key, size, etag)

    def _piece_size(self, number: int) -> int:
        return self.chunk_size if number < _FIRST_PIECES else 8 * self.chunk_size

    def _create_large(self, key: str, name: str, pending: Iterator[bytes], guard: Guard) -> ObjectMeta:
        """Writes a temporary file and sends it in one conditional request: in some stores the end of an upload is not atomic."""
        if self.exists(key):  # saves the loser the writing; the request below decides
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
                    sleep(backoff(attempt))  # as S3 demands: the other write is decided in a moment
                    continue
                if create and failure.taken and failure.retries and self._holds(name, data, deadline):
                    # The request was sent again after its response was lost: the existing object is this one.
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
            return self._empty_range(key, begin, guard)
        try:
            return self._download(name, begin, stop, None, Deadline(self.timeout))
        except Exception as error:
            if BackendError.of(error).status == 416:
                return self._empty_range(key, begin, guard)
            raise self._read_error(guard, error) from error

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
                    work = self._start_download(name, begin, stop, meta.etag)
                    waiting.append(start(self.client.loop, work, deadline))
                if not waiting:
                    return
                try:
                    piece = finished(waiting.popleft())
                except Exception as error:
                    raise self._read_error(guard, error) from error
                yield piece
        finally:
            for future in waiting:
                future.cancel()

    def _download(self, name: str, begin: int, stop: int | None, etag: str | None, deadline: Deadline) -> Buffer:
        return run(self.client.loop, self._start_download(name, begin, stop, etag), deadline)

    def _start_download(self, name: str, begin: int, stop: int | None, etag: str | None) -> Coroutine[Any, Any, Buffer]:
        from holdall_fsspec.transfer.download import download

        return download(self.client, name, begin, stop, etag, self._download_options())

    def _download_options(self) -> DownloadOptions:
        from holdall_fsspec.transfer.download import DownloadOptions

        return DownloadOptions(self.chunk_size, self.concurrency, self.max_attempts, self.map_above, arriving.get())

    def _read_error(self, guard: Guard, error: Exception) -> StorageError:
        if BackendError.of(error).status == 412:
            return guard.failed("the object was replaced while it was read. Read it again.", transient=True)
        return self._missing_error(guard, guard.mapped(error), error)

    def _empty_range(self, key: str, begin: int, guard: Guard) -> bytes:
        """Returns no bytes, for an empty range, which HTTP cannot request; raises for one past the end."""
        size = self._head(key, guard).size
        if begin > size:
            raise guard.failed(f"the range starts at {begin}, past the end of the object at {size}.")
        return b""

    def head(self, key: str, /) -> ObjectMeta:
        return self._head(key, self.guard(key, "head"))

    def _head(self, key: str, guard: Guard) -> ObjectMeta:
        name = self.name_of(key)
        try:
            info: ObjectInfo = self._run(self.client.head(name))
        except Exception as error:
            raise self._missing_error(guard, guard.mapped(error), error) from error
        return ObjectMeta(key, info.size, info.etag, info.modified)

    def _missing_error(self, guard: Guard, mapped: StorageError, error: Exception) -> StorageError:
        """Returns the error for a missing object, or for a missing bucket if the response did not tell which."""
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
        """Deletes an object after a comparison, as some servers ignore conditions."""
        try:
            current = self.head(meta.key)
        except KeyMissing:
            return True
        if not meta.is_same(current):
            return False
        try:
            name = self.name_of(meta.key)
            self._remove(meta.key, lambda client: client.remove_unchanged(name, current.etag))
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
        error = self._missing_error(guard, missing, missing)
        if error is not missing:
            raise error

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        if keys.prefix_fault(prefix.rpartition("/")[0]):
            return iter(())  # no key has this prefix
        skip = len(self._name_prefix)
        with self.guard(prefix, "scan"):
            infos = self._run(_list_all(self.client, self._name_prefix + prefix))
        return self.listed([ObjectMeta(info.name[skip:], info.size, info.etag, info.modified) for info in infos])

    def publish(self, source: str, target: str, /) -> None:
        origin, name = self.name_of(source), self.name_of(target)
        if self.head(source).size > self.at_once:
            super().publish(source, target)
            return
        with self.guard(target, "put"):
            self._run(self.client.copy(origin, name))

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        removed = []
        skip = len(self._name_prefix)
        with self.guard("", "sweep"):
            for upload in self._run(self.client.unfinished(self._name_prefix)):
                if upload.started < before and upload.name.startswith(self._name_prefix):
                    if not dry_run:
                        self._run(self.client.abandon(upload))
                    shown = f"{upload.name[skip:]} (upload {upload.id[:8]})"
                    removed.append(ObjectMeta(shown, upload.size, None, upload.started))
        return removed

    @property
    def _name_prefix(self) -> str:
        return f"{self.root}/" if self.root else ""

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return run(self.client.loop, work, Deadline(self.timeout))


async def _list_all(client: ObjectClient, prefix: str) -> list[ObjectInfo]:
    return [info async for page in client.pages(prefix) for info in page]
