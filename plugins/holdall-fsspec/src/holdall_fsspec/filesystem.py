"""Storage block over any fsspec URL."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr, field_validator

from holdall.errors import ConfigurationError
from holdall.types import ObjectMeta
from holdall_fsspec import keys, options
from holdall_fsspec.block import RemoteBlock
from holdall_fsspec.errors import UnusableError
from holdall_fsspec.filesystems import protocols
from holdall_fsspec.filesystems.adapters import ReadOnly, adapter_of
from holdall_fsspec.filesystems.connection import FsspecConfig, filesystem_class
from holdall_fsspec.filesystems.file_writer import is_temporary
from holdall_fsspec.filesystems.object_reader import ObjectReader
from holdall_fsspec.filesystems.pool import Pool
from holdall_fsspec.filesystems.protocols import Address
from holdall_fsspec.transfer.deadline import Deadline
from holdall_fsspec.transfer.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.types import Buffer, ByteRange, Parts, WriteMode
    from holdall_fsspec.errors import Guard
    from holdall_fsspec.filesystems.adapters import FileServer


class FsspecFileSystem(RemoteBlock):
    """Objects below an fsspec URL, such as `sftp://host/results` or `hf://datasets/me/results`.

    Files are written under a temporary name and renamed if the filesystem shows unfinished files. `mode="create"`, which
    locks and single flight need, works on stores with conditional writes (S3, GCS, Azure, memory) and raises a
    `StorageError` elsewhere: a check followed by a write would let two callers both win. `http://`, `https://` and
    archives (`zip://inside::sftp://host/results.zip`) are read-only.

    Secrets go into `secret_settings`, a mapping (or its JSON): it is never shown, pickled or part of a reference.
    `timeout` is checked between requests: fsspec's filesystems cannot stop in the middle of one. The timeouts of
    connecting and reading are passed to `sftp` and `http`; others have options of their own.
    """

    slug: ClassVar[str] = "fsspec"

    basepath: str
    """`protocol://…`; all objects are below it."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Options of the filesystem without secrets, by fsspec's names."""
    secret_settings: SecretStr | None = None
    """Secret options; they override `settings`."""

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
        """Returns the host (or bucket) of the URL and all settings, any of which may name a server."""
        address = Address.parse(str(location.get("basepath")))
        host = f"{address.protocol}://{address.host}{f'::{address.archive}' if address.archive else ''}"
        return {"basepath": host, "settings": location.get("settings", {})}

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns the host of the URL and all settings; None for a platform's bucket, and for protocols without a server."""
        address = Address.parse(str(location.get("basepath")))
        server = Address.parse(address.archive) if address.archive else address
        settings = location.get("settings")
        host = "" if server.protocol in protocols.WITHOUT_A_SERVER else f"{server.protocol}://{server.host}"
        return f"{host} {json.dumps(settings, sort_keys=True, default=str) if settings else ''}".strip() or None

    @property
    def atomic_create(self) -> bool:
        return self._family.locks

    @property
    def address(self) -> Address:
        return Address.parse(self.basepath)

    @property
    def protocol(self) -> str:
        return self.address.protocol

    @property
    def root(self) -> str:
        return self.address.root

    @property
    def container(self) -> str:
        return f"the bucket or container {self.address.host!r}"

    @property
    def endpoint(self) -> str:
        return f"the service behind {self.basepath}"

    @property
    def credentials_advice(self) -> str:
        return "Give them in secret_settings (pickling leaves them out), or by the means that the filesystem documents."

    @property
    def _family(self) -> type[FileServer]:
        return adapter_of(self.protocol)

    @property
    def adapter(self) -> FileServer:
        """The operations of the protocol's family."""
        config = FsspecConfig(
            address=self.address,
            settings=self.settings,
            secret_settings=self.secret_settings,
            chunk_size=self.chunk_size,
            map_above=self.map_above,
            limits=self.limits,
        )
        return self._family(config, lambda: self.client)

    def new_client(self) -> Any:
        return self.adapter.new_client()

    def close(self) -> None:
        client = self._clients.get(os.getpid())
        super().close()
        if isinstance(client, Pool):
            client.close()

    def name_of(self, key: str, /) -> str:
        name = super().name_of(key)
        return name if self._family.by_request else keys.checked_file(name)

    def check_place(self) -> None:
        adapter = self.adapter
        if isinstance(adapter, ReadOnly):
            raise ConfigurationError(f"{self.shown} cannot keep results: {adapter.reason}")
        try:
            filesystem_class(self.protocol)
        except UnusableError as error:
            raise ConfigurationError(f"{self.shown} cannot keep results: {error}") from error

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self.name_of(key)
        guard, adapter, create = self.guard(key, "put"), self.adapter, mode == "create"
        adapter.check_writable(guard, create=create)
        stream = _within(Deadline(self.timeout), pieces(parts, size=lambda _: self.chunk_size), guard)
        return ObjectMeta(key, adapter.write(key, stream, guard, create=create))

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        guard = self.guard(key, "get")
        if byte_range is not None and (error := self.range_fault(guard, byte_range)) is not None:
            raise error
        self.name_of(key)
        return ObjectReader(self.adapter, key, guard).read(byte_range)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        self.name_of(key)
        return ObjectReader(self.adapter, key, self.guard(key, "get")).stream(chunk)

    def head(self, key: str, /) -> ObjectMeta:
        self.name_of(key)
        return self.adapter.head(key, self.guard(key, "head"))

    def delete(self, key: str, /) -> None:
        self.name_of(key)
        guard, adapter = self.guard(key, "delete"), self.adapter
        adapter.check_writable(guard)
        adapter.delete(key, guard)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        guard, adapter = self.guard(prefix, "scan"), self.adapter
        folder = prefix.rpartition("/")[0]
        if keys.prefix_fault(folder):
            return iter(())  # no key has this prefix
        metas = adapter.below(folder, guard)
        if not metas:
            adapter.confirm_container(guard)
        return self.listed([meta for meta in metas if meta.key.startswith(prefix) and not is_temporary(meta.key)])

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        adapter = self.adapter
        if not adapter.renames:
            return []
        guard = self.guard("", "sweep")
        leftovers = [
            meta
            for meta in adapter.below("", guard)
            if is_temporary(meta.key) and meta.modified is not None and meta.modified < before
        ]
        for meta in [] if dry_run else leftovers:
            with guard, suppress(FileNotFoundError):  # its writer was alive, and has renamed it
                adapter.remove(meta.key)
        return leftovers

    def publish(self, source: str, target: str, /) -> None:
        adapter = self.adapter
        if not adapter.copies:
            super().publish(source, target)
            return
        self.head(source)
        self.name_of(target)
        with self.guard(target, "put"):
            adapter.copy(source, target)


def _within(deadline: Deadline, stream: Iterator[bytes], guard: Guard) -> Iterator[bytes]:
    for piece in stream:
        with guard:
            deadline.left()
        yield piece
