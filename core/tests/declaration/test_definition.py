"""What may be decorated, what is refused, and how units are copied, bound and pickled."""

from __future__ import annotations

import asyncio
import functools
import pickle
from datetime import timedelta
from typing import Any

import cloudpickle
import pytest

from holdall import Flow, Task, flow, task
from holdall.declaration import definition
from holdall.declaration.definition import Definition
from holdall.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("place")


@task
def at_module_level(x: int) -> int:
    return x + 1


varied = at_module_level.with_options(name="varied")


class Shop:
    """With methods of every kind."""

    def __init__(self, name: str) -> None:
        self.name = name

    @task
    def price(self, item: int) -> tuple[str, int]:
        return self.name, item

    @staticmethod
    @task
    def static(item: int) -> int:
        return item

    @classmethod
    @task
    def made(cls, name: str) -> Any:
        return cls(name)

    @flow
    async def later(self) -> str:
        return self.name

    size = task(len)


class Callable_:  # noqa: N801 - a name for a callable object
    """An object that can be called."""

    def __call__(self, x: int) -> int:
        return x * 2


class AsyncCallable:
    """An object whose calls are awaited."""

    async def __call__(self, x: int) -> int:
        await asyncio.sleep(0)
        return x * 2


def test_methods_of_every_kind() -> None:
    """Bound as plain functions are."""
    shop = Shop("x")

    assert ("x", 3) == shop.price(3) == Shop.price(shop, 3) == shop.price.submit(3).result()
    assert 4 == shop.static(4) == Shop.static(4)
    assert "y" == Shop.made("y").name == shop.made("y").name
    assert "x" == asyncio.run(shop.later())
    assert 2 == shop.size([1, 2])
    assert ("x", 1) == shop.price.with_options(name="other")(1)


def test_callables_of_every_kind() -> None:
    """Partials, builtins, callable objects, classes, lambdas, wrapped functions; async ones are awaited."""

    @functools.wraps(at_module_level.fn)
    def wrapper(*args: Any) -> Any:
        return at_module_level.fn(*args)

    async def power(x: int, y: int) -> int:
        return x**y

    assert 8 == task(functools.partial(pow, 2))(3)
    assert "3" == task(str)(3)
    assert 6 == task(Callable_())(3)
    assert 6 == asyncio.run(task(AsyncCallable())(3))  # type: ignore[arg-type] - a coroutine
    assert 8 == asyncio.run(task(functools.partial(power, 2))(3))
    assert 4 == task(wrapper)(3)
    assert [1] == flow([1].copy)()
    assert 3 == task(max).submit(1, 3).result()


def test_what_is_no_function_is_refused() -> None:
    """Each with what to do instead."""

    def numbers() -> Any:
        yield 1

    async def anumbers() -> Any:
        yield 1

    cases: list[tuple[Any, str]] = [
        (5, "decorates a function"),
        (classmethod(at_module_level.fn), "below @classmethod"),
        (staticmethod(at_module_level.fn), "below @staticmethod"),
        (at_module_level, "is a task already; .*with_options"),
        (numbers, "is a generator function"),
        (anumbers, "is a generator function"),
    ]
    for fn, message in cases:
        with pytest.raises(ConfigurationError, match=message):
            task(fn)
        with pytest.raises(ConfigurationError, match=message):
            flow(retries=1)(fn)


def test_parameters_that_are_keywords_of_every_call_are_refused() -> None:
    """Positional, keyword-only, and behind partials and wrappers."""

    def positional(wait_for: Any) -> None: ...
    def keyword(*, return_state: Any) -> None: ...
    @functools.wraps(keyword)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    for fn in (positional, keyword, wrapper, functools.partial(keyword)):
        with pytest.raises(ConfigurationError, match=r"a keyword of every task call. Rename it"):
            task(fn)


def test_a_local_variable_may_have_any_name() -> None:
    """Only parameters count."""

    def body() -> int:
        wait_for = 1
        return wait_for  # noqa: RET504 - the name counts

    assert 1 == task(body)()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"persist_results": True}, "no option 'persist_results'. Did you mean 'persist_result'"),
        ({"xyz": 1}, "no option 'xyz'. It has cache_expiration"),
        ({"persist_result": 1}, "persist_result is"),
        ({"retries": -1}, "retries is"),
        ({"retries": "3"}, "retries is"),
        ({"retry_delay_seconds": -1}, "retry_delay_seconds is"),
        ({"retry_delay_seconds": "1"}, "retry_delay_seconds is"),
        ({"retry_delay_seconds": object()}, "retry_delay_seconds is"),
        ({"retry_condition_fn": 1}, "retry_condition_fn is"),
        ({"cache_key_fn": "x"}, "cache_key_fn is"),
        ({"cache_policy": "x"}, "cache_policy is"),
        ({"cache_expiration": 5}, "cache_expiration is"),
        ({"result_storage_key": 5}, "result_storage_key is"),
        ({"on_storage_error": "x"}, "on_storage_error is"),
        ({"name": ""}, "name of a task"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused_at_decoration(options: dict[str, Any], message: str) -> None:
    """Also by with_options."""
    with pytest.raises(ConfigurationError, match=message):
        task(**options)(lambda: 1)
    with pytest.raises(ConfigurationError, match=message):
        at_module_level.with_options(**options)


def test_none_says_nothing() -> None:
    """As if it were left out; with_options(None) takes one back."""
    unit = task(retries=None, name=None, cache_result_in_memory=None, cache_expiration=timedelta(1))(len)

    assert (0, "len", True) == (unit.options.retries, unit.name, unit.options.cache_result_in_memory)
    assert unit.with_options(cache_expiration=None).options.cache_expiration is None
    assert "len" == unit.with_options(name=None).name


def test_units_are_pickled_by_name_where_that_leads_back() -> None:
    """Copies with options, bound methods and local functions too."""
    shop = Shop("x")
    local = task(lambda x: x + 1)

    assert at_module_level is pickle.loads(pickle.dumps(at_module_level))
    assert 2 == pickle.loads(pickle.dumps(varied))(1)
    assert "varied" == pickle.loads(pickle.dumps(varied)).name
    assert ("x", 1) == pickle.loads(pickle.dumps(shop.price))(1)
    assert 2 == cloudpickle.loads(cloudpickle.dumps(local))(1)


def test_a_local_unit_that_calls_itself_is_pickled() -> None:
    """Through its own closure."""

    @task
    def down(n: int) -> int:
        return 0 if n == 0 else down(n - 1) + 1

    assert 3 == cloudpickle.loads(cloudpickle.dumps(down))(3)


def test_units_look_like_their_functions() -> None:
    """Name, module, text, signature, repr."""
    assert ("at_module_level", __name__) == (at_module_level.__name__, at_module_level.__module__)
    assert ["x"] == list(at_module_level.signature.parameters)
    assert f"<task {__name__}.at_module_level>" == repr(at_module_level)
    assert (Task, Flow) == (type(at_module_level), type(flow(lambda: 1)))
    assert f"{__name__}:at_module_level" == at_module_level.identity.who


OLD_NAMES = {
    "Unit": Definition,
    "Unit.bound_to": Definition.bound_to,
    "_found": definition._by_name,
    "_varied": definition._with_options,
}


@pytest.mark.parametrize("name", OLD_NAMES)
@pytest.mark.filterwarnings("ignore:holdall.units:DeprecationWarning")
def test_old_pickles_name_a_definition_otherwise(name: str) -> None:
    """As pickles of tasks that are methods do, and of tasks that are pickled by name."""
    module = b"holdall.units"
    pickled = b"\x80\x04\x8c%c%b\x8c%c%b\x93." % (len(module), module, len(name), name.encode())

    assert OLD_NAMES[name] == pickle.loads(pickled)
