"""Report of a copy, move or push: the outcome of each result and totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from holdall.results.record import Record

ItemOutcome = Literal["copied", "there", "newer", "failed", "left"]
"""`newer`: the target has a younger result, which stays. `left`: not tried, as others before it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyItem:
    """Outcome for one result.

    `name` is that of the task or flow, `called` the user's own for the result. `size` is its payload's, in bytes;
    `removed` says that the source no longer has it.
    """

    key: str
    what: ItemOutcome
    called: str | None = None
    name: str | None = None
    size: int = 0
    removed: bool = False
    problem: str | None = None

    @property
    def shown(self) -> str:
        """Name of the result in listings."""
        return self.called or self.key

    @classmethod
    def of(cls, record: Record, what: ItemOutcome, /) -> CopyItem:
        """Builds the item of a record."""
        size = 0 if record.payload is None else record.payload.size
        return cls(key=record.key, what=what, called=record.name, name=record.producer.get("name"), size=size)


@dataclass(slots=True, kw_only=True)
class CopyReport:
    """Outcome for the results of one storage; `source` and `target` are labels.

    `problem` is the error that ended the job early. Repeating the job copies what is missing.
    """

    source: str
    target: str
    items: list[CopyItem] = field(default_factory=list)
    repointed: int = 0
    problem: str | None = None

    def count(self, *outcomes: ItemOutcome) -> int:
        """Counts the results with one of these outcomes."""
        return sum(item.what in outcomes for item in self.items)

    @property
    def size(self) -> int:
        """Bytes of the payloads that were copied."""
        return sum(item.size for item in self.items if item.what == "copied")

    @property
    def complete(self) -> bool:
        """Whether every result arrived and nothing failed."""
        return self.problem is None and not any(item.problem or item.what == "left" for item in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which results: of tasks and flows of the name `name`, or under one of `keys`; with neither, all."""

    name: str | None = None
    keys: Collection[str] = ()


class CopiedRecord(NamedTuple):
    """Item of a record, with a digest of the record's bytes, and the record itself if it is whole."""

    item: CopyItem
    digest: bytes = b""
    record: Record | None = None

    @property
    def path(self) -> str | None:
        """Key of the payload, where it has one."""
        return None if self.record is None else self.record.path
