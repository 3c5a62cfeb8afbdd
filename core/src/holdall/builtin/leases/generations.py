"""Generations of a key: each holder has a numbered object in a storage, and the highest number counts."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from holdall.errors import KeyMissing, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdall.abc.storage import Storage
    from holdall.types import ObjectMeta, WriteMode

_CLOCKS_DIFFER: Final = 300.0
_generation_key = re.compile(r"(.+/[0-9a-f]{64})/([0-9]{20})").fullmatch


class LeaseRecord(NamedTuple):
    """The content of a holder's object: times in seconds, `at` since the epoch by the holder's clock."""

    owner: str
    ttl: float
    at: float
    beat: int = 0
    released: bool = False

    @classmethod
    def parse(cls, data: bytes, /, *, ttl: float) -> Self:
        """Reads a record. One that is not readable counts as held, until it has not changed for a `ttl`."""
        try:
            fields = json.loads(data)
            return cls(
                str(fields["owner"]),
                float(fields["ttl"]),
                float(fields["at"]),
                fields["beat"],
                fields["released"] is True,
            )
        except (ValueError, TypeError, KeyError):
            return cls("", ttl, float("inf"))

    def has_ended(self, now: float, /) -> bool:
        """Whether the lease has certainly ended: released, or expired for longer than clocks may differ."""
        return self.released or self.at + self.ttl + _CLOCKS_DIFFER < now


class Generations:
    """The objects `<folder>/<20 digits>` of one key."""

    def __init__(self, storage: Storage, folder: str, /) -> None:
        self.storage = storage
        self.folder = folder

    def numbers(self) -> list[int]:
        """Returns the numbers in ascending order; the last one belongs to the holder, if any."""
        return [number for _, number, _ in listed(self.storage.scan(f"{self.folder}/"))]

    def read(self, number: int, /) -> bytes | None:
        """Returns what the holder wrote last; None if the object is gone."""
        try:
            return bytes(self.storage.get(self._key(number)))
        except KeyMissing:
            return None

    def write(self, number: int, record: LeaseRecord, /, *, mode: WriteMode = "overwrite") -> None:
        self.storage.put(self._key(number), [json.dumps(record._asdict()).encode()], mode=mode)

    def discard(self, numbers: Iterable[int], /) -> None:
        """Deletes generations, as far as possible: a remaining one does not count beside a higher number."""
        for number in numbers:
            with suppress(StorageError):
                self.storage.delete(self._key(number))

    def _key(self, number: int) -> str:
        return f"{self.folder}/{number:020}"


def listed(metas: Iterable[ObjectMeta], /) -> Iterator[tuple[str, int, ObjectMeta]]:
    """Yields folder, number and object of each that is a generation by its name."""
    for meta in metas:
        if (match := _generation_key(meta.key)) is not None:
            yield match[1], int(match[2]), meta
