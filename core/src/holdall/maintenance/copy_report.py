"""What becomes of results that are taken from one storage to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from holdall.results.record import Record

What = Literal["copied", "there", "newer", "failed", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One result. `newer`: the target has a younger one, which stayed. `left`: not tried, as others before it failed.

    `name` is that of the task or flow, `called` the user's own for the result. `size` is its payload's, in bytes;
    `removed` says that the source has it no more.
    """

    key: str
    what: What
    called: str | None = None
    name: str | None = None
    size: int = 0
    removed: bool = False
    problem: str | None = None

    @property
    def shown(self) -> str:
        """What listings call it."""
        return self.called or self.key

    @classmethod
    def of(cls, record: Record, what: What, /) -> Item:
        size = 0 if record.payload is None else record.payload.size
        return cls(key=record.key, what=what, called=record.name, name=record.producer.get("name"), size=size)


@dataclass(slots=True, kw_only=True)
class Moved:
    """What became of the results of one storage: `source` and `target` in words.

    `problem` ended it early. What was done stays done, and doing it again does the rest.
    """

    source: str
    target: str
    items: list[Item] = field(default_factory=list)
    repointed: int = 0
    problem: str | None = None

    def count(self, *what: What) -> int:
        return sum(each.what in what for each in self.items)

    @property
    def size(self) -> int:
        """Bytes of the payloads that were copied."""
        return sum(each.size for each in self.items if each.what == "copied")

    @property
    def complete(self) -> bool:
        return self.problem is None and not any(each.problem or each.what == "left" for each in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which results: of tasks and flows of the name `name`, or under one of `keys`; with neither, all."""

    name: str | None = None
    keys: Collection[str] = ()


class Seen(NamedTuple):
    """What is remembered of a record that was looked at: its item, a digest of its bytes, and itself if it is whole."""

    item: Item
    digest: bytes = b""
    record: Record | None = None

    @property
    def path(self) -> str | None:
        """The key of the payload, where it has one."""
        return None if self.record is None else self.record.path
