"""The property that is worked out once."""

from __future__ import annotations

import threading

from holdall._cached import cached


class Thing:
    def __init__(self) -> None:
        self.asked = 0
        self.entered, self.go_on = threading.Event(), threading.Event()

    @cached
    def value(self) -> int:
        """What it is."""
        self.asked += 1
        return self.asked

    @cached
    def slow(self) -> str:
        if threading.current_thread() is not threading.main_thread():
            self.entered.set()
            self.go_on.wait()
            return "late"
        return "first"


def test_it_is_worked_out_once() -> None:
    """And is documented as the function is."""
    thing = Thing()

    assert [1, 1] == [thing.value, thing.value]
    assert "What it is." == Thing.value.__doc__


def test_nobody_waits_for_another_thread() -> None:
    """As a forked child would for ever; whoever is late gets the first answer."""
    thing, late = Thing(), []
    thread = threading.Thread(target=lambda: late.append(thing.slow))
    thread.start()
    thing.entered.wait()
    found = thing.slow
    thing.go_on.set()
    thread.join()

    assert ("first", ["first"]) == (found, late)
