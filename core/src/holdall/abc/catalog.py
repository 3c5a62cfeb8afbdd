"""What remembers runs, references and saved blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.types import BlockDocument, ReferenceRow, RunRow


class Catalog(ABC):
    """An index over storages, and the only home of run history, literals and saved blocks.

    Safe to share between threads; several processes may use one at once. Every method raises `CatalogError`, naming the
    place and what to do, and nothing else.
    """

    slug: ClassVar[str]

    @abstractmethod
    def add_runs(self, rows: Sequence[RunRow], /) -> None:
        """Insert or replace by id, all in one transaction."""

    @abstractmethod
    def add_reference(self, row: ReferenceRow, /) -> None:
        """Insert or replace by storage and key; survives SIGKILL once it returns."""

    @abstractmethod
    def run(self, run_id: str, /) -> RunRow | None:
        """The run with that id, or with the only id that starts so (at least 4 characters)."""

    @abstractmethod
    def runs(
        self,
        *,
        limit: int = 100,
        kind: str | None = None,
        flow_run_id: str | None = None,
        parent_run_id: str | None = None,
        name: str | None = None,
    ) -> list[RunRow]:
        """Newest first."""

    @abstractmethod
    def reference(self, *, key: str | None = None, run_id: str | None = None) -> ReferenceRow | None:
        """The newest reference with that record key, or of that run."""

    @abstractmethod
    def references(
        self, *, limit: int = 100, storage: str | None = None, key: str | None = None, name: str | None = None
    ) -> list[ReferenceRow]:
        """Newest first. One key may stand in several storages."""

    @abstractmethod
    def delete_reference(self, storage: str, key: str, /) -> bool:
        """Whether there was one."""

    @abstractmethod
    def repoint(self, moved: Callable[[str], tuple[str, str] | None], /) -> int:
        """Let references point to where results have been moved; returns how many references and runs were changed.

        `moved` takes the JSON of a result, as references and runs have it, and gives the storage that the row is to
        name and the JSON that it is to have, or None to leave it. All in one transaction. A reference keeps its rank
        among the newest, and replaces one that has its new storage and its key already.
        """

    @abstractmethod
    def save_block(self, document: BlockDocument, /, *, overwrite: bool = False) -> None:
        """Raises `ConfigurationError` where the slug is taken and `overwrite` is false."""

    @abstractmethod
    def block(self, slug: str, /) -> BlockDocument | None: ...

    @abstractmethod
    def blocks(self) -> Iterable[BlockDocument]:
        """In slug order."""

    @abstractmethod
    def delete_block(self, slug: str, /) -> bool: ...

    @abstractmethod
    def checkpoint(self) -> None:
        """Housekeeping off the hot path: called when an outermost flow has ended, at exit and on demand."""

    @abstractmethod
    def close(self) -> None: ...
