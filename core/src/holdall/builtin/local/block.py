"""Storage block of the local file system, as users configure it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import PrivateAttr, field_validator

from holdall.abc.block import StorageBlock
from holdall.builtin.local.directory import Directory
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import INLINE_LIMIT
    from holdall.types import Buffer, ByteRange, ObjectMeta, OnFailure, Parts, WriteMode


class LocalFileSystem(StorageBlock):
    """Stores results as files below `basepath`. `Directory`, which does the work, describes keys and files."""

    slug: ClassVar[str] = Directory.slug

    basepath: str = ".holdall-results"
    """The folder. A relative one is taken from the working directory of the outermost run when that starts; `~` is the
    home folder."""
    fsync: bool = False
    """Whether results survive a power loss too, which costs a disk write per result."""
    memory_map: bool = False
    """Whether to read large results by mapping their files copy-on-write."""

    _directory: Directory | None = PrivateAttr(default=None)

    if TYPE_CHECKING:  # the field is text, and a path is welcome: a type checker has no other way to know

        def __init__(
            self,
            *,
            basepath: str | os.PathLike[str] = ".holdall-results",
            fsync: bool = False,
            memory_map: bool = False,
            inline_limit: int = INLINE_LIMIT,
            on_failure: OnFailure = "raise",
        ) -> None: ...

    @field_validator("basepath", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    @property
    def directory(self) -> Directory:
        """The storage behind this block, which works without pydantic."""
        if self._directory is None:
            self._directory = Directory(
                self.basepath, fsync=self.fsync, memory_map=self.memory_map, inline_limit=self.inline_limit
            )
        return self._directory

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        return self.directory.put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return self.directory.get(key, byte_range=byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        return self.directory.head(key)

    def delete(self, key: str, /) -> None:
        self.directory.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        return self.directory.delete_unchanged(meta)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return self.directory.scan(prefix)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        return self.directory.stream(key, chunk=chunk)

    def publish(self, source: str, target: str, /) -> None:
        self.directory.publish(source, target)

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        return self.directory.sweep(before, dry_run=dry_run)

    def check_key(self, key: str, /) -> None:
        self.directory.check_key(key)

    def check_place(self) -> None:
        self.directory.check_place()

    @classmethod
    def from_url(cls, url: str, /) -> Self:
        raise ConfigurationError(
            f"{url!r} is no folder: one is written ./results, /data/results or file:///data/results."
        )

    def location(self) -> dict[str, Any]:
        return self.directory.location()

    def lock_path(self, key: str, /) -> str:
        """Returns the lock file of a key, in a folder that exists."""
        return self.directory.lock_path(key)

    def resolved(self, directory: str, /) -> Self:
        base = self.directory.resolved(directory).base
        return self if base == self.basepath else self.model_copy(update={"basepath": base})
