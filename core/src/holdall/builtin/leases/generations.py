"""The holders of one key, numbered: each has an object of its own in a storage, and the highest number counts."""

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
_name = re.compile(r"(.+/[0-9a-f]{64})/([0-9]{20})").fullmatch


class Mark(NamedTuple):
    """What a holder writes into its object: seconds, and `at` since the epoch by the holder's clock."""

    owner: str
    ttl: float
    at: float
    beat: int = 0
    released: bool = False

    @classmethod
    def parse(cls, data: bytes, /, *, ttl: float) -> Self:
        """What cannot be read is as good as held: it is dead when it has not changed for a `ttl`."""
        try:
            found = json.loads(data)
            return cls(
                str(found["owner"]), float(found["ttl"]), float(found["at"]), found["beat"], found["released"] is True
            )
        except (ValueError, TypeError, KeyError):
            return cls("", ttl, float("inf"))

    def over(self, now: float, /) -> bool:
        """Whether that can be said without watching it: released, or dead for longer than clocks may differ."""
        return self.released or self.at + self.ttl + _CLOCKS_DIFFER < now


class Generations:
    """The objects `<folder>/<20 digits>` of one key."""

    def __init__(self, storage: Storage, folder: str, /) -> None:
        self.storage = storage
        self.folder = folder

    def numbers(self) -> list[int]:
        """Ascending; the last one belongs to the holder, if there is any."""
        return [number for _, number, _ in listed(self.storage.scan(f"{self.folder}/"))]

    def read(self, number: int, /) -> bytes | None:
        """What its holder wrote last; None where it is gone."""
        try:
            return bytes(self.storage.get(self._key(number)))
        except KeyMissing:
            return None

    def write(self, number: int, mark: Mark, /, *, mode: WriteMode = "overwrite") -> None:
        self.storage.put(self._key(number), [json.dumps(mark._asdict()).encode()], mode=mode)

    def discard(self, numbers: Iterable[int], /) -> None:
        """Remove them where that works: what stays is of no account beside a higher number."""
        for number in numbers:
            with suppress(StorageError):
                self.storage.delete(self._key(number))

    def _key(self, number: int) -> str:
        return f"{self.folder}/{number:020}"


def listed(metas: Iterable[ObjectMeta], /) -> Iterator[tuple[str, int, ObjectMeta]]:
    """Folder, number and object of each that is a generation by its name."""
    for meta in metas:
        if (found := _name(meta.key)) is not None:
            yield found[1], int(found[2]), meta
