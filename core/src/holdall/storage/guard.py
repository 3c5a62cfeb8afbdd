"""Where storages are asked: those that are down are left alone, and what breaks the contract becomes what it names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdall.abc.storage import Storage
from holdall.errors import ConfigurationError, HoldallError, SerializationError, StorageError, told
from holdall.storage import circuit_breaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode

# Every result passes through get and put, so what the others share is written out there.


def get(storage: Storage, key: str, byte_range: ByteRange | None = None, /) -> Buffer:
    if circuit_breaker.troubled:
        circuit_breaker.ask(storage, "get", key)
    try:
        data = storage.get(key, byte_range=byte_range)
    except HoldallError as error:
        circuit_breaker.failed(storage, key, error)
        raise
    except Exception as error:  # the boundary to plugins: a client raises what it likes
        raise _broken(storage, "get", key, error) from error
    except BaseException as error:
        circuit_breaker.failed(storage, key, error)
        raise
    if circuit_breaker.troubled:
        circuit_breaker.answered(storage)
    return data


def put(storage: Storage, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
    if circuit_breaker.troubled:
        circuit_breaker.ask(storage, "put", key)
    try:
        meta = storage.put(key, parts, mode=mode)
    except HoldallError as error:
        circuit_breaker.failed(storage, key, error)
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise _broken(storage, "put", key, error) from error
    except BaseException as error:
        circuit_breaker.failed(storage, key, error)
        raise
    if circuit_breaker.troubled:
        circuit_breaker.answered(storage)
    return meta


def publish(storage: Storage, source: str, target: str, /) -> None:
    with _asking(storage, "publish", target):
        storage.publish(source, target)


def check_key(storage: Storage, key: str, /) -> None:
    with _checking(storage):
        storage.check_key(key)


def check_place(storage: Storage, /) -> None:
    with _checking(storage):
        storage.check_place()


def head(storage: Storage, key: str, /) -> ObjectMeta:
    with _asking(storage, "head", key):
        return storage.head(key)


def exists(storage: Storage, key: str, /) -> bool:
    with _asking(storage, "head", key):
        return storage.exists(key)


def delete(storage: Storage, key: str, /) -> None:
    with _asking(storage, "delete", key):
        storage.delete(key)


def delete_unchanged(storage: Storage, meta: ObjectMeta, /) -> bool:
    with _asking(storage, "delete", meta.key):
        return storage.delete_unchanged(meta)


def scan(storage: Storage, prefix: str = "", /) -> Iterator[ObjectMeta]:
    with _asking(storage, "scan", prefix):
        yield from storage.scan(prefix)


def sweep(storage: Storage, before: float, /, *, dry_run: bool) -> list[ObjectMeta]:
    with _asking(storage, "sweep", ""):
        return storage.sweep(before, dry_run=dry_run)


def streamed(parts: Parts, serializer: str, /) -> Iterator[Buffer]:
    """The parts, so that what their making raises is not taken for an error of the storage that asks for them."""
    try:
        yield from parts
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise SerializationError(f"The {serializer} serializer cannot write this result: {told(error)}.") from error


class Guarded(Storage):
    """A storage that is asked through the functions above, for locks: they are built in, and know no more than storages."""

    def __init__(self, storage: Storage, /) -> None:
        self.inner = storage
        self.slug = storage.slug  # type: ignore[misc]  # the inner one's, in what is said of the place

    @property
    def block_slug(self) -> str | None:
        return self.inner.block_slug

    @property
    def atomic_create(self) -> bool:
        return self.inner.atomic_create

    @property
    def lock_path(self) -> Callable[[str], str]:
        """As of the inner storage: there is none where that has none."""
        found: Callable[[str], str] = self.inner.lock_path  # type: ignore[attr-defined]  # only local folders have one
        return found

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        return put(self.inner, key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        return get(self.inner, key, byte_range)

    def head(self, key: str, /) -> ObjectMeta:
        return head(self.inner, key)

    def delete(self, key: str, /) -> None:
        delete(self.inner, key)

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        return delete_unchanged(self.inner, meta)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return scan(self.inner, prefix)

    def location(self) -> dict[str, Any]:
        return self.inner.location()


@contextmanager
def _asking(storage: Storage, operation: str, key: str) -> Iterator[None]:
    if circuit_breaker.troubled:
        circuit_breaker.ask(storage, operation, key)
    try:
        yield
    except HoldallError as error:
        circuit_breaker.failed(storage, key, error)
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise _broken(storage, operation, key, error) from error
    except BaseException as error:  # interrupted, or a listing that nobody reads to its end
        circuit_breaker.failed(storage, key, error)
        raise
    if circuit_breaker.troubled:
        circuit_breaker.answered(storage)


@contextmanager
def _checking(storage: Storage) -> Iterator[None]:
    try:
        yield
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise ConfigurationError(
            f"{storage.block_slug or storage.slug} cannot say what it could store: {told(error)}. If it stays so, tell "
            f"the author of {type(storage).__module__}."
        ) from error


def _broken(storage: Storage, operation: str, key: str, error: Exception) -> StorageError:
    circuit_breaker.failed(storage, key, error)
    block = storage.block_slug or storage.slug
    return StorageError(
        f"{block}: {operation} of {key!r} failed in a way that no storage should: {told(error)}. If it stays so, tell "
        f"the author of {type(storage).__module__}.",
        block=block,
        key=key,
        operation=operation,
    )
