"""Client of one bucket or container through obstore, by blocking requests.

They are sent from the caller's thread: the way to an event loop and back takes a third of the time of a small object.
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
    """Client of one bucket or container; created by the first request, once for each process and block."""

    def __init__(self, arguments: StoreArguments, /) -> None:
        self._obstore, stores = library()
        self._store = getattr(stores, arguments.kind)(
            arguments.bucket, config=arguments.config, client_options=arguments.client, retry_config=arguments.retry
        )

    def write(self, name: str, data: Buffer, /, *, create: bool) -> str | None:
        """Writes an object in one request and returns its etag. With `create`, only if there is none."""
        mode = "create" if create else "overwrite"
        with mapped_errors():
            put = self._obstore.put(self._store, name, data, mode=mode, use_multipart=False)
        return plain_etag(put["e_tag"])

    def upload(self, name: str, pieces: Iterator[Buffer], /, *, chunk: int, concurrency: int) -> str | None:
        """Writes an object in parts of `chunk` bytes, `concurrency` of them at once, copied from pieces of any size.

        obstore aborts the upload and deletes its parts if one fails or the pieces raise.
        """
        with mapped_errors():
            put = self._obstore.put(
                self._store, name, pieces, use_multipart=True, chunk_size=chunk, max_concurrency=concurrency
            )
        return plain_etag(put["e_tag"])

    def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Any:
        """Requests bytes `start` to `stop`, which may be beyond the end, of the version `etag` if one is given."""
        options: dict[str, Any] = {"range": (start, stop)}
        if etag:
            options["if_match"] = etag
        with mapped_errors():
            return self._obstore.get(self._store, name, options=options)

    def head(self, name: str, /) -> ObjectInfo:
        """Returns name, size, etag and time of an object."""
        with mapped_errors():
            return _info(self._obstore.head(self._store, name))

    def remove(self, name: str, /) -> None:
        """Deletes an object; a missing one may be an error."""
        with mapped_errors():
            self._obstore.delete(self._store, name)

    def pages(self, folder: str | None, /) -> Iterator[list[ObjectInfo]]:
        """Lists the objects below a folder, in any order."""
        with mapped_errors():
            for page in self._obstore.list(self._store, folder, chunk_size=_PAGE):
                yield [_info(meta) for meta in page]

    def copy(self, source: str, target: str, /) -> None:
        """Copies an object within the store."""
        with mapped_errors():
            self._obstore.copy(self._store, source, target)


def plain_etag(etag: str | None, /) -> str | None:
    """Returns an etag without quotes, as in the other blocks."""
    return etag.strip('"') if etag else None


def _info(meta: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], plain_etag(meta["e_tag"]), meta["last_modified"].timestamp())
