"""Spool: results that could not be written to their storage, until `holdall result push` sends them there.

`<home>/spool` has a folder for each place, and in it records and payloads have the very keys and bytes that they would
have in the storage: sending them is a plain copy.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from xxhash import xxh3_128_hexdigest

from holdall.builtin.local.directory import Directory
from holdall.errors import MissingResultError, ResultError, StorageError
from holdall.results.store import ResultStore
from holdall.storage.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.results.record import Record
    from holdall.types import StorageReference

_PRIVATE: Final = 0o700
_LOOKS: Final = 3
_T = TypeVar("_T")

# Whether a home has anything in its spool, and the mark that it bore then: a healthy storage's hit pays for one `stat`.
_spools: dict[str, tuple[int, bool]] = {}


def root(home: str, /) -> str:
    return os.path.join(home, "spool")


def folder(where: StorageReference, home: str, /) -> str:
    """Returns the folder of the results of a location, whichever slug it had."""
    return os.path.join(root(home), xxh3_128_hexdigest(where.identity.encode("utf-8", "surrogatepass")))


def folders(home: str, /) -> list[Directory]:
    """Returns a storage for each location that has had results here, in no particular order."""
    try:
        names = sorted(os.listdir(root(home)))
    except OSError:
        return []
    paths = [os.path.join(root(home), name) for name in names]
    return [Directory(path, named="the spool") for path in paths if os.path.isdir(path)]


def twin(store: ResultStore, home: str, /) -> ResultStore:
    """Returns a store that writes to the spool and reads there what `store` would in its storage: same keys and records."""
    place = Directory(folder(store.where, home), inline_limit=store.storage.inline_limit, named="the spool")
    return ResultStore(place, store.codec, where=store.where, settings=store.settings, policy=store.policy)


def opened(store: ResultStore, home: str, /) -> ResultStore:
    """Returns the `twin`, with a folder to write to that no other user may read.

    Raises:
        StorageError: The folder is a link to another one.
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
    mark(home)
    return twin(store, home)


def mark(home: str, /) -> None:
    """Lets every process look into the spool of this home again, before or after something is written there."""
    with suppress(OSError):
        os.utime(root(home), ns=(time.time_ns(),) * 2)


def may_hold(home: str, /) -> bool:
    """Returns whether the spool may hold something, whichever process wrote it."""
    try:
        marked = os.stat(root(home)).st_mtime_ns
    except OSError:
        return False  # whatever is wrong shows, and is told, where it is written
    known = _spools.get(home)
    if known is None or known[0] != marked:
        try:
            found = any(next(guard(folder).scan(), None) for folder in folders(home))
        except StorageError:
            found = True  # as above, where it is read
        known = _spools[home] = (marked, found)
    return known[1]


def holds(where: StorageReference, key: str, home: str, /) -> bool:
    path = folder(where, home)
    return os.path.isdir(path) and guard(Directory(path)).exists(key)


def read(
    store: ResultStore,
    home: str,
    look: Callable[[ResultStore], Record],
    load: Callable[[ResultStore, Record], _T],
    /,
) -> _T:
    """Returns `load` of what `locate` finds; repeats both if `push` removes it in between.

    Raises:
        HoldallError: What `look` and `load` raise.
    """
    for remaining in reversed(range(_LOOKS)):
        holder, record = locate(store, home, look)
        try:
            return load(holder, record)
        except MissingResultError:
            if holder is store or not remaining:
                raise
    raise AssertionError("the last look returns or raises")


def locate(store: ResultStore, home: str, look: Callable[[ResultStore], Record]) -> tuple[ResultStore, Record]:
    """Returns the store that has a record, and the record: the spool's if the storage cannot give it or has an older one.

    The spool is asked first: results move from it to the storage, and the other order could miss them in both.

    Raises:
        HoldallError: What `look` raises of the storage, if the spool has nothing.
    """
    found = _younger(store, home, look) if may_hold(home) else None
    try:
        record = look(store)
    except (ResultError, StorageError) as error:
        # One that cannot be read is told as such; and another process may have kept one since.
        found = found or _spooled(store, home, look)
        if found is not None:
            return found
        if not isinstance(error, ResultError) or not os.path.isdir(folder(store.where, home)):
            raise
        return store, look(store)  # which may have been sent there by now
    return found if found is not None and found[1].created_at > record.created_at else (store, record)


def _younger(store: ResultStore, home: str, look: Callable[[ResultStore], Record]) -> tuple[ResultStore, Record] | None:
    """Returns what the spool has, unless it cannot be read: the storage may have a readable one."""
    with suppress(ResultError, StorageError):
        return _spooled(store, home, look)
    return None


def _spooled(store: ResultStore, home: str, look: Callable[[ResultStore], Record]) -> tuple[ResultStore, Record] | None:
    if not os.path.isdir(folder(store.where, home)):
        return None
    spooled = twin(store, home)
    try:
        return spooled, look(spooled)
    except MissingResultError:
        return None
