"""Operations of the storage over an `ObstoreClient`."""

from __future__ import annotations

import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile
from time import sleep
from typing import TYPE_CHECKING, ClassVar, Final

from holdall.abc import arriving
from holdall.errors import KeyMissing, StorageError
from holdall.types import ObjectMeta
from holdall_fsspec import BucketBlock, keys
from holdall_fsspec.errors import BackendError
from holdall_fsspec.transfer.deadline import Deadline
from holdall_obstore.pieces import UploadPieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from holdall.types import Buffer, ByteRange, Parts, WriteMode
    from holdall_fsspec.errors import Guard
    from holdall_obstore.client import ObstoreClient
    from holdall_obstore.download import DownloadOptions

_CONFLICTS: Final = 6


class Operations(BucketBlock):
    """Base class of the block: storage operations over an `ObstoreClient`.

    It is not an `ObjectBlock`, whose requests are awaited by an event loop: those of obstore block the caller's thread, and
    uploads in parts are obstore's own.
    """

    at_once: ClassVar[int] = 5 << 30
    """Most bytes that one request can write or copy."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        name, guard = self.name_of(key), self.guard(key, "put")
        deadline = Deadline(self.timeout)
        upload = UploadPieces(parts, chunk=self.chunk_size, deadline=deadline)
        if upload.small is not None:
            with guard:
                etag = self._write(name, upload.small, deadline, create=mode == "create")
            return ObjectMeta(key, len(upload.small), etag)
        if mode == "create":
            return self._create_large(key, name, upload, guard)
        client: ObstoreClient = self.client
        try:
            with guard:
                etag = client.upload(name, upload, chunk=self.chunk_size, concurrency=self.concurrency)
        except StorageError:
            if upload.raised is not None:
                raise upload.raised from None
            raise
        return ObjectMeta(key, upload.size, etag)

    def _create_large(self, key: str, name: str, upload: UploadPieces, guard: Guard) -> ObjectMeta:
        """Writes a temporary file and sends it in one conditional request: obstore's uploads in parts have no conditions."""
        if self.exists(key):  # saves the loser the writing; the request below decides
            raise guard.exists()
        with TemporaryFile(prefix="holdall-") as file:
            for piece in upload:
                file.write(piece)
            if upload.size > self.at_once:
                raise guard.failed(f"{upload.size} bytes are more than one request takes, and mode='create' needs one.")
            file.flush()
            # Mapped, so that the pages are the file's and not this process's.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view, guard:
                etag = self._write(name, view, Deadline(self.timeout), create=True)
        return ObjectMeta(key, upload.size, etag)

    def _write(self, name: str, data: Buffer, deadline: Deadline, *, create: bool) -> str | None:
        client: ObstoreClient = self.client
        for attempt in range(_CONFLICTS):
            try:
                return client.write(name, data, create=create)
            except Exception as error:
                failure = BackendError.of(error)
                if create and failure.conflict and attempt + 1 < _CONFLICTS:
                    sleep(0.05 * 2**attempt)  # S3 asks for that: who is first is known in a moment
                    continue
                if (
                    create
                    and failure.taken
                    and failure.retries
                    and self._download(client, name, 0, None, None, deadline) == data
                ):
                    # The request was sent again after its response was lost: the existing object is this one.
                    return client.head(name).etag
                raise
        raise AssertionError("the last attempt returns or raises")

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        name, guard, client = self.name_of(key), self.guard(key, "get"), self.client
        begin, stop = byte_range or (0, None)
        if byte_range is not None and (error := self.range_fault(guard, byte_range)) is not None:
            raise error
        if stop == begin:
            return self._empty_range(key, begin, guard)
        try:
            return self._download(client, name, begin, stop, None, Deadline(self.timeout))
        except Exception as error:
            if BackendError.of(error).status == 416:
                return self._empty_range(key, begin, guard)
            raise self._read_error(guard, name, error) from error

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        name, guard, client = self.name_of(key), self.guard(key, "get"), self.client
        meta = self._head(key, guard)
        deadline = Deadline(self.timeout)
        waiting: deque[Future[Buffer]] = deque()
        starts = iter(range(0, meta.size, chunk))
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="holdall-obstore") as pool:
            try:
                while True:
                    while len(waiting) < self.concurrency and (begin := next(starts, None)) is not None:
                        stop = min(begin + chunk, meta.size)
                        waiting.append(pool.submit(self._download, client, name, begin, stop, meta.etag, deadline))
                    if not waiting:
                        return
                    try:
                        piece = waiting.popleft().result()
                    except Exception as error:
                        raise self._read_error(guard, name, error) from error
                    yield piece
            finally:
                for future in waiting:
                    future.cancel()

    def _download(
        self, client: ObstoreClient, name: str, begin: int, stop: int | None, etag: str | None, deadline: Deadline
    ) -> Buffer:
        from holdall_obstore.download import DownloadOptions, download

        options: DownloadOptions = DownloadOptions(self.chunk_size, self.concurrency, self.map_above, arriving.get())
        return download(client, name, begin, stop, etag, options, deadline)

    def _read_error(self, guard: Guard, name: str, error: Exception) -> StorageError:
        if BackendError.of(error).status == 412:
            return guard.failed("the object was replaced while it was read. Read it again.", transient=True)
        return self._missing_error(guard, name, error)

    def _empty_range(self, key: str, begin: int, guard: Guard) -> bytes:
        """Returns no bytes, for an empty range, which HTTP cannot request; raises for one past the end."""
        size = self._head(key, guard).size
        if begin > size:
            raise guard.failed(f"the range starts at {begin}, past the end of the object at {size}.")
        return b""

    def head(self, key: str, /) -> ObjectMeta:
        return self._head(key, self.guard(key, "head"))

    def _head(self, key: str, guard: Guard) -> ObjectMeta:
        name, client = self.name_of(key), self.client
        try:
            info = client.head(name)
        except Exception as error:
            raise self._missing_error(guard, name, error) from error
        return ObjectMeta(key, info.size, info.etag, info.modified)

    def _missing_error(self, guard: Guard, name: str, error: Exception) -> StorageError:
        """Returns the error for a missing object, or for a missing bucket if the response did not tell which."""
        mapped = guard.mapped(error)
        if not isinstance(mapped, KeyMissing) or BackendError.of(error).names_object:
            return mapped
        return self._container_error(guard, name) or mapped

    def _container_error(self, guard: Guard, name: str) -> StorageError | None:
        """Returns the error of a GET request if it is about the bucket; the response to HEAD has no body."""
        try:
            self.client.read(name, 0, 1, None)
        except Exception as refused:  # noqa: BLE001 - mapped below
            failure = BackendError.of(refused)
            if failure.names_container:
                return guard.no_container()
            if not failure.absent and failure.status not in {403, 416}:
                return guard.mapped(refused)
        return None

    def delete(self, key: str, /) -> None:
        name, guard, client = self.name_of(key), self.guard(key, "delete"), self.client
        try:
            client.remove(name)
        except Exception as error:
            failure = BackendError.of(error)
            if not failure.absent or failure.names_container:
                raise guard.mapped(error) from error
            if not failure.names_object and (fault := self._container_error(guard, name)) is not None:
                raise fault from error

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        if keys.prefix_fault(prefix.rpartition("/")[0]):
            return iter(())  # no key has this prefix
        root = f"{self.root}/" if self.root else ""
        # obstore lists by folders, and not by prefixes of names.
        folder = (root + prefix).rpartition("/")[0] or None
        with self.guard(prefix, "scan"):
            infos = [info for page in self.client.pages(folder) for info in page]
        skip = len(root)
        metas = [
            ObjectMeta(info.name[skip:], info.size, info.etag, info.modified)
            for info in infos
            if info.name.startswith(root + prefix)
        ]
        return self.listed(metas)

    def publish(self, source: str, target: str, /) -> None:
        origin, name = self.name_of(source), self.name_of(target)
        if self.head(source).size > self.at_once:
            super().publish(source, target)
            return
        with self.guard(target, "put"):
            self.client.copy(origin, name)
