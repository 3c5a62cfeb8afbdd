"""States are pickled for another process and read back here, without a process."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

import cloudpickle
import pytest
from pydantic import SecretBytes, SecretStr

from holdall import flow, task
from holdall.abc import StorageBlock
from holdall.abc.runner import TaskRunner
from holdall.builtin.local.directory import Directory
from holdall.engine.state import State
from holdall.errors import ConfigurationError, SerializationError, StorageError
from holdall.runners.pickling import dump_state, load_state
from holdall.types import Call, Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Locker(StorageBlock):
    """A folder behind two secrets."""

    slug: ClassVar[str] = "test-locker"
    folder: str
    key: SecretStr | None = None
    raw: SecretBytes | None = None

    def _inner(self) -> Directory:
        if self.secret_values() != {"key": "correct horse", "raw": "staple"}:
            raise PermissionError("nobody may do that")
        return Directory(self.folder)

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        return self._inner().put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        return self._inner().get(key, byte_range=byte_range)

    def head(self, key: str, /) -> Any:
        return self._inner().head(key)

    def delete(self, key: str, /) -> None:
        self._inner().delete(key)

    def scan(self, prefix: str = "", /) -> Any:
        return self._inner().scan(prefix)


class Scheduler(TaskRunner):
    """Stores what it is given, as the scheduler of a cluster does; its worker is this process."""

    slug: ClassVar[str] = "test-scheduler"
    remote: ClassVar[bool] = True

    def __init__(self, store: Path, *, sends_secrets: bool) -> None:
        self.store = store
        self.sends_secrets = sends_secrets

    def submit(self, call: Call, /) -> Future[Any]:
        place = self.store / str(len(list(self.store.iterdir())))
        place.write_bytes(cloudpickle.dumps(call))
        connection = call.secrets.reveal() if self.sends_secrets else {}
        done: Future[Any] = Future()
        try:
            done.set_result(cloudpickle.loads(place.read_bytes())(Secrets(connection)))
        except Exception as error:  # noqa: BLE001 - as a pool does
            done.set_exception(error)
        return done

    def shutdown(self, *, wait: bool = True) -> None:
        del wait

    def duplicate(self) -> Scheduler:
        return self


@pytest.fixture
def locker(place: Path) -> Locker:
    block = Locker(folder=str(place / "locked"), key=SecretStr("correct horse"), raw=SecretBytes(b"staple"))
    return block.with_slug("test-locker/a")


@pytest.fixture
def store(place: Path) -> Iterator[Path]:
    folder = place / "scheduler"
    folder.mkdir()
    yield folder
    stored = [path.read_bytes() for path in folder.iterdir()]
    assert stored
    assert [] == [each for each in stored if b"correct" in each or b"staple" in each]


def submitted(block: Locker, runner: Scheduler) -> Any:
    @task
    def inner() -> list[int]:
        return [1]

    @task
    def outer() -> list[int]:
        return [*inner(), 2]

    @flow(task_runner=runner, result_storage=block, persist_result=True)
    def main() -> Any:
        return outer.submit().result(raise_on_failure=False)

    return main()


def test_a_call_that_is_stored_has_no_secret_in_it(locker: Locker, store: Path, place: Path) -> None:
    """The worker has them from the connection, for the call's own result and for what runs inside."""
    assert [1, 2] == submitted(locker, Scheduler(store, sends_secrets=True))
    assert 3 == len(list((place / "locked" / "results").rglob("*.json")))


def test_a_runner_that_sends_no_secrets(locker: Locker, store: Path) -> None:
    """The call fails before its body runs, and says what the runner has to do: nobody's credentials are used instead."""
    with pytest.raises(ConfigurationError) as caught:
        raise submitted(locker, Scheduler(store, sends_secrets=False))

    assert "came to its worker without the secrets of the block 'test-locker/a'" in str(caught.value)
    assert "call.secrets.reveal()" in str(caught.value)


@pytest.mark.parametrize(
    "dumps", [pickle.dumps, cloudpickle.dumps, copy.deepcopy], ids=["pickle", "cloudpickle", "copy"]
)
def test_secrets_of_a_call_are_not_pickled_by_accident(dumps: Any) -> None:
    """Nor printed; a call is pickled without them."""
    secrets = Secrets({"storage": {"key": "correct horse"}})
    call = Call(run=print, task=None, args=(1,), kwargs={"b": 2}, resolution="r", extra={"c": 3}, secrets=secrets)

    with pytest.raises(SerializationError, match="The secrets of a call are not pickled"):
        dumps([secrets])

    back = pickle.loads(pickle.dumps(call))
    assert call == back
    assert ({}, {"storage": {"key": "correct horse"}}) == (back.secrets.reveal(), call.secrets.reveal())
    assert "correct horse" not in f"{secrets} {secrets!r} {call} {call!r}"


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
    returned = load_state(dump_state(state)).result(raise_on_failure=False)
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
    back = load_state(dump_state(state))

    assert "failed" == back.type
    with pytest.raises(SerializationError, match=r"cannot travel back .* lock.*persist_result=True"):
        back.result()
