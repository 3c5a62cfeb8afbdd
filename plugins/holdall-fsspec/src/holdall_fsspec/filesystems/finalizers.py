"""Finalizers of connections: closed with the last reference to their filesystem, only by the process that opened them."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary, finalize, getweakrefs

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_CLOSE_SECONDS: Final = 1.0
_owners: Final[WeakValueDictionary[int, Any]] = WeakValueDictionary()


def close_with(filesystem: Any, /, *held: Any) -> None:
    """Closes connections when the filesystem is freed, in place of the finalizers that it registered itself.

    Those of adlfs have the instance among their arguments, so that it is never freed, and wait for the event loop of the
    parent in a forked child, which would not end.

    Args:
        filesystem: an asynchronous filesystem of fsspec.
        held: objects with a coroutine `close` and without a reference to the filesystem.
    """
    for each in getweakrefs(filesystem):
        if isinstance(each.__callback__, finalize):
            each.__callback__.detach()
    finalize(filesystem, _close_unreferenced, os.getpid(), filesystem.loop, held)


def leave_to_parent(owner: Any, /) -> None:
    """Makes forked children drop the connections of aiohttp that `owner` has at the time of a fork.

    aiohttp closes them when their session is freed, at the child's exit at the latest. That would remove them from the
    epoll of the event loop, which parent and child share, and the parent would wait for responses in vain.

    Args:
        owner: an object with an aiohttp session, or None, as its attribute `session`; it is referenced weakly.
    """
    _owners[id(owner)] = owner


async def close_all(*held: Any) -> None:
    """Closes all objects."""
    for each in held:
        await each.close()


def _close_unreferenced(process: int, loop: AbstractEventLoop, held: tuple[Any, ...]) -> None:
    if process != os.getpid() or not loop.is_running():
        return
    closing = asyncio.run_coroutine_threadsafe(close_all(*held), loop)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with suppress(TimeoutError):  # an interpreter that ends does not wait for the loop's thread
            closing.result(timeout=_CLOSE_SECONDS)


def _forget() -> None:
    for owner in list(_owners.values()):
        session = owner.session
        if session is not None and session.connector is not None:
            session.connector._closed = True  # noqa: SLF001 - aiohttp has no way to let go without closing
            session.detach()
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
