"""Where results lie that their storage did not take, until `holdall result push` sends them there.

`<home>/spool` has a folder for each place, and in it records and payloads have the very keys and bytes that they would
have in the storage: sending them is a plain copy.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128_hexdigest

from holdall.builtin.directory import Directory
from holdall.errors import MissingResultError, ResultError, StorageError
from holdall.store import ResultStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.record import Record
    from holdall.results import StorageReference

_PRIVATE: Final = 0o700

# Whether a home has anything in its spool: looked at once a process, so that a hit in a healthy storage pays nothing.
_spools: dict[str, bool] = {}


def root(home: str, /) -> str:
    return os.path.join(home, "spool")


def folder(where: StorageReference, home: str, /) -> str:
    """Of the results that belong to this place, whatever slug it went by."""
    return os.path.join(root(home), xxh3_128_hexdigest(where.identity.encode("utf-8", "surrogatepass")))


def folders(home: str, /) -> list[Directory]:
    """A storage for each place that has had results here, in no order that means anything."""
    try:
        names = sorted(os.listdir(root(home)))
    except OSError:
        return []
    paths = [os.path.join(root(home), name) for name in names]
    return [Directory(path, named="the spool") for path in paths if os.path.isdir(path)]


def twin(store: ResultStore, home: str, /) -> ResultStore:
    """Writes and reads here what `store` would in its storage: the same keys, the same records."""
    place = Directory(folder(store.where, home), inline_limit=store.storage.inline_limit, named="the spool")
    return ResultStore(place, store.codec, where=store.where, policy=store.policy)


def opened(store: ResultStore, home: str, /) -> ResultStore:
    """The same, with a folder to write to that nobody else may look into.

    Raises:
        StorageError: it is a link to another one.
    """
    path = folder(store.where, home)
    for each in (os.path.dirname(home), home, root(home), path):
        if each in {root(home), path} and os.path.islink(each):
            raise StorageError(
                f"The spool cannot be used: {each} is a symbolic link, so that results would lie elsewhere. Remove it.",
                block="the spool",
                key="",
                operation="put",
            )
        with suppress(OSError):  # whatever is in the way shows again in the writing, and is told there
            os.makedirs(each, exist_ok=True) if each == os.path.dirname(home) else os.mkdir(each, _PRIVATE)
    _spools[home] = True
    return twin(store, home)


def may_hold(home: str, /) -> bool:
    """Whether this process knows of results here; what another process keeps meanwhile is found after a miss alone."""
    found = _spools.get(home)
    if found is None:
        try:
            found = any(next(folder.scan(), None) for folder in folders(home))
        except StorageError:
            found = True  # whatever is wrong shows, and is told, where it is read
        _spools[home] = found
    return found


def holds(where: StorageReference, key: str, home: str, /) -> bool:
    path = folder(where, home)
    return os.path.isdir(path) and Directory(path).exists(key)


def locate(store: ResultStore, home: str, look: Callable[[ResultStore], Record], /) -> tuple[ResultStore, Record]:
    """What `look` finds in the storage, or here where the storage cannot give it or has an older one; and who has it.

    Raises:
        What `look` raises of the storage, where nothing is here.
    """
    try:
        record = look(store)
    except (ResultError, StorageError):
        found = _spooled(store, home, look)
        if found is None:
            raise
        return found
    if may_hold(home) or (record.expires_at is not None and record.expires_at <= time.time()):
        with suppress(ResultError, StorageError):  # the storage has one that can be read
            found = _spooled(store, home, look)
            if found is not None and found[1].created_at > record.created_at:
                return found
    return store, record


def _spooled(store: ResultStore, home: str, look: Callable[[ResultStore], Record]) -> tuple[ResultStore, Record] | None:
    if not os.path.isdir(folder(store.where, home)):
        return None
    spooled = twin(store, home)
    try:
        return spooled, look(spooled)
    except MissingResultError:
        return None
