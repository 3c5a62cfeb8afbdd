"""The requests of one bucket or container through obstore, each of which blocks its thread and lets the others run.

They are made in the caller's thread: to an event loop and back would cost a small object a third of its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdall_fsspec import ObjectInfo
from holdall_obstore.errors import mapped_errors
from holdall_obstore.native import library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer
    from holdall_obstore.stores import StoreArguments

_PAGE: Final = 1_000


class ObstoreClient:
    """One bucket or container; made when the first byte moves, once a process and block."""

    def __init__(self, arguments: StoreArguments, /) -> None:
        self._obstore, stores = library()
        self._store = getattr(stores, arguments.kind)(
            arguments.bucket, config=arguments.config, client_options=arguments.client, retry_config=arguments.retry
        )

    def write(self, name: str, data: Buffer, /, *, create: bool) -> str | None:
        """Write an object in one request; returns its etag. With `create`, only where nothing is."""
        mode = "create" if create else "overwrite"
        with mapped_errors():
            put = self._obstore.put(self._store, name, data, mode=mode, use_multipart=False)
        return plain(put["e_tag"])

    def upload(self, name: str, pieces: Iterator[Buffer], /, *, chunk: int, concurrency: int) -> str | None:
        """Write an object in parts of `chunk` bytes, `concurrency` of them at once, copied from pieces of any size.

        Where a part fails or the pieces raise, obstore gives the upload up: nothing of it stays.
        """
        with mapped_errors():
            put = self._obstore.put(
                self._store, name, pieces, use_multipart=True, chunk_size=chunk, max_concurrency=concurrency
            )
        return plain(put["e_tag"])

    def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Any:
        """Ask for bytes `start` to `stop` (beyond the end, perhaps), of that version only."""
        options: dict[str, Any] = {"range": (start, stop)}
        if etag:
            options["if_match"] = etag
        with mapped_errors():
            return self._obstore.get(self._store, name, options=options)

    def head(self, name: str, /) -> ObjectInfo:
        with mapped_errors():
            return _seen(self._obstore.head(self._store, name))

    def remove(self, name: str, /) -> None:
        """A name that is not there may be an error."""
        with mapped_errors():
            self._obstore.delete(self._store, name)

    def pages(self, folder: str | None, /) -> Iterator[list[ObjectInfo]]:
        """What is below a folder, in any order."""
        with mapped_errors():
            for page in self._obstore.list(self._store, folder, chunk_size=_PAGE):
                yield [_seen(each) for each in page]

    def copy(self, source: str, target: str, /) -> None:
        """Within the store, without the bytes passing through here."""
        with mapped_errors():
            self._obstore.copy(self._store, source, target)


def plain(etag: str | None, /) -> str | None:
    """An etag as the other blocks show it."""
    return etag.strip('"') if etag else None


def _seen(meta: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], plain(meta["e_tag"]), meta["last_modified"].timestamp())
