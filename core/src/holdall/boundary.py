"""Where storages are asked: what one raises that breaks its contract becomes the error that the contract names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.errors import HoldallError, SerializationError, StorageError, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer, ByteRange, Parts


def get(storage: Storage, key: str, byte_range: ByteRange | None = None, /) -> Buffer:
    try:
        return storage.get(key, byte_range=byte_range)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins: a client raises what it likes
        raise _broken(storage, "get", key, error) from error


def put(storage: Storage, key: str, parts: Parts, /) -> None:
    try:
        storage.put(key, parts)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise _broken(storage, "put", key, error) from error


def publish(storage: Storage, source: str, target: str, /) -> None:
    try:
        storage.publish(source, target)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise _broken(storage, "publish", target, error) from error


def delete(storage: Storage, key: str, /) -> None:
    try:
        storage.delete(key)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise _broken(storage, "delete", key, error) from error


def streamed(parts: Parts, serializer: str, /) -> Iterator[Buffer]:
    """The parts, so that what their making raises is not taken for an error of the storage that asks for them."""
    try:
        yield from parts
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as above
        raise SerializationError(f"The {serializer} serializer cannot write this result: {told(error)}.") from error


def _broken(storage: Storage, operation: str, key: str, error: Exception) -> StorageError:
    block = storage.block_slug or storage.slug
    return StorageError(
        f"{block}: {operation} of {key!r} failed in a way that no storage should: {told(error)}. If it stays so, tell "
        f"the author of {type(storage).__module__}.",
        block=block,
        key=key,
        operation=operation,
    )
