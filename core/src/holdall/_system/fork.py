"""Fork handlers of this process in one order: imports first, then registered handlers, the last one first.

A child has the thread that forked and no other. The state of the others stays as it was in that moment: a lock that one
of them held stays locked, and a module that one of them was importing stays half imported, with its lock of the import
system held for ever. An import of it then waits for ever, and much of holdall is imported by the first call that needs
it. So a fork waits until no other thread imports, as long as their imports make progress; and a child drops unfinished
imports all the same, so that they start again. (Code that is not Python may hold locks that no child can free.)

The import system has the list of unfinished imports in a private name (`_module_locks`, there since Python 3.3; a test
looks for it). Without it, a fork does not wait. A lock of our own around each import would deadlock: a module that another
thread imports may need it, while its holder waits for that module.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import _bootstrap
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_STANDSTILL: Final = 5.0
"""Seconds in which no import begins or ends."""
_LOOK: Final = 0.0005


class _Hooks(NamedTuple):
    before: Callable[[], object] | None
    in_parent: Callable[[], object] | None
    in_child: Callable[[], object] | None


_PAIRED: Final = {"concurrent.futures.thread": "_global_shutdown_lock", "logging": "_lock"}
"""Modules that take a lock before a fork and release it afterwards. One that registers while a fork waits would only do the
second, which prints a traceback."""
_LATER: Final = tuple(name for name in _PAIRED if name not in sys.modules)
"""Those that register after this module, and so are called before it."""
_registered: list[_Hooks] = []
_called: dict[int, list[_Hooks]] = {}
_renewed: WeakSet[Any] = WeakSet()
_endless: set[str] = set()
"""Modules whose import made no progress for that long: programs that are an import themselves."""


def register(
    *,
    before: Callable[[], object] | None = None,
    in_parent: Callable[[], object] | None = None,
    in_child: Callable[[], object] | None = None,
) -> None:
    """Registers functions to be called around each fork: `before` it the last one first, after it the first one first."""
    _registered.append(_Hooks(before, in_parent, in_child))


def renewed(lock: T, /) -> T:
    """Returns the lock, which is free in every child: for state that is consistent whenever its holder is interrupted."""
    _renewed.add(lock)
    return lock


def importing() -> list[str]:
    """Returns the modules that other threads are importing."""
    me = get_ident()
    locks: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
    held = [(name, reference()) for name, reference in list(locks.items())]
    return [name for name, lock in held if lock is not None and getattr(lock, "owner", None) != me]


def _wait_for_imports() -> None:
    seen: object = None
    since = time.monotonic()
    while under_way := set(importing()) - _endless:
        # A large library takes long, most of all on a busy machine; but one import of its many ends every moment.
        now = (under_way, len(sys.modules))
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STANDSTILL:
            _endless.update(under_way)
            return
        time.sleep(_LOOK)


def _drop_imports() -> None:
    locks: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
    for name in importing():
        locks.pop(name, None)
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[each]  # the ones inside a package are attributes of the one that goes


def _lock_of(name: str) -> Any:
    return getattr(sys.modules.get(name), _PAIRED[name], None)


def _is_held(lock: Any) -> bool:
    """Whether a paired lock is held: that of `logging` by this thread, as it has an owner."""
    return bool(lock._is_owned() if hasattr(lock, "_is_owned") else lock.locked())  # noqa: SLF001 - nothing else tells it


def _is_there(name: str) -> bool:
    """Whether a module was imported to its end."""
    module = sys.modules.get(name)
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def _before() -> None:
    # Which of them this fork has called shows by their locks alone: a half imported one may or may not have registered.
    # Imports that are waited for may need what was taken, as each that makes a logger does.
    taken = {name: lock for name in _LATER if (lock := _lock_of(name)) is not None and _is_held(lock)}
    for lock in taken.values():
        lock.release()
    _wait_for_imports()
    called = _called[get_ident()] = []
    for hooks in reversed(_registered):
        if hooks.before is not None:
            hooks.before()
            called.append(hooks)
    # Taking the locks of others may have taken time.
    _wait_for_imports()
    for name in _LATER:
        if name in taken:
            taken[name].acquire()
        elif _is_there(name):
            _lock_of(name).acquire()


def _due() -> list[_Hooks]:
    """Returns the handlers to call after a fork: those whose `before`, if they have one, was called."""
    called = _called.pop(get_ident(), [])
    return [hooks for hooks in _registered if hooks.before is None or hooks in called]


def _in_parent() -> None:
    for hooks in _due():
        if hooks.in_parent is not None:
            hooks.in_parent()


def _in_child() -> None:
    _drop_imports()
    for lock in list(_renewed):
        lock._at_fork_reinit()  # noqa: SLF001 - as the standard library's own modules do
    for hooks in _due():
        if hooks.in_child is not None:
            hooks.in_child()


if hasattr(os, "register_at_fork"):  # absent on Windows, where there is no fork either
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
