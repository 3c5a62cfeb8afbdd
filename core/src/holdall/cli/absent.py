"""The catalog before anything was recorded: looking must not make a file, and works where none can be made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, NoReturn

from holdall.abc.catalog import Catalog
from holdall.catalog.open import catalog_path, open_catalog
from holdall.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdall.settings.model import Settings
    from holdall.types import BlockDocument, ReferenceRow, RunRow


def catalog_to_read(settings: Settings, /) -> Catalog:
    path = catalog_path(settings)
    return open_catalog(settings) if os.path.lexists(path) else _NoCatalog(path)


class _NoCatalog(Catalog):
    slug: ClassVar[str] = "none"

    def __init__(self, path: str) -> None:
        self.path = path

    def run(self, run_id: str, /) -> None:
        del run_id

    def runs(
        self,
        *,
        limit: int = 100,
        kind: str | None = None,
        flow_run_id: str | None = None,
        parent_run_id: str | None = None,
        name: str | None = None,
    ) -> list[RunRow]:
        del limit, kind, flow_run_id, parent_run_id, name
        return []

    def reference(self, *, key: str | None = None, run_id: str | None = None) -> None:
        del key, run_id

    def references(
        self, *, limit: int = 100, storage: str | None = None, key: str | None = None, name: str | None = None
    ) -> list[ReferenceRow]:
        del limit, storage, key, name
        return []

    def delete_reference(self, storage: str, key: str, /) -> bool:
        del storage, key
        return False

    def repoint(self, moved: Callable[[str], tuple[str, str] | None], /) -> int:
        del moved
        return 0

    def block(self, slug: str, /) -> None:
        del slug

    def blocks(self) -> list[BlockDocument]:
        return []

    def delete_block(self, slug: str, /) -> bool:
        del slug
        return False

    def checkpoint(self) -> None: ...

    def close(self) -> None: ...

    def add_runs(self, rows: Sequence[RunRow], /) -> NoReturn:
        del rows
        self._refuse()

    def add_reference(self, row: ReferenceRow, /) -> NoReturn:
        del row
        self._refuse()

    def save_block(self, document: BlockDocument, /, *, overwrite: bool = False) -> NoReturn:
        del document, overwrite
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CatalogError(f"There is no catalog in {self.path} to write to, only one to look at.")
