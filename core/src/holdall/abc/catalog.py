"""What remembers runs, references and saved blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.types import BlockDocument, ReferenceRow, RunRow


class Catalog(ABC):
    """An index over storages, and the only home of run history, literals and saved blocks.

    Safe to share between threads; several processes may use one at once. Every method raises `CatalogError`, naming the
    place and what to do, and nothing else.
    """

    slug: ClassVar[str]

    @classmethod
    def open(cls, home: str, /, *, patience: float, create: bool = True) -> Self:
        """The catalog that runs with this home write to; made once a process and home, and no method is called before.

        Costs little: nothing is made and nobody is asked before the first call of a method. A catalog that is elsewhere
        takes its place from variables of its own.

        Args:
            home: an absolute folder, which need not exist.
            patience: seconds that a call waits at most for whoever else holds the catalog.
            create: False for whoever only looks, where `file_in` names a file that is not there: such a catalog is
                empty, and writing to it is an error.

        Raises:
            ConfigurationError: the place cannot be right.
        """
        del home, patience, create
        return cls()

    @classmethod
    def file_in(cls, home: str, /) -> str | None:
        """The path of the file that it keeps in the home, from the first write on; None where it keeps none there.

        Whoever only looks makes no such file.
        """
        del home
        return None

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
