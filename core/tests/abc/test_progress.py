"""The hook through which a storage says that bytes have arrived."""

from __future__ import annotations

from contextvars import copy_context

from holdall.abc import arriving


def test_a_block_may_always_tell() -> None:
    """Where nobody watches, the hook takes counts and does nothing."""
    arrived = arriving.get()

    assert [None, None] == [arrived(3), arrived(-3)]


def test_a_watcher_hears_what_its_own_context_moves() -> None:
    """What is set in one context is heard there and nowhere else."""
    heard: list[int] = []

    def watched() -> None:
        arriving.set(heard.append)
        arriving.get()(5)

    copy_context().run(watched)
    arriving.get()(7)

    assert [5] == heard
