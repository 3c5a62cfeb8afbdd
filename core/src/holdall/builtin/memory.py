"""Storage in the memory of this process."""

from __future__ import annotations

import time
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from holdall._system import fork
from holdall.abc.block import StorageBlock
from holdall.abc.keys import refuse
from holdall.builtin.local.key_rules import fault
from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, ByteRange, Parts, WriteMode


class _Object(NamedTuple):
    data: bytes
    modified: float
    version: int

    def meta(self, key: str) -> ObjectMeta:
        return ObjectMeta(key, len(self.data), f"{self.version:x}", self.modified)


_versions = count()
_namespaces: dict[str, dict[str, _Object]] = {}
_lock = fork.renewed(Lock())


class MemoryFileSystem(StorageBlock):
    """Stores objects in a dictionary of this process, which all blocks of one `namespace` share, until the process ends.

    A block that is pickled into another process uses the objects of that process under its namespace: none at first. A
    forked child starts with a copy. The rules for keys are those of a local folder.
    """

    slug: ClassVar[str] = "memory"

    namespace: str = "default"
    """Blocks of the same namespace share their objects."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self._check(key, "put")
        # Parts of a generator are copied one by one: it may use one buffer for all of them.
        data = b"".join(parts if isinstance(parts, (list, tuple)) else [bytes(part) for part in parts])
        stored = _Object(data, time.time(), next(_versions))
        with _lock:
            objects = _namespaces.setdefault(self.namespace, {})
            if mode == "create" and key in objects:
                raise KeyExists(
                    f"{self._place}: put of {key!r} may only create it, and the key is taken.",
                    block=self.slug,
                    key=key,
                    operation="put",
                )
            objects[key] = stored
        return stored.meta(key)

    def check_key(self, key: str, /) -> None:
        if reason := fault(key):
            refuse(key, reason)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        data = self._object(key, "get").data
        if byte_range is None:
            return data
        start, stop = byte_range.start, len(data) if byte_range.stop is None else byte_range.stop
        if not 0 <= start <= len(data) or stop < start:
            raise self._error(key, "get", f"failed: bytes {start} to {stop} asked for, of an object of {len(data)}")
        return data[start:stop]

    def head(self, key: str, /) -> ObjectMeta:
        return self._object(key, "head").meta(key)

    def delete(self, key: str, /) -> None:
        self._check(key, "delete")
        with _lock:
            _namespaces.get(self.namespace, {}).pop(key, None)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        self._check(meta.key, "delete")
        with _lock:
            objects = _namespaces.get(self.namespace, {})
            stored = objects.get(meta.key)
            if stored is not None and not meta.is_same(stored.meta(meta.key)):
                return False
            objects.pop(meta.key, None)
        return True

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        with _lock:
            objects = list(_namespaces.get(self.namespace, {}).items())
        for key, stored in sorted(objects):
            if key.startswith(prefix):
                yield stored.meta(key)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        data = self._object(key, "get").data
        for start in range(0, len(data), chunk):
            yield data[start : start + chunk]

    def publish(self, source: str, target: str, /) -> None:
        stored = self._object(source, "get")
        self._check(target, "put")
        with _lock:
            _namespaces.setdefault(self.namespace, {})[target] = stored

    def location(self) -> dict[str, Any]:
        return {"namespace": self.namespace}

    def clear(self) -> None:
        """Deletes all objects of the namespace."""
        with _lock:
            _namespaces.pop(self.namespace, None)

    @property
    def _place(self) -> str:
        return f"{self.slug} ({self.namespace})"

    def _object(self, key: str, operation: str) -> _Object:
        self._check(key, operation)
        with _lock:
            stored = _namespaces.get(self.namespace, {}).get(key)
        if stored is None:
            raise KeyMissing(
                f"{self._place}: {operation} of {key!r} found nothing under that key.",
                block=self.slug,
                key=key,
                operation=operation,
            )
        return stored

    def _check(self, key: str, operation: str) -> None:
        if reason := fault(key):
            raise self._error(key, operation, f"refused: the key {reason}")

    def _error(self, key: str, operation: str, outcome: str) -> StorageError:
        message = f"{self._place}: {operation} of {key!r} {outcome}."
        return StorageError(message, block=self.slug, key=key, operation=operation)
