"""The guard of a storage: maps what a plugin raises to `StorageError`, and asks the circuit breaker before each call."""

from __future__ import annotations

from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast

from holdall.abc.storage import Storage
from holdall.errors import ConfigurationError, HoldallError, StorageError, describe_error
from holdall.storage import circuit_breaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode


class GuardedStorage(Storage):
    """The storage `inner` as holdall calls it; made by `guard`, once, where a storage is resolved.

    Errors of holdall stay as they are; every other exception becomes a `StorageError` that names the storage, the
    operation and the plugin's module. A storage that is down is not asked. Attributes are those of `inner`.
    """

    __slots__ = ("inner", "slug")

    def __init__(self, inner: Storage, /) -> None:
        self.inner = inner
        self.slug = inner.slug  # type: ignore[misc]  # of the instance: the class is that of every guard

    # Every result passes through `put` and `get`, so what the others share is written out there.

    @property
    def atomic_create(self) -> bool:
        return self.inner.atomic_create

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        if circuit_breaker.troubled:
            circuit_breaker.ask(self, "put", key)
        try:
            meta = self.inner.put(key, parts, mode=mode)
        except HoldallError as error:
            circuit_breaker.failed(self, key, error)
            raise
        except Exception as error:  # the boundary to plugins: a client raises what it likes
            raise self._broken("put", key, error) from error
        except BaseException as error:
            circuit_breaker.failed(self, key, error)
            raise
        if circuit_breaker.troubled:
            circuit_breaker.answered(self)
        return meta

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        if circuit_breaker.troubled:
            circuit_breaker.ask(self, "get", key)
        try:
            data = self.inner.get(key, byte_range=byte_range)
        except HoldallError as error:
            circuit_breaker.failed(self, key, error)
            raise
        except Exception as error:  # the boundary to plugins, as above
            raise self._broken("get", key, error) from error
        except BaseException as error:
            circuit_breaker.failed(self, key, error)
            raise
        if circuit_breaker.troubled:
            circuit_breaker.answered(self)
        return data

    def head(self, key: str, /) -> ObjectMeta:
        with self._asking("head", key):
            return self.inner.head(key)

    def exists(self, key: str, /) -> bool:
        with self._asking("exists", key):
            return self.inner.exists(key)

    def delete(self, key: str, /) -> None:
        with self._asking("delete", key):
            self.inner.delete(key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        with self._asking("delete_unchanged", meta.key):
            return self.inner.delete_unchanged(meta)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        with self._asking("scan", prefix):
            yield from self.inner.scan(prefix)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        with self._asking("stream", key):
            yield from self.inner.stream(key, chunk=chunk)

    def publish(self, source: str, target: str, /) -> None:
        with self._asking("publish", target):
            self.inner.publish(source, target)

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        with self._asking("sweep", ""):
            return self.inner.sweep(before, dry_run=dry_run)

    # The methods below do not call the storage, so they say nothing of whether it is down.

    def check_key(self, key: str, /) -> None:
        with self._checking("check_key"):
            self.inner.check_key(key)

    def check_place(self) -> None:
        with self._checking("check_place"):
            self.inner.check_place()

    def location(self) -> dict[str, Any]:
        with self._mapped("location"):
            return self.inner.location()

    def resolved(self, directory: str, /) -> GuardedStorage:
        with self._mapped("resolved"):
            resolved = self.inner.resolved(directory)
        return self if resolved is self.inner else guard(resolved)

    def close(self) -> None:
        with self._mapped("close"):
            self.inner.close()

    @property
    def lock_path(self) -> Callable[[str], str] | None:  # type: ignore[override]  # read, and never set
        return None if self.inner.lock_path is None else self._lock_path

    def _lock_path(self, key: str) -> str:
        with self._mapped("lock_path", key):
            return cast("Callable[[str], str]", self.inner.lock_path)(key)

    @contextmanager
    def _asking(self, operation: str, key: str) -> Iterator[None]:
        if circuit_breaker.troubled:
            circuit_breaker.ask(self, operation, key)
        try:
            yield
        except HoldallError as error:
            circuit_breaker.failed(self, key, error)
            raise
        except Exception as error:  # the boundary to plugins, as above
            raise self._broken(operation, key, error) from error
        except BaseException as error:  # interrupted, or a listing that nobody reads to its end
            circuit_breaker.failed(self, key, error)
            raise
        if circuit_breaker.troubled:
            circuit_breaker.answered(self)

    @contextmanager
    def _mapped(self, operation: str, key: str = "") -> Iterator[None]:
        try:
            yield
        except HoldallError:
            raise
        except Exception as error:  # the boundary to plugins, as above
            raise self._error(operation, key, error) from error

    @contextmanager
    def _checking(self, operation: str) -> Iterator[None]:
        try:
            yield
        except HoldallError:
            raise
        except Exception as error:  # the boundary to plugins, as above
            raise ConfigurationError(
                f"{self._name} cannot say what it could store: {operation} raised {describe_error(error)}. {self._advice}"
            ) from error

    def _broken(self, operation: str, key: str, error: Exception) -> StorageError:
        circuit_breaker.failed(self, key, error)
        return self._error(operation, key, error)

    def _error(self, operation: str, key: str, error: Exception) -> StorageError:
        return StorageError(
            f"{self._name}: {operation} of {key!r} failed in a way that no storage should: {describe_error(error)}. "
            f"{self._advice}",
            block=self._name,
            key=key,
            operation=operation,
        )

    @property
    def _name(self) -> str:
        return self.block_slug or self.slug

    @property
    def _advice(self) -> str:
        return f"If it stays so, tell the author of {type(self.inner).__module__}."


_OF_INNER: Final = (
    "accept",
    "atomic_create",
    "block_slug",
    "encryption_key",
    "inline_limit",
    "no_pickle",
    "on_failure",
    "signing_key",
)
for _name in _OF_INNER:
    setattr(GuardedStorage, _name, property(attrgetter(f"inner.{_name}")))


def guard(storage: Storage, /) -> GuardedStorage:
    """Returns the storage in its guard; one that has a guard is returned as it is."""
    return storage if isinstance(storage, GuardedStorage) else GuardedStorage(storage)


def get(storage: Storage, key: str, byte_range: ByteRange | None = None, /) -> Buffer:
    """Reads an object through the guard: what programs import as `holdall.boundary.get`."""
    return guard(storage).get(key, byte_range=byte_range)
