"""Adapters: the operations of a block on each family of fsspec's filesystems.

The families are file servers, object stores, memory and read-only filesystems. A protocol that `ADAPTERS` does not list
is treated as a file server, which requires the least of a filesystem.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import chain
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from urllib.parse import quote

from holdall.errors import KeyMissing
from holdall_fsspec.errors import BackendError
from holdall_fsspec.filesystems.connection import connect
from holdall_fsspec.filesystems.file_writer import make_folder, save_renamed, save_whole
from holdall_fsspec.filesystems.listings import listed, meta, walk
from holdall_fsspec.filesystems.pool import Pool
from holdall_fsspec.filesystems.protocols import ARCHIVES, AZURE, HTTP, ONE_AT_A_TIME, READ_ONLY, SFTP, STORES
from holdall_fsspec.transfer.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from holdall.types import ObjectMeta
    from holdall_fsspec.errors import Guard
    from holdall_fsspec.filesystems.connection import FsspecConfig

T = TypeVar("T")


class FileServer:
    """Adapter for file servers that show a file while it is written, such as smb and hdfs. Base of the other adapters.

    Args:
        config: the fields of the block.
        client: returns the block's client in this process, which `new_client` made.
    """

    creates: ClassVar[bool] = False
    """Whether it can create an object atomically, only if there is none."""
    locks: ClassVar[bool] = False
    """Whether `creates` is atomic between machines, which leases need."""
    by_request: ClassVar[bool] = False
    """Whether ranges are read by requests, or from an open file, which stays the same when it is replaced."""
    ignores_ranges: ClassVar[bool] = False
    """Whether the response to a range request may be the whole object."""
    has_folders: ClassVar[bool] = True
    """Whether a name may be that of a folder, which each filesystem reports by errors of its own."""
    renames: ClassVar[bool] = True
    """Whether a file is written under a temporary name, which a killed writer leaves behind."""
    copies: ClassVar[bool] = False
    """Whether it can copy an object on the server."""

    def __init__(self, config: FsspecConfig, client: Callable[[], Any], /) -> None:
        self.config = config
        self.protocol = config.address.protocol
        self._client = client

    # The client.

    def new_client(self) -> Any:
        """Creates a filesystem of this block alone, without caches of listings or instances."""
        return self.connected()

    def connected(self) -> Any:
        return connect(self.config, defaults=self.timeouts(), fixed={"use_listings_cache": False})

    def timeouts(self) -> dict[str, Any]:
        """Returns the filesystem's options for the block's timeouts, where they are known."""
        return {}

    def lent(self) -> AbstractContextManager[Any]:
        """Lends a filesystem to this thread."""
        return nullcontext(self._client())

    @property
    def attempts(self) -> int:
        """How often a request is sent before its failure is final."""
        return self.config.limits.max_attempts

    def request(self, send: Callable[[Any], T], /) -> T:
        """Sends an idempotent request to the filesystem, with retries of transient failures."""
        for attempt in range(self.attempts):
            try:
                with self.lent() as filesystem:
                    return send(filesystem)
            except Exception as error:
                failure = BackendError.of(error)
                if not failure.retryable or attempt + 1 == self.attempts:
                    raise
                wait = backoff(attempt, busy=failure.busy)
            sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def path_of(self, filesystem: Any, key: str, /) -> str:
        """Returns the path of the key's object; not its URL, which some filesystems cut at a "?"."""
        start = filesystem._strip_protocol(self.config.address.base).rstrip("/")  # noqa: SLF001 - fsspec's only way to say it
        return f"{start}/{key}"

    # Reading.

    def head(self, key: str, guard: Guard, /) -> ObjectMeta:
        """Returns the size, etag and time of an object; errors name the operation of the guard."""
        try:
            info = self.request(lambda filesystem: filesystem.info(self.path_of(filesystem, key)))
            if info.get("size") is None:  # http without Content-Length
                whole = self.request(lambda filesystem: filesystem.cat_file(self.path_of(filesystem, key)))
                info = {**info, "size": len(whole)}
        except Exception as error:
            raise self.unread(guard, error) from error
        if info["type"] not in {"file", "link"}:
            raise guard.missing()
        return meta(key, info)

    def unread(self, guard: Guard, error: Exception, /) -> Exception:
        """Returns the `StorageError` for an exception that reading raised."""
        if isinstance(error, NotADirectoryError):  # a key below a key
            return guard.missing()
        mapped = guard.mapped(error)
        if isinstance(mapped, KeyMissing):
            self.confirm_container(guard)
        return mapped

    def confirm_container(self, guard: Guard, /) -> None:
        """Raises `StorageError` if the bucket or container of the objects is missing."""

    def below(self, folder: str, guard: Guard, /) -> list[ObjectMeta]:
        """Lists all objects below a folder of the block, by their keys."""

        def listing(filesystem: Any) -> list[ObjectMeta]:
            start = self.path_of(filesystem, "").rstrip("/")
            infos = self.infos(filesystem, f"{start}/{folder}" if folder else start or "/")
            return [meta(info["name"].removeprefix(start).lstrip("/"), info) for info in infos]

        with guard:
            return self.request(listing)

    def infos(self, filesystem: Any, folder: str, /) -> Iterable[Mapping[str, Any]]:
        """Yields fsspec's info of each file below a folder."""
        return walk(filesystem, folder)

    # Writing.

    def check_writable(self, guard: Guard, /, *, create: bool = False) -> None:
        """Raises `StorageError` if the filesystem cannot be written, or cannot be with `create`."""
        if create and not self.creates:
            raise guard.failed(
                f"{self.protocol}:// has no way to create an object only where none is. Use another storage for what "
                "needs locks, such as cached results that several processes share."
            )

    def write(self, key: str, pieces: Iterator[bytes], guard: Guard, /, *, create: bool) -> int:
        """Writes the pieces, at least one, as one object and returns its size. With `create`, only if there is none."""
        del create  # which `check_writable` has refused
        first = next(pieces)  # before anything is made, as it may raise
        with ExitStack() as stack:
            with guard:
                self.request(lambda filesystem: make_folder(filesystem, self.path_of(filesystem, key)))
                filesystem = stack.enter_context(self.lent())
            pending = chain([first], pieces)
            del first  # whoever sends it lets go of it
            return save_renamed(filesystem, self.path_of(filesystem, key), pending, guard)

    def remove(self, key: str, /) -> None:
        """Deletes an object; raises `FileNotFoundError` if there is none."""
        self.request(partial(self._removed, key=key))

    def _removed(self, filesystem: Any, *, key: str) -> None:
        filesystem.rm_file(self.path_of(filesystem, key))

    def delete(self, key: str, guard: Guard, /) -> None:
        """Deletes an object; a missing one is no error."""
        try:
            self.remove(key)
        except FileNotFoundError:
            self.confirm_container(guard)
        except Exception as error:
            if not self.has_folders or self._exists(key, guard):
                raise guard.mapped(error) from error

    def _exists(self, key: str, guard: Guard) -> bool:
        """Whether the key is an object: filesystems differ in their errors for a folder, and for a key below a file."""
        try:
            self.head(key, guard)
        except KeyMissing:
            return False
        return True

    def copy(self, source: str, target: str, /) -> None:
        """Copies an object on the server."""
        filesystem = self._client()
        filesystem.cp_file(self.path_of(filesystem, source), self.path_of(filesystem, target))


class SingleConnection(FileServer):
    """Adapter for file servers whose client is one connection for one thread; a pool lends one to each thread."""

    def new_client(self) -> Any:
        return Pool(self.connected, self.config.limits.concurrency)

    def lent(self) -> AbstractContextManager[Any]:
        pool: Pool = self._client()
        return pool.one()


class SFTPServer(SingleConnection):
    """Adapter for SFTP, through paramiko."""

    def connected(self) -> Any:
        # It caches no listings, and passes options that it does not know to paramiko, which rejects them.
        filesystem = connect(self.config, defaults=self.timeouts(), fixed={})
        filesystem.ftp.get_channel().settimeout(self.config.limits.read_timeout)
        return filesystem

    def timeouts(self) -> dict[str, Any]:
        return dict.fromkeys(["timeout", "banner_timeout", "auth_timeout"], self.config.limits.connect_timeout)


class WholeObjects(FileServer):
    """Adapter for filesystems that show an object only when it is complete, and read it by ranges."""

    creates: ClassVar[bool] = True
    by_request: ClassVar[bool] = True
    has_folders: ClassVar[bool] = False
    renames: ClassVar[bool] = False
    copies: ClassVar[bool] = True

    def write(self, key: str, pieces: Iterator[bytes], guard: Guard, /, *, create: bool) -> int:
        first, second = next(pieces), next(pieces, None)
        if second is not None and not create:
            pending = chain([first, second], pieces)
            del first, second  # whoever sends them lets go of them
            with guard:
                filesystem = self._client()
                path = self.path_of(filesystem, key)
            return save_whole(filesystem, path, pending, guard, block_size=self.config.chunk_size)
        # No backend creates on condition from a stream.
        whole = first if second is None else b"".join([first, second, *pieces])
        with guard:
            if create:
                self.create(key, whole, guard)
            else:
                self.replace(key, whole)
        return len(whole)

    def replace(self, key: str, whole: bytes, /) -> None:
        filesystem = self._client()
        filesystem.pipe_file(self.path_of(filesystem, key), whole)

    def create(self, key: str, whole: bytes, guard: Guard, /) -> None:
        """Writes an object only if there is none; raises `KeyExists`, or an error that the guard maps to it."""
        del guard
        filesystem = self._client()
        filesystem.pipe_file(self.path_of(filesystem, key), whole, mode="create")


class Store(WholeObjects):
    """Adapter for object stores: their clients retry requests themselves, and have no folders."""

    locks: ClassVar[bool] = True

    @property
    def attempts(self) -> int:
        return 1

    def infos(self, filesystem: Any, folder: str, /) -> Iterable[Mapping[str, Any]]:
        return listed(filesystem, folder)

    def confirm_container(self, guard: Guard, /) -> None:
        try:
            self._client().info(f"{self.protocol}://{self.config.address.host}")
        except FileNotFoundError as error:
            raise guard.no_container() from error
        except Exception as error:
            raise guard.mapped(error) from error


class AzureStore(Store):
    """Adapter for Azure Blob Storage, through adlfs."""

    def connected(self) -> Any:
        from holdall_fsspec.filesystems.finalizers import close_with, leave_to_parent

        filesystem = super().connected()
        token_source = [filesystem.credential] if hasattr(filesystem.credential, "get_token") else []
        close_with(filesystem, filesystem.service_client, *token_source)
        leave_to_parent(filesystem.service_client._pipeline._transport)  # noqa: SLF001 - adlfs shows the client alone
        return filesystem


class UnconditionalStore(Store):
    """Adapter for object stores whose filesystem has no conditional requests."""

    creates: ClassVar[bool] = False
    locks: ClassVar[bool] = False


class Memory(WholeObjects):
    """Adapter for fsspec's files in memory, which are visible while a stream is written to them."""

    def write(self, key: str, pieces: Iterator[bytes], guard: Guard, /, *, create: bool) -> int:
        return super().write(key, iter([b"".join(pieces)]), guard, create=create)

    def create(self, key: str, whole: bytes, guard: Guard, /) -> None:
        # fsspec's own checks first and then writes; `setdefault` of a dictionary is atomic.
        from fsspec.implementations.memory import MemoryFile  # type: ignore[import-untyped]

        filesystem = self._client()
        path = self.path_of(filesystem, key)
        file = MemoryFile(filesystem, path, whole)
        if filesystem.store.setdefault(path, file) is not file:
            raise guard.exists()


class ReadOnly(FileServer):
    """Adapter for read-only filesystems, such as archives and repositories."""

    renames: ClassVar[bool] = False

    @property
    def reason(self) -> str:
        return (
            f"{self.protocol}:// can only be read. Use another storage for what is written, such as a block of the server "
            "behind it (s3, sftp) or a local folder."
        )

    def check_writable(self, guard: Guard, /, *, create: bool = False) -> None:
        del create
        raise guard.failed(self.reason)


class WebServer(ReadOnly):
    """Adapter for HTTP servers, some of which ignore ranges, and none of which has listings."""

    by_request: ClassVar[bool] = True
    ignores_ranges: ClassVar[bool] = True

    def timeouts(self) -> dict[str, Any]:
        import aiohttp

        limits = self.config.limits
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout)
        return {"client_kwargs": {"timeout": timeout}}

    def path_of(self, filesystem: Any, key: str, /) -> str:
        return super().path_of(filesystem, quote(key))

    def below(self, folder: str, guard: Guard, /) -> list[ObjectMeta]:
        del folder
        raise guard.failed(
            f"{self.protocol}:// has no listings. Ask for single keys, or use a block of the server behind it."
        )


ADAPTERS: Final[dict[str, type[FileServer]]] = {
    **dict.fromkeys(STORES, Store),
    **dict.fromkeys(AZURE, AzureStore),
    "oss": UnconditionalStore,
    "memory": Memory,
    **dict.fromkeys(ONE_AT_A_TIME, SingleConnection),
    **dict.fromkeys(SFTP, SFTPServer),
    **dict.fromkeys(READ_ONLY | ARCHIVES, ReadOnly),
    **dict.fromkeys(HTTP, WebServer),
}
"""Adapters by protocol; those of all others are plain file servers."""


def adapter_of(protocol: str, /) -> type[FileServer]:
    """Returns the adapter class of a protocol."""
    return ADAPTERS.get(protocol, FileServer)
