"""Any fsspec URL as a storage."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import Field, SecretStr, field_validator

from holdall.errors import KeyMissing, StorageError
from holdall.ids import new_id
from holdall.types import ByteRange, ObjectMeta
from holdall_fsspec import keys
from holdall_fsspec.block import RemoteBlock
from holdall_fsspec.faults import Answer, Guard
from holdall_fsspec.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, Parts, WriteMode

_PIECE: Final = 16 << 20
_TOGETHER: Final = 4
_TEMPORARY: Final = ".holdall-tmp-"
# Stores that show an object when it is complete and not before; with them, those that create on condition.
_WHOLE: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory"})
_CREATES: Final = _WHOLE - {"oss"}
_LOCAL: Final = frozenset({"file", "local"})
_SECRET = re.compile(
    r"(?i)^key$|^pass$|^pwd$|secret|passw|passphrase|token|credential|connection_string|(account|access|api|private)_?key|^sas"
)


class FsspecFileSystem(RemoteBlock):
    """Objects below an fsspec URL, such as `sftp://host/results` or `hf://datasets/me/results`.

    A filesystem that shows files while they are written gets each under a temporary name first. `mode="create"`, on
    which locks and single flight stand, works where the store itself can refuse (S3, GCS, Azure, memory) and is a
    `StorageError` elsewhere: a look followed by a write would let two callers both win.

    Secrets go into `secret_settings`, a mapping (or its JSON): it is never shown, pickled or part of a reference.
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
        protocol, found, rest = value.partition("://")
        if not found or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", protocol):
            raise ValueError(
                "basepath must be one URL such as 'sftp://host/results', with a protocol that fsspec knows"
            )
        if protocol in _LOCAL:
            raise ValueError(
                "a local folder is LocalFileSystem(basepath='/the/folder'), which fsspec cannot do as well"
            )
        if re.match(r"[^/@]*:[^/@]*@", rest):
            raise ValueError("basepath must hold no password; put it into secret_settings")
        trimmed = rest.rstrip("/")
        if reason := keys.prefix_fault(re.sub(r"^[^/]*/*", "", trimmed)):
            raise ValueError(f"the path in basepath {reason}")
        return f"{protocol}://{trimmed}"

    @field_validator("settings")
    @classmethod
    def _no_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        if found := sorted(_secret_names(value)):
            raise ValueError(f"{', '.join(found)} in settings would be shown and stored; put it into secret_settings")
        return value

    @field_validator("secret_settings", mode="before")
    @classmethod
    def _as_json(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return json.dumps({name: _revealed(each) for name, each in value.items()})
        if value is not None:
            text = _revealed(value)
            try:
                is_mapping = isinstance(json.loads(text), dict)
            except (TypeError, ValueError):
                is_mapping = False
            if not is_mapping:
                raise ValueError("secret_settings must be a mapping, or a JSON object")
        return value

    def location(self) -> dict[str, Any]:
        return {"basepath": self.basepath, **({"settings": self.settings} if self.settings else {})}

    @property
    def protocol(self) -> str:
        return self.basepath.partition("://")[0]

    @property
    def root(self) -> str:
        return self.basepath.partition("://")[2].partition("/")[2]

    def name_of(self, key: str, /) -> str:
        keys.checked(key, root=self.root)
        return f"{self.basepath}/{key}"

    @property
    def container(self) -> str:
        rest = self.basepath.partition("://")[2]
        return f"the bucket or container {rest.partition('/')[0]!r}"

    @property
    def endpoint(self) -> str:
        return f"the service behind {self.basepath}"

    @property
    def credentials_advice(self) -> str:
        return "Give them in secret_settings (pickling leaves them out), or by the means that the filesystem documents."

    def new_client(self) -> Any:
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - nothing of the backend is imported before the first byte

        secrets = json.loads(self.secret_settings.get_secret_value()) if self.secret_settings else {}
        options = {**self.settings, **secrets, "skip_instance_cache": True, "use_listings_cache": False}
        return fsspec.filesystem(self.protocol, **options)

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        name, guard = self.name_of(key), self.guard(key, "put")
        stream = pieces(parts, size=lambda _: _PIECE)
        first = next(stream)
        second = next(stream, None)
        if mode == "create" or second is None or self.protocol == "memory":
            # fsspec's files in memory are seen while they are written; no backend creates on condition from a stream.
            whole = first if second is None else b"".join([first, second, *stream])
            if mode == "create":
                with guard:
                    self._create(name, whole, guard)
                return ObjectMeta(key, len(whole))
            if self.protocol in _WHOLE:
                with guard:
                    self.client.pipe_file(name, whole)
                return ObjectMeta(key, len(whole))
        pending = iter([first]) if second is None else chain([first, second], stream)
        if self.protocol in _WHOLE:
            return ObjectMeta(key, self._write(name, pending, guard))
        parent = name.rpartition("/")[0]
        temporary = f"{parent}/{_TEMPORARY}{new_id()}"
        with guard:
            self.client.makedirs(parent, exist_ok=True)
        try:
            size = self._write(temporary, pending, guard)
            with guard:
                self.client.mv(temporary, name)
        except BaseException:
            with suppress(Exception):  # what went wrong before is what matters
                self.client.rm_file(temporary)
            raise
        return ObjectMeta(key, size)

    def _create(self, name: str, whole: bytes, guard: Guard) -> None:
        if self.protocol not in _CREATES:
            raise guard.failed(
                f"{self.protocol}:// has no way to create an object only where none is. Use another storage for what "
                "needs locks, such as cached results that several processes share."
            )
        if self.protocol == "memory":
            # fsspec's own looks first and writes then; a dictionary can do both at once.
            from fsspec.implementations.memory import MemoryFile  # type: ignore[import-untyped]  # noqa: PLC0415 - as in new_client

            path = self.client._strip_protocol(name)  # noqa: SLF001 - fsspec's name for what keys of `store` are
            file = MemoryFile(self.client, path, whole)
            if self.client.store.setdefault(path, file) is not file:
                raise guard.exists()
            return
        self.client.pipe_file(name, whole, mode="create")

    def _write(self, name: str, pending: Iterator[bytes], guard: Guard) -> int:
        size = 0
        with guard:
            file = self.client.open(name, "wb", block_size=_PIECE, autocommit=False)
        try:
            for piece in pending:
                with guard:
                    file.write(piece)
                size += len(piece)
            with guard:
                file.close()
                file.commit()
        except BaseException:
            with suppress(Exception):  # as above; closing would commit what is there of it
                file.closed = True
                file.discard()
            raise
        return size

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        name, guard = self.name_of(key), self.guard(key, "get")
        if byte_range is None:
            before = self._head(key, guard)
            if before.size <= _PIECE:
                return self._read(key, name, guard, None)
            data = self._read_large(name, before.size, guard)
            if self._head(key, guard) != before:
                raise guard.failed("the object was replaced while it was read. Read it again.", transient=True)
            return data
        if (error := self.range_fault(guard, byte_range)) is not None:
            raise error
        return self._read(key, name, guard, byte_range)

    def _read(self, key: str, name: str, guard: Guard, byte_range: ByteRange | None) -> bytes:
        start, stop = byte_range or (None, None)
        data: bytes = b""
        if stop is None or start is None or stop > start:
            try:
                with guard:
                    data = self.client.cat_file(name, start=start, end=stop)
            except KeyMissing:
                self._confirm_container(guard)
                raise
            except StorageError as error:
                if start is None or error.__cause__ is None or Answer.of(error.__cause__).status != 416:
                    if self.protocol not in _WHOLE:
                        self._head(key, guard)  # which says KeyMissing of a folder
                    raise
        if start is not None and not data and start > (size := self._head(key, guard).size):
            raise guard.failed(f"the range starts at {start}, past the end of the object at {size}.")
        return data

    def _read_large(self, name: str, size: int, guard: Guard) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)

        def fetch(start: int) -> None:
            stop = min(start + _PIECE, size)
            with guard:
                view[start:stop] = self.client.cat_file(name, start=start, end=stop)

        with ThreadPoolExecutor(_TOGETHER) as pool:
            list(pool.map(fetch, range(0, size, _PIECE)))
        view.release()
        return data

    def head(self, key: str, /) -> ObjectMeta:
        return self._head(key, self.guard(key, "head"))

    def _head(self, key: str, guard: Guard) -> ObjectMeta:
        name = self.name_of(key)
        try:
            with guard:
                info = self.client.info(name)
        except KeyMissing:
            self._confirm_container(guard)
            raise
        except StorageError as error:
            if isinstance(error.__cause__, NotADirectoryError):  # a key below a key
                raise guard.missing() from error.__cause__
            raise
        if info["type"] != "file":
            raise guard.missing()
        return _meta(key, info)

    def delete(self, key: str, /) -> None:
        name, guard = self.name_of(key), self.guard(key, "delete")
        try:
            self.client.rm_file(name)
        except FileNotFoundError:
            self._confirm_container(guard)
        except Exception as error:
            if self.protocol in _WHOLE or self._stands(key, guard):
                raise guard.mapped(error) from error

    def _stands(self, key: str, guard: Guard) -> bool:
        """Whether it is an object: each filesystem has errors of its own for what is a folder, or lies below a file."""
        try:
            self._head(key, guard)
        except KeyMissing:
            return False
        return True

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        folder = prefix.rpartition("/")[0]
        if keys.prefix_fault(folder):
            return iter(())  # no key can start so
        guard = self.guard(prefix, "scan")
        with guard:
            start = self.client._strip_protocol(self.basepath)  # noqa: SLF001 - fsspec's only way to say it
            try:
                found = self.client.find(f"{self.basepath}/{folder}" if folder else self.basepath, detail=True)
            except FileNotFoundError:
                found = {}
        if not found:
            self._confirm_container(guard)
        skip = len(start) + 1 if start else 0
        metas = [
            _meta(path[skip:], info)
            for path, info in found.items()
            if info["type"] == "file" and path[skip:].startswith(prefix) and _TEMPORARY not in path
        ]
        return self.listed(metas)

    def publish(self, source: str, target: str, /) -> None:
        if self.protocol not in _WHOLE:
            super().publish(source, target)
            return
        self.head(source)
        with self.guard(target, "put"):
            self.client.cp_file(self.name_of(source), self.name_of(target))

    def _confirm_container(self, guard: Guard) -> None:
        """Tell a key that is not there from a bucket that is not: only the first means absent."""
        if self.protocol not in _WHOLE - {"memory"}:
            return
        bucket = self.basepath.partition("://")[2].partition("/")[0]
        try:
            self.client.info(f"{self.protocol}://{bucket}")
        except FileNotFoundError as error:
            raise guard.no_container() from error
        except Exception as error:
            raise guard.mapped(error) from error


def _meta(key: str, info: Mapping[str, Any]) -> ObjectMeta:
    etag = info.get("ETag") or info.get("etag")
    named = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
    modified = next((info[name] for name in named if info.get(name)), None)
    if isinstance(modified, str):
        modified = datetime.fromisoformat(modified)
    if isinstance(modified, datetime):
        modified = modified.timestamp()
    return ObjectMeta(key, int(info["size"]), str(etag).strip('"') if etag else None, modified)


def _secret_names(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if _SECRET.search(str(name)):
            yield str(name)
        if isinstance(value, Mapping):
            yield from _secret_names(value)


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
