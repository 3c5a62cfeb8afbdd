"""What travels to another process and back, without one: packed and unpacked here."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from holdall.engine.state import State
from holdall.errors import SerializationError, StorageError
from holdall.runners.pickling import packed, unpacked


class Demanding(Exception):
    """Its __init__ wants two arguments and hands on one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


class Stubborn(Exception):
    """Has what no pickle takes."""

    def __init__(self) -> None:
        super().__init__("words")
        self.lock = threading.Lock()


def there_and_back(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - a traceback of its own is what is asked for
    except BaseException as raised:  # noqa: BLE001 - any
        state: State[Any] = State(type="failed", kind="task", run_id="r", name="n", _error=raised)
    returned = unpacked(packed(state)).result(raise_on_failure=False)
    assert isinstance(returned, BaseException)
    return returned


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x", 2),
        Demanding("a", "b"),
        KeyboardInterrupt(),
        SystemExit(3),
        StopIteration(4),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        OSError(2, "No such file", "name"),
        StorageError("told", block="b", key="k", operation="get", transient=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_comes_back_with_its_arguments_and_attributes(error: BaseException) -> None:
    """And with where it was raised, as a note."""
    back = there_and_back(error)

    assert type(error) is type(back)
    assert (error.args, str(error)) == (back.args, str(back))
    attributes = {name: value for name, value in back.__dict__.items() if name != "__notes__"}
    assert {name: value for name, value in error.__dict__.items() if name != "__notes__"} == attributes
    assert getattr(error, "errno", None) == getattr(back, "errno", None)
    assert getattr(error, "filename", None) == getattr(back, "filename", None)
    assert "there_and_back" in back.__notes__[0]


def test_groups_and_causes_come_back_whole() -> None:
    """With exceptions of their own kinds inside."""
    group = BaseExceptionGroup("many", [Demanding("a", "b"), ExceptionGroup("inner", [ValueError(1)])])
    group.__cause__ = Demanding("cause", "x")
    back = there_and_back(group)

    assert isinstance(back, BaseExceptionGroup)
    assert ["Demanding", "ExceptionGroup"] == [type(each).__name__ for each in back.exceptions]
    assert isinstance(back.__cause__, Demanding)
    assert "x" == back.__cause__.second


def test_an_exception_that_cannot_travel_has_a_stand_in() -> None:
    """Which tells its type, its words and where it was raised."""
    back = there_and_back(Stubborn())

    assert isinstance(back, SerializationError)
    assert "Stubborn: words" in str(back)
    assert "there_and_back" in back.__notes__[0]


def test_exceptions_that_have_each_other_as_context_still_travel() -> None:
    """Without the circle; so does one whose cause cannot travel."""
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    caused = ValueError("caused")
    caused.__cause__ = Stubborn()

    assert [(ValueError, "first"), (ValueError, "caused")] == [
        (type(back), str(back)) for back in (there_and_back(first), there_and_back(caused))
    ]


def test_a_value_that_cannot_travel_becomes_a_failure_that_says_so() -> None:
    """With the ways out."""
    state: State[Any] = State(type="completed", kind="task", run_id="r", name="n", _value=threading.Lock())
    back = unpacked(packed(state))

    assert "failed" == back.type
    with pytest.raises(SerializationError, match=r"cannot travel back .* lock.*persist_result=True"):
        back.result()
