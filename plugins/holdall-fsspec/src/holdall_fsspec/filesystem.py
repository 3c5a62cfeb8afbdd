"""Any fsspec URL as a storage."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from itertools import chain
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from holdall.errors import ConfigurationError, KeyMissing
from holdall.types import ObjectMeta
from holdall_fsspec import keys, options, protocols
from holdall_fsspec.block import RemoteBlock
from holdall_fsspec.errors import BackendError, Guard, UnusableError
from holdall_fsspec.pieces import pieces
from holdall_fsspec.pool import Pool
from holdall_fsspec.protocols import Address
from holdall_fsspec.reading import Reading
from holdall_fsspec.repeating import pause
from holdall_fsspec.saving import is_temporary, make_folder, save_renamed, save_whole
from holdall_fsspec.transferring import Deadline
from holdall_fsspec.walking import listed, meta, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from holdall.types import Buffer, ByteRange, Parts, WriteMode

T = TypeVar("T")


class FsspecFileSystem(RemoteBlock):
    """Objects below an fsspec URL, such as `sftp://host/results` or `hf://datasets/me/results`.

    A filesystem that shows files while they are written gets each under a temporary name first. `mode="create"`, on
    which locks and single flight stand, works where the store itself can refuse (S3, GCS, Azure, memory) and is a
    `StorageError` elsewhere: a look followed by a write would let two callers both win. `http://`, `https://` and
    archives (`zip://inside::sftp://host/results.zip`) are read and not written.

    Secrets go into `secret_settings`, a mapping (or its JSON): it is never shown, pickled or part of a reference.
    `timeout` is looked at between requests: no filesystem of fsspec can be stopped in the middle of one. The timeouts of
    connecting and reading are passed to `sftp` and `http`; others have options of their own.
    """

    slug: ClassVar[str] = "fsspec"

    basepath: str
    """`protocol://…`; everything is kept below it."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Options of the filesystem that are no secrets, as fsspec names them."""
    secret_settings: SecretStr | None = None
    """Options that are secrets; merged over `settings`."""

    @field_validator("basepath")
    @classmethod
    def _url(cls, value: str) -> str:
        return protocols.checked(value)

    @field_validator("settings")
    @classmethod
    def _no_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        if found := sorted(options.secret_names(value)):
            raise ValueError(f"{', '.join(found)} in settings would be shown and stored; put it into secret_settings")
        return value

    @field_validator("secret_settings", mode="before")
    @classmethod
    def _as_json(cls, value: Any) -> Any:
        return options.as_json(value)

    def location(self) -> dict[str, Any]:
        return {"basepath": self.basepath, **({"settings": self.settings} if self.settings else {})}

    @classmethod
    def endpoint_of(cls, location: Mapping[str, Any], /) -> Mapping[str, Any]:
        """The host (or bucket) in the URL, and all settings: any of them may say whose server is asked."""
        where = Address.parse(str(location.get("basepath")))
        host = f"{where.protocol}://{where.host}{f'::{where.archive}' if where.archive else ''}"
        return {"basepath": host, "settings": location.get("settings", {})}

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """The host in the URL, and all settings; None for a bucket of a platform, and for what is asked without a name."""
        where = Address.parse(str(location.get("basepath")))
        asked = Address.parse(where.archive) if where.archive else where
        settings = location.get("settings")
        host = "" if asked.protocol in protocols.WITHOUT_A_SERVER else f"{asked.protocol}://{asked.host}"
        return f"{host} {json.dumps(settings, sort_keys=True, default=str) if settings else ''}".strip() or None

    @property
    def atomic_create(self) -> bool:
        return self.protocol in protocols.LOCKS

    @property
    def address(self) -> Address:
        return Address.parse(self.basepath)

    @property
    def protocol(self) -> str:
        return self.address.protocol

    @property
    def root(self) -> str:
        return self.address.root

    def name_of(self, key: str, /) -> str:
        name = super().name_of(key)
        return name if self.protocol in protocols.BY_REQUEST else keys.checked_file(name)

    def check_place(self) -> None:
        if self.protocol in protocols.READ_ONLY:
            raise ConfigurationError(f"{self.shown} cannot keep results: {self._why_read_only}")
        try:
            options.filesystem_class(self.protocol)
        except UnusableError as error:
            raise ConfigurationError(f"{self.shown} cannot keep results: {error}") from error

    @property
    def _why_read_only(self) -> str:
        return (
            f"{self.protocol}:// can only be read. Use another storage for what is written, such as a block of the server "
            "behind it (s3, sftp) or a local folder."
        )

    def path_of(self, filesystem: Any, key: str, /) -> str:
        """What the filesystem calls the key's object; not its URL, from which some cut off what follows a "?"."""
        start = filesystem._strip_protocol(self.address.base).rstrip("/")  # noqa: SLF001 - fsspec's only way to say it
        return f"{start}/{quote(key) if self.protocol in protocols.HTTP else key}"

    @property
    def container(self) -> str:
        return f"the bucket or container {self.address.host!r}"

    @property
    def endpoint(self) -> str:
        return f"the service behind {self.basepath}"

    @property
    def credentials_advice(self) -> str:
        return "Give them in secret_settings (pickling leaves them out), or by the means that the filesystem documents."

    def new_client(self) -> Any:
        if self.protocol in protocols.ONE_AT_A_TIME:
            return Pool(lambda: options.connect(self), self.concurrency)
        return options.connect(self)

    def close(self) -> None:
        client = self._clients.get(os.getpid())
        super().close()
        if isinstance(client, Pool):
            client.close()

    def lent(self) -> AbstractContextManager[Any]:
        """A filesystem that is this thread's to use."""
        client = self.client
        return client.one() if isinstance(client, Pool) else nullcontext(client)

    def ask(self, question: Callable[[Any], T]) -> T:
        """What the filesystem answers; asked again while the failure may pass. Not for what does more the second time."""
        attempts = 1 if self.protocol in protocols.STORES else self.max_attempts
        for attempt in range(attempts):
            try:
                with self.lent() as filesystem:
                    return question(filesystem)
            except Exception as error:
                failure = BackendError.of(error)
                if not failure.worth_repeating or attempt + 1 == attempts:
                    raise
                sleep(pause(attempt, busy=failure.busy))
        raise AssertionError("the last attempt returns or raises")

    def _refuse_writing(self, guard: Guard) -> None:
        if self.protocol in protocols.READ_ONLY:
            raise guard.failed(self._why_read_only)

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self.name_of(key)
        guard = self.guard(key, "put")
        self._refuse_writing(guard)
        if mode == "create" and self.protocol not in protocols.CREATES:
            raise guard.failed(
                f"{self.protocol}:// has no way to create an object only where none is. Use another storage for what "
                "needs locks, such as cached results that several processes share."
            )
        stream = _timed(pieces(parts, size=lambda _: self.chunk_size), Deadline(self.timeout), guard)
        first = next(stream)
        second = next(stream, None)
        if self.protocol in protocols.WHOLE and (mode == "create" or second is None or self.protocol == "memory"):
            # fsspec's files in memory are seen while they are written; no backend creates on condition from a stream.
            whole = first if second is None else b"".join([first, second, *stream])
            with guard:
                if mode == "create":
                    self._create(key, whole, guard)
                else:
                    self.client.pipe_file(self.path_of(self.client, key), whole)
            return ObjectMeta(key, len(whole))
        pending = iter([first]) if second is None else chain([first, second], stream)
        del first, second
        if self.protocol in protocols.WHOLE:
            size = save_whole(self.client, self.path_of(self.client, key), pending, guard, block_size=self.chunk_size)
        else:
            with ExitStack() as stack:
                with guard:
                    self.ask(lambda filesystem: make_folder(filesystem, self.path_of(filesystem, key)))
                    filesystem = stack.enter_context(self.lent())
                size = save_renamed(filesystem, self.path_of(filesystem, key), pending, guard)
        return ObjectMeta(key, size)

    def _create(self, key: str, whole: bytes, guard: Guard) -> None:
        path = self.path_of(self.client, key)
        if self.protocol == "memory":
            # fsspec's own looks first and writes then; a dictionary can do both at once.
            from fsspec.implementations.memory import MemoryFile  # type: ignore[import-untyped]

            file = MemoryFile(self.client, path, whole)
            if self.client.store.setdefault(path, file) is not file:
                raise guard.exists()
            return
        self.client.pipe_file(path, whole, mode="create")

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        guard = self.guard(key, "get")
        if byte_range is not None and (error := self.range_fault(guard, byte_range)) is not None:
            raise error
        self.name_of(key)
        return Reading(self, key, guard).read(byte_range)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        self.name_of(key)
        return Reading(self, key, self.guard(key, "get")).stream(chunk)

    def head(self, key: str, /) -> ObjectMeta:
        return self.head_of(key, self.guard(key, "head"))

    def head_of(self, key: str, guard: Guard, /) -> ObjectMeta:
        """As `head`, in the course of another operation."""
        self.name_of(key)
        try:
            info = self.ask(lambda filesystem: filesystem.info(self.path_of(filesystem, key)))
            if info.get("size") is None:  # http without Content-Length
                info = {
                    **info,
                    "size": len(self.ask(lambda filesystem: filesystem.cat_file(self.path_of(filesystem, key)))),
                }
        except Exception as error:
            raise self.unread(guard, error) from error
        if info["type"] not in {"file", "link"}:
            raise guard.missing()
        return meta(key, info)

    def unread(self, guard: Guard, error: Exception, /) -> Exception:
        """The error for what reading raised."""
        if isinstance(error, NotADirectoryError):  # a key below a key
            return guard.missing()
        mapped = guard.mapped(error)
        if isinstance(mapped, KeyMissing):
            self._confirm_container(guard)
        return mapped

    def delete(self, key: str, /) -> None:
        self.name_of(key)
        guard = self.guard(key, "delete")
        self._refuse_writing(guard)
        try:
            self.ask(partial(self._remove, key=key))
        except FileNotFoundError:
            self._confirm_container(guard)
        except Exception as error:
            if self.protocol in protocols.WHOLE or self._stands(key, guard):
                raise guard.mapped(error) from error

    def _stands(self, key: str, guard: Guard) -> bool:
        """Whether it is an object: each filesystem has errors of its own for what is a folder, or lies below a file."""
        try:
            self.head_of(key, guard)
        except KeyMissing:
            return False
        return True

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        guard = self.guard(prefix, "scan")
        if self.protocol in protocols.HTTP:
            raise guard.failed(
                f"{self.protocol}:// has no listings. Ask for single keys, or use a block of the server behind it."
            )
        folder = prefix.rpartition("/")[0]
        if keys.prefix_fault(folder):
            return iter(())  # no key can start so
        found = self._found(folder, guard)
        if not found:
            self._confirm_container(guard)
        return self.listed([each for each in found if each.key.startswith(prefix) and not is_temporary(each.key)])

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        if self.protocol in protocols.WHOLE | protocols.READ_ONLY:
            return []
        guard = self.guard("", "sweep")
        old = [
            each
            for each in self._found("", guard)
            if is_temporary(each.key) and each.modified is not None and each.modified < before
        ]
        for each in [] if dry_run else old:
            with guard, suppress(FileNotFoundError):  # its writer was alive after all
                self.ask(partial(self._remove, key=each.key))
        return old

    def _remove(self, filesystem: Any, *, key: str) -> None:
        filesystem.rm_file(self.path_of(filesystem, key))

    def _found(self, folder: str, guard: Guard) -> list[ObjectMeta]:
        """Everything below a folder of the block, by its key."""

        def look(filesystem: Any) -> list[ObjectMeta]:
            start = self.path_of(filesystem, "").rstrip("/")
            below = f"{start}/{folder}" if folder else start or "/"
            found = listed(filesystem, below) if self.protocol in protocols.STORES else walk(filesystem, below)
            return [meta(info["name"].removeprefix(start).lstrip("/"), info) for info in found]

        with guard:
            return self.ask(look)

    def publish(self, source: str, target: str, /) -> None:
        if self.protocol not in protocols.WHOLE:
            super().publish(source, target)
            return
        self.head(source)
        self.name_of(target)
        with self.guard(target, "put"):
            self.client.cp_file(self.path_of(self.client, source), self.path_of(self.client, target))

    def _confirm_container(self, guard: Guard) -> None:
        """Tell a key that is not there from a bucket that is not: only the first means absent."""
        if self.protocol not in protocols.STORES:
            return
        try:
            self.client.info(f"{self.protocol}://{self.address.host}")
        except FileNotFoundError as error:
            raise guard.no_container() from error
        except Exception as error:
            raise guard.mapped(error) from error


def _timed(stream: Iterator[bytes], deadline: Deadline, guard: Guard) -> Iterator[bytes]:
    for piece in stream:
        with guard:
            deadline.left()
        yield piece
