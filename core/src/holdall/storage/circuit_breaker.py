"""Circuit breaker: calls to a storage that is down are refused, but for one try now and then.

The circuit of a location opens when `FAILURES` calls in a row failed transiently, each after the retries of its own block:
for more than one key, as one object may be broken or too large for its timeout, and each begun after another had failed,
as one short outage may cut many calls at once. Until `PAUSE` seconds have passed, calls are refused without asking; then
one is let through, and its success closes the circuit. So does any other answer of a working storage: that a key is absent
or taken, that credentials are refused. While no storage has failed, `troubled` is empty, and looking at it is the only
cost.
"""

from __future__ import annotations

import time
import warnings
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Final

from holdall._system import fork
from holdall.errors import HoldallWarning, StorageError
from holdall.types import StorageReference

if TYPE_CHECKING:
    from holdall.abc.storage import Storage

FAILURES: Final = 3
"""One may be chance. With more, each caller would wait for all of a block's timeouts and retries."""
PAUSE: Final = 10.0
"""Seconds between tries: few calls wait for a storage that is down, and one that is back is used soon."""
_LOST: Final = 60.0
"""Seconds after which a try that has not returned is given up for another."""
_FORGOTTEN: Final = 300.0
"""Seconds after which a failure is forgotten."""


class _Trouble:
    """Failures of one location since it last worked. `again` is when the next call is let through, once it is down."""

    __slots__ = ("again", "begun", "failures", "keys", "last", "refused", "said", "since", "trying")

    def __init__(self) -> None:
        self.since = time.time()
        self.failures = 0
        self.keys: set[str] = set()
        self.begun: set[int] = set()  # threads whose calls began after the first failure
        self.refused = 0
        self.last = 0.0
        self.said = ""
        self.again: float | None = None
        self.trying: int | None = None  # the thread of the call that is out to try it

    def count(self, key: str) -> bool:
        """Counts a failure; returns whether the storage is now considered down."""
        if self.failures and get_ident() not in self.begun:
            return False
        self.begun.discard(get_ident())
        self.failures += 1
        if len(self.keys) < FAILURES:
            self.keys.add(key)
        return self.failures >= FAILURES and len(self.keys) > 1


troubled: dict[str, _Trouble] = {}
"""By location. While it is empty, callers need not call `ask`."""
_lock = fork.renewed(Lock())


def ask(storage: Storage, operation: str, key: str, /) -> None:
    """Lets a call go on, or refuses it.

    Raises:
        StorageError: The storage is down, and it is not yet time to try again.
    """
    now = time.monotonic()
    place = _place(storage)
    with _lock:
        for old in [each for each, trouble in troubled.items() if now - trouble.last > _FORGOTTEN]:
            del troubled[old]
        found = troubled.get(place)
        if found is None:
            return
        if found.again is None:
            found.begun.add(get_ident())
            return
        wait = found.again - now
        if wait <= 0:
            found.again, found.trying = now + _LOST, get_ident()
            return
        found.refused += 1
        others = "" if found.refused == 1 else f", as were {found.refused - 1} before it"
        again = f"The first call after {wait:.1f} s tries it again"
        then = again if found.trying is None else "Another call is trying it now"
        message = (
            f"{_label(storage)}: {operation} of {key!r} was refused without asking{others}: the storage is down since "
            f"{_clock(found.since)}. {then}. Wait until it is back, or bring it back. Its last failure: {found.said}"
        )
    raise StorageError(
        message,
        block=storage.block_slug or storage.slug,
        key=key,
        operation=operation,
        transient=True,
    )


def answered(storage: Storage, /) -> None:
    """Closes the circuit: a call has got an answer of a working storage."""
    with _lock:
        troubled.pop(_place(storage), None)


def failed(storage: Storage, key: str, error: BaseException, /) -> None:
    """Counts a call that has failed or was given up; the one that opens the circuit warns."""
    if not isinstance(error, StorageError):
        _release_try(storage)  # the caller's parts, or the key: the storage may not have been asked
    elif not error.transient:
        if troubled:
            answered(storage)
    elif _noted(storage, key, error):
        message = (
            f"The storage {_label(storage)} is down: {FAILURES} calls in a row failed. Until it is back, calls to it "
            f"are refused at once, and one every {PAUSE:g} s tries it. The last failure: {error}"
        )
        try:
            warnings.warn(message, HoldallWarning, stacklevel=4)
        except HoldallWarning:
            error.add_note(message)  # warnings are errors here, and this one must not take the place of its cause


def is_down(storage: Storage, /) -> bool:
    """Returns whether the circuit is open, so that a retry is useless."""
    found = troubled.get(_place(storage)) if troubled else None
    return found is not None and found.again is not None


def _noted(storage: Storage, key: str, error: StorageError) -> bool:
    """Counts a failure; returns whether it is the one that opens the circuit."""
    now = time.monotonic()
    place = _place(storage)
    with _lock:
        found = troubled.setdefault(place, _Trouble())
        found.last = now
        found.said = str(error)
        if found.again is None:
            opens = found.count(key)
            found.again = now + PAUSE if opens else None
            return opens
        if found.trying == get_ident():  # others that fail now began before it was down, and put nothing off
            found.again, found.trying = now + PAUSE, None
        return False


def _release_try(storage: Storage) -> None:
    """Lets the next call try instead of this one, if this one was the try."""
    if not troubled:
        return
    with _lock:
        found = troubled.get(_place(storage))
        if found is not None and found.trying == get_ident():
            found.again, found.trying = time.monotonic(), None


def _place(storage: Storage) -> str:
    """Returns the identity of a storage's location: the same for all storages of a type that lead to it."""
    return StorageReference.of(storage).identity


def _label(storage: Storage) -> str:
    return StorageReference.of(storage).label


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


fork.register(in_child=troubled.clear)
