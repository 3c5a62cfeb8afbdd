"""`Catalog`: the index of runs, references to stored results, and saved blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.types import BlockDocument, ReferenceRow, RunRow


class Catalog(ABC):
    """Index over storages, and the only place of run history, literals and saved blocks.

    Safe to share between threads; several processes may use one at once. Every method raises `CatalogError`, naming the
    place and what to do, and nothing else.
    """

    slug: ClassVar[str]

    @classmethod
    def open(cls, home: str, /, *, patience: float, create: bool = True) -> Self:
        """Makes the catalog of runs with this home; called once a process and home.

        Opens and creates nothing: that is for the first call of a method. A catalog on a server takes its place from
        environment variables of its own.

        Args:
            home: an absolute folder, which need not exist.
            patience: seconds that a call waits at most for other holders of the catalog.
            create: False for callers that only read, if the file of `file_in` does not exist: such a catalog is
                empty, and writing to it is an error.

        Raises:
            ConfigurationError: the place is wrong.
        """
        del home, patience, create
        return cls()

    @classmethod
    def file_in(cls, home: str, /) -> str | None:
        """Returns the path of its file in the home, which the first write creates; None if it has no file there.

        Callers that only read create no such file.
        """
        del home
        return None

    @abstractmethod
    def add_runs(self, rows: Sequence[RunRow], /) -> None:
        """Inserts or replaces rows by id, all in one transaction."""

    @abstractmethod
    def add_reference(self, row: ReferenceRow, /) -> None:
        """Inserts or replaces a row by storage and key; durable against SIGKILL when it returns."""

    @abstractmethod
    def run(self, run_id: str, /) -> RunRow | None:
        """Returns the run with the id, or with the only id that starts with it (at least 4 characters)."""

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
        """Returns the runs that match, the newest first."""

    @abstractmethod
    def reference(self, *, key: str | None = None, run_id: str | None = None) -> ReferenceRow | None:
        """Returns the newest reference with the record key, or of the run."""

    @abstractmethod
    def references(
        self, *, limit: int = 100, storage: str | None = None, key: str | None = None, name: str | None = None
    ) -> list[ReferenceRow]:
        """Returns the references that match, the newest first. One key may be in several storages."""

    @abstractmethod
    def delete_reference(self, storage: str, key: str, /) -> bool:
        """Deletes a reference; returns whether there was one."""

    @abstractmethod
    def repoint(self, moved: Callable[[str], tuple[str, str] | None], /) -> int:
        """Changes references to results that were moved; returns how many references and runs were changed.

        `moved` takes the JSON of a result, as references and runs have it, and returns the storage and the
        JSON that the row is to have, or None to leave it. All in one transaction. A reference keeps its rank
        among the newest, and replaces one that has its new storage and its key already.
        """

    @abstractmethod
    def save_block(self, document: BlockDocument, /, *, overwrite: bool = False) -> None:
        """Saves a block; raises `ConfigurationError` if the slug is taken and `overwrite` is false."""

    @abstractmethod
    def block(self, slug: str, /) -> BlockDocument | None:
        """Returns the saved block with the slug."""

    @abstractmethod
    def blocks(self) -> Iterable[BlockDocument]:
        """Returns all saved blocks, sorted by slug."""

    @abstractmethod
    def delete_block(self, slug: str, /) -> bool:
        """Deletes a saved block; returns whether there was one."""

    @abstractmethod
    def checkpoint(self) -> None:
        """Does housekeeping: called when an outermost flow has ended, at exit and on demand."""

    @abstractmethod
    def close(self) -> None:
        """Closes what it has open."""
