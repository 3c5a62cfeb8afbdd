"""Capabilities of a backend, by which the storage contract chooses its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.storage import Storage


class Capabilities:
    """Attributes and methods that a subclass of `StorageContract` overrides where the default does not fit.

    The methods make what a test needs beside the storage. Each says by default that there can be no such thing, and then
    the test has nothing to ask.
    """

    # What cannot be.

    creates: ClassVar[bool] = True
    """Whether `mode="create"` can be had at all; where not, it is a `StorageError` and writes nothing."""
    tells_case_apart: ClassVar[bool] = True
    """Whether keys that differ only in case are two objects."""
    pickles: ClassVar[bool] = True
    shared_between_processes: ClassVar[bool] = True
    """Whether another process sees the same objects; where not, its own are to be empty."""
    sweeps: ClassVar[bool] = True
    """Whether `sweep` finds what a killed writer leaves; where not, the backend itself has to clear it away."""

    # How much work a test may be.

    sizes: ClassVar[tuple[int, ...]] = (0, 1, 8191, 8192, 65_535, 65_536, 65_537, 1_048_577, 5 << 20)
    """Bytes of the objects that go round in memory."""
    largest: ClassVar[int] = 300 << 20
    """Bytes of the one object that is written from a generator and read into memory."""
    several_requests: ClassVar[int] = 20 << 20
    """Bytes of an object that takes the backend more than one request to write, and to read."""
    scan_count: ClassVar[int] = 2_500
    """Objects in the listing that must take several pages."""
    overwrites: ClassVar[int] = 100
    """Times that an object is replaced under a reader."""
    racers: ClassVar[int] = 16
    """Writers that create one key at once; 1 where a server answers a race with errors."""
    large_racers: ClassVar[int] = 4
    """The same, with objects of `several_requests` bytes."""
    races: ClassVar[int] = 3

    # What else there is.

    def environment(self) -> Mapping[str, str]:
        """Environment variables with the secrets that a pickled block does not contain."""
        return {}

    def unreachable(self) -> Storage | None:
        """Returns a storage of this kind that cannot be reached or refuses to answer; None if there can be none."""
        return None

    def without_container(self, storage: Storage, /) -> Storage | None:
        """Returns one like `storage` whose bucket does not exist; None if it needs no bucket, or makes its own."""
        del storage
        return None

    def refused(self, storage: Storage, /) -> Storage | None:
        """Returns the same storage with wrong credentials; None if it needs none."""
        del storage
        return None

    def read_only(self, storage: Storage, /) -> Storage | None:
        """Returns the same storage with credentials that may only read; None if there are no such credentials."""
        del storage
        return None

    def debris(self, storage: Storage, /) -> list[str]:
        """Returns what the backend stores beside objects, such as unfinished uploads."""
        del storage
        return []

    def secrets(self, storage: Storage, /) -> list[str]:
        """Returns the texts that must not be shown: those of its secret fields. Override if such a text has other parts."""
        return list(_texts(getattr(storage, "secret_values", dict)()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from filter(None, [value])
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
