"""Who a function is, and what it is: the same wherever a program is run, and never that of another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from holdall import flow, task
from holdall.cache.digest import Walk
from holdall.cache.identity import definition, identify, who
from holdall.cache.ownership import is_own
from holdall.cache.source import bytecode

if TYPE_CHECKING:
    from pathlib import Path

# ------------------------------------------------------------------------------------------------------------------ who


class Tool:
    def method(self) -> None:
        pass

    @classmethod
    def made(cls) -> None:
        pass

    @staticmethod
    def helper() -> None:
        pass

    def __call__(self) -> None:
        pass


def test_who_is_a_module_and_a_qualified_name() -> None:
    """Of functions, methods, classes, builtins, callable objects, tasks and flows."""
    from functools import partial, partialmethod

    module = __name__
    found = [
        who(each)
        for each in (
            Tool, Tool.method, Tool().method, Tool.made, Tool.helper, Tool(), task(Tool.helper), flow(Tool.helper),
            partial(Tool.helper), lambda: None, len, [].append, json.dumps, partialmethod(Tool.method),
        )
    ]  # fmt: skip

    assert [
        f"{module}:Tool", f"{module}:Tool.method", f"{module}:Tool.method", f"{module}:Tool.made", f"{module}:Tool.helper",
        f"{module}:Tool", f"{module}:Tool.helper", f"{module}:Tool.helper", f"{module}:Tool.helper",
        f"{module}:test_who_is_a_module_and_a_qualified_name.<locals>.<lambda>", "builtins:len", "builtins:list.append",
        "json:dumps", "functools:partialmethod",
    ] == found  # fmt: skip


PROGRAM = """
import sys
from functools import wraps
from holdall.cache.identity import who
def around(fn):
    @wraps(fn)
    def wrapper(*args): return fn(*args)
    return wrapper
def load(): pass
@around
def wrapped(): pass
class Model:
    def fit(self): pass
print(who(load), who(wrapped), who(Model), who(Model().fit), who(lambda: 1))
"""


def run(*command: str, cwd: Path, text: str | None = None, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        input=text,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stderr
    return done.stdout.strip()


def named(place: str) -> str:
    return " ".join(f"{place}:{name}" for name in ("load", "wrapped", "Model", "Model.fit", "<lambda>"))


@pytest.mark.parametrize("marker", ["holdall.toml", "pyproject.toml", ".git"])
def test_a_script_is_known_by_its_file_in_its_project(place: Path, marker: str) -> None:
    """Wherever it is started from; by its name where there is no project."""
    (place / "project" / "scripts" / "deep").mkdir(parents=True)
    script = place / "project" / "scripts" / "deep" / "one.py"
    script.write_text(PROGRAM)
    alone = run("one.py", cwd=script.parent)
    (place / "project" / marker).write_text("")
    found = {
        run("one.py", cwd=script.parent),
        run("scripts/deep/one.py", cwd=place / "project"),
        run(str(script), cwd=place),
        run("../deep/one.py", cwd=script.parent),
    }

    assert (named("one.py"), {named("scripts/deep/one.py")}) == (alone, found)


def test_a_module_that_is_run_is_known_by_its_name(place: Path) -> None:
    """As `python -m` calls it."""
    (place / "pkg").mkdir()
    for name in ("one.py", "pkg/__init__.py", "pkg/two.py", "pkg/__main__.py"):
        (place / name).write_text(PROGRAM if "__init__" not in name else "")

    assert [named("one"), named("pkg.two"), named("pkg.__main__")] == [
        run("-m", each, cwd=place) for each in ("one", "pkg.two", "pkg")
    ]


def test_what_is_typed_has_no_module(place: Path) -> None:
    """At a prompt, in a pipe, and in `-c`."""
    assert [named(""), named("")] == [run("-c", PROGRAM, cwd=place), run("-", cwd=place, text=PROGRAM)]


def test_nothing_depends_on_where_a_program_lies(place: Path) -> None:
    """The same files in another folder are the same functions."""
    text = PROGRAM + textwrap.dedent("""
        from holdall.cache.code.reach import reach
        from holdall.cache.digest import Walk
        from holdall.cache.identity import identify
        print([(identify(each, Walk()).hex(), reach(each).digest(Walk()).hex()) for each in (load, wrapped, Model().fit)])
    """)
    found = set()
    for folder in ("here", "there"):
        (place / folder).mkdir()
        (place / folder / "one.py").write_text(text)
        found.add(run("one.py", cwd=place / folder))

    assert 1 == len(found)


WORKERS = """
import multiprocessing, pickle, sys
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial, wraps
import cloudpickle
from holdall import task

LEVEL = 3

class Model:
    size: int = 1
    def __init__(self):
        super().__init__()
        self.kept = [1]
    def fit(self):
        return LEVEL

MODEL = Model()

def around(fn):
    @wraps(fn)
    def wrapper(*args):
        return fn(*args)
    return wrapper

kept = task(persist_result=True)

@kept
def helper(x: int):
    "Doc."
    return x

@around
def deep(x):
    "Doc."
    return helper(x) + LEVEL

@lru_cache
def remembered(x: int):
    return deep(x)

@task(retries=1)
def load(x: int):
    "Doc."
    return [deep(x), MODEL.fit(), remembered(1), (lambda y: y)(1)]

def look(fn):
    from holdall.cache.code.reach import reach
    from holdall.cache.digest import Walk
    from holdall.cache.identity import definition, identify, who
    return who(fn), identify(fn, Walk()), definition(fn, Walk()), reach(fn).digest(Walk())

def by_value(data):
    return look(pickle.loads(data))

if __name__ == "__main__":
    everything = load, load.fn, deep, remembered, Model, partial(load.fn, 1), (lambda x: x + LEVEL)
    for method in ("spawn", "forkserver"):
        with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
            for number, fn in enumerate(everything):
                if look(fn) != pool.submit(by_value, cloudpickle.dumps(fn)).result():
                    print(method, "by value", number)
                if number in {2, 3, 4} and look(fn) != pool.submit(look, fn).result():
                    print(method, "by name", number)
    print("done")
"""


@pytest.mark.parametrize("way", ["script", "module", "package"])
def test_a_function_of_the_program_is_the_same_in_its_workers(place: Path, way: str) -> None:
    """Where multiprocessing imports the program anew under another name, and where cloudpickle sends it by value."""
    (place / "pkg").mkdir()
    (place / "pkg" / "__init__.py").write_text("")
    for name in ("one.py", "pkg/one.py"):
        (place / name).write_text(WORKERS)
    command = {"script": ("one.py",), "module": ("-m", "one"), "package": ("-m", "pkg.one")}[way]

    assert "done" == run(*command, cwd=place)


# ----------------------------------------------------------------------------------------------------------------- what

# Two expressions over the same names; whether what they make is the same.
NAMES = """
import functools, operator
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, NamedTuple, Optional

def adder(n):
    def add(x):
        return x + n
    return add

def over(*fns):
    return lambda x: [fn(x) for fn in fns]

def model(factor, hint=int, doc=None, base=object):
    class Model(base):
        weight: hint = 1
        table = {"a": factor}
        __doc__ = doc
        def predict(self, x):
            return x * factor
        @property
        def size(self):
            return factor
    return Model

def data(default, order=False):
    @dataclass(order=order)
    class Data:
        a: int = default
        b: list = field(default_factory=lambda: [default])
    return Data

def color(value):
    class Color(Enum):
        RED = value
        BLUE = 2
        def shade(self):
            return value
    return Color

def pair(default):
    class Pair(NamedTuple):
        a: int
        b: int = default
    return Pair

class Scaled:
    def __init__(self, factor): self.factor = factor
    def __call__(self, x): return x * self.factor
    def times(self, x): return x * self.factor

class Slotted:
    __slots__ = ("factor",)
    def __init__(self, factor): self.factor = factor
    def times(self, x): return x * self.factor

def around(step):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args): return fn(*args) + step
        return wrapper
    return decorate

class Counted:
    def __init__(self, fn, step=1):
        functools.update_wrapper(self, fn)
        self.step = step
    def __call__(self, *args): return self.__wrapped__(*args) * self.step

def two(x): return x + 2
def three(x): return x + 3

def looped():
    def first(n): return second(n)
    def second(n): return first(n)
    return first

def with_defaults(a=1, *, b=2): return a, b
"""
SAME = [
    ("adder(1)", "adder(1)"),
    ("over(abs)", "over(abs)"),
    ("over(adder(1), len)", "over(adder(1), len)"),
    ("model(1)", "model(1)"),
    ("model(1)()", "model(1)()"),
    ("data(1)", "data(1)"),
    ("color(1)", "color(1)"),
    ("pair(1)", "pair(1)"),
    ("Scaled(2)", "Scaled(2)"),
    ("Scaled(2).times", "Scaled(2).times"),
    ("Slotted(2).times", "Slotted(2).times"),
    ("functools.partial(two, 1)", "functools.partial(two, 1)"),
    ("functools.partial(two, x=1, y=2)", "functools.partial(two, y=2, x=1)"),
    ("around(1)(two)", "around(1)(two)"),
    ("Counted(two)", "Counted(two)"),
    ("functools.lru_cache(two)", "functools.lru_cache(two)"),
    ("looped()", "looped()"),
    ("[].append", "[].append"),
    ("operator.itemgetter", "operator.itemgetter"),
    ("[lambda x: x]", "[lambda x: x]"),
    ("[adder(1), adder(1)]", "[adder(1), adder(1)]"),
]
DIFFERENT = [
    ("adder(1)", "adder(2)"),
    ("adder(1)", "adder(1.0)"),
    ("adder(1)", "adder(True)"),
    ("adder([1])", "adder([2])"),
    ("over(abs)", "over(str)"),
    ("over(adder(1))", "over(adder(2))"),
    ("over(two, three)", "over(three, two)"),
    ("over(Scaled(1))", "over(Scaled(2))"),
    ("two", "three"),
    ("abs", "len"),
    ("[1].append", "[2].append"),
    ("str.upper", "str.lower"),
    ("functools.partial(two, 1)", "functools.partial(three, 1)"),
    ("functools.partial(two, 1)", "functools.partial(two, 2)"),
    ("functools.partial(two, 1)", "functools.partial(two, x=1)"),
    ("functools.partial(two, x=1)", "functools.partial(two, y=1)"),
    ("functools.partial(two)", "two"),
    ("model(1)", "model(2)"),
    ("model(1)()", "model(2)()"),
    ("model(1)().predict", "model(2)().predict"),
    ("model(1, int)", "model(1, float)"),
    ("model(1, Optional[int])", "model(1, Optional[str])"),
    ("model(1, list[int])", "model(1, list[str])"),
    ("model(1, Annotated[int, 1])", "model(1, Annotated[int, 2])"),
    ("model(1, 'int')", "model(1, 'str')"),
    ("model(1, base=object)", "model(1, base=dict)"),
    ("model(1, base=model(1))", "model(1, base=model(2))"),
    ("model(1)", "model(1)()"),
    ("data(1)", "data(2)"),
    ("data(1)", "data(1, order=True)"),
    ("data(1)()", "data(1)(a=2)"),
    ("color(1)", "color(3)"),
    ("color(1).RED", "color(3).RED"),
    ("color(1).RED", "color(1).BLUE"),
    ("pair(1)", "pair(2)"),
    ("Scaled(2)", "Scaled(3)"),
    ("Scaled(2)", "Scaled(2).times"),
    ("Scaled(2).times", "Scaled(3).times"),
    ("Slotted(2).times", "Slotted(3).times"),
    ("Slotted(2)", "Slotted(3)"),
    ("around(1)(two)", "around(2)(two)"),
    ("around(1)(two)", "around(1)(three)"),
    ("around(1)(two)", "two"),
    ("around(1)(around(2)(two))", "around(2)(around(1)(two))"),
    ("Counted(two)", "Counted(three)"),
    ("Counted(two)", "Counted(two, 3)"),
    ("functools.lru_cache(two)", "functools.lru_cache(three)"),
    ("lambda x: x + 1", "lambda x: x + 2"),
    ("property(two)", "property(three)"),
    ("staticmethod(two)", "staticmethod(three)"),
    ("staticmethod(two)", "classmethod(two)"),
    ("int", "float"),
    ("int", "'int'"),
    ("dict(a=two)", "dict(a=three)"),
]


def made(expression: str, place: Path) -> tuple[Any, bytes]:
    """What an expression makes in a module of its own, with its digest."""
    path = place / "made.py"
    text = f"{NAMES}\nVALUE = {expression}\n"
    path.write_text(text)
    namespace: dict[str, Any] = {"__name__": "made", "__file__": str(path)}
    sys.modules.pop("made", None)
    exec(compile(text, str(path), "exec", dont_inherit=True), namespace)  # noqa: S102 - code that is made when it runs
    value = namespace["VALUE"]
    return value, Walk().of(value)


@pytest.mark.parametrize(("left", "right"), SAME)
def test_what_is_made_alike_is_the_same(place: Path, left: str, right: str) -> None:
    """By a second run of the same module."""
    assert made(left, place)[1] == made(right, place)[1]


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_is_made_with_something_else_is_not(place: Path, left: str, right: str) -> None:
    """What is closed over, bound, given as a default, held as state, or decorated counts, with its type."""
    assert made(left, place)[1] != made(right, place)[1]


def test_a_default_counts_as_it_is_loaded(place: Path) -> None:
    """Also one that was set later."""
    fn, before = made("with_defaults", place)
    fn.__defaults__ = (5,)
    positional = definition(fn, Walk())
    fn.__defaults__, fn.__kwdefaults__ = (1,), {"b": 3}

    assert 3 == len({before, positional, definition(fn, Walk())})


def test_a_class_counts_as_it_is_loaded(place: Path) -> None:
    """A method that was replaced, and an attribute that was set or deleted."""
    cls, before = made("model(1)", place)
    cls.predict, original = (lambda self, x: 0), cls.predict
    replaced = definition(cls, Walk())
    cls.predict = original
    again = definition(cls, Walk())
    cls.more = 1

    assert before == again
    assert 3 == len({before, replaced, definition(cls, Walk())})


def test_an_instance_that_was_pickled_has_the_class_that_it_had(place: Path) -> None:
    """Python notes slots in a class when an instance of it is pickled."""
    cls, before = made("Scaled", place)
    cls(1).__reduce_ex__(2)

    assert "__slotnames__" in vars(cls)
    assert before == definition(cls, Walk())


def test_what_a_function_stores_into_its_closure_does_not_make_it_another_one() -> None:
    """Counters and memos count as they were at first; as an input, the function is what it is now."""

    def counter(start: int) -> Any:
        seen = [start]
        number = start

        @task
        def count(x: int) -> int:
            nonlocal number
            number += 1
            seen.append(x)
            return x

        return count

    first, other = counter(0), counter(5)
    before, as_input = identify(first, Walk()), definition(first, Walk())
    first(1)

    assert before == identify(first, Walk()) == identify(counter(0), Walk()) != identify(other, Walk())
    assert as_input != definition(first, Walk())


def test_what_a_method_stores_into_its_closure_makes_no_other_class() -> None:
    """An object is the same input before and after one of its methods was called; the list counts as it was at first."""

    def shop(before: list[str]) -> Any:
        ran = list(before)

        class Shop:
            def price(self) -> int:
                ran.append("price")
                return len(ran)

        return Shop()

    first = shop([])
    before = Walk().of(first)
    first.price()

    assert before == Walk().of(first) == Walk().of(shop([])) != Walk().of(shop(["a"]))


def test_methods_of_one_task_on_two_objects_are_two() -> None:
    """What a method is bound to counts."""

    class Scaled:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @task
        def times(self, x: int) -> int:
            return x * self.factor

    assert 2 == len({identify(Scaled(factor).times, Walk()) for factor in (2, 2, 3)})


def test_options_are_no_part_of_a_task() -> None:
    """Retries and names do not change what a task is."""

    def load() -> None: ...

    assert 1 == len(
        {identify(each, Walk()) for each in (task(load), task(load, retries=3), task(load).with_options(name="x"))}
    )


# ---------------------------------------------------------------------------------------------------------------- whose


def test_what_is_installed_counts_by_its_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a RECORD lists, and the standard library; nothing else, wherever it lies."""
    site = place / "site-packages"
    (site / "lib-1.0.dist-info").mkdir(parents=True)
    (site / "lib-1.0.dist-info" / "RECORD").write_text("lib/__init__.py,sha256=x,1\nlib/deep/mod.py,,\n")
    monkeypatch.syspath_prepend(str(site))

    def own(file: Path | str, name: str = "m") -> bool:
        return is_own({"__name__": name, "__file__": str(file)})

    assert (False, False) == (own(site / "lib" / "__init__.py"), own(site / "lib" / "deep" / "mod.py"))
    assert (True, True) == (own(site / "lib" / "mine.py"), own(site / "mine.py"))
    assert [False] * 4 == [is_own(vars(each)) for each in (json, os, pytest, sys)]
    assert [False, False] == [is_own(vars(each)) for each in (bytecode, sys.modules["holdall"])]
    assert (True, True) == (is_own({"__name__": "__main__"}), is_own({"__name__": "typed_at_a_prompt"}))
    assert (True, True) == (own(place / "app.zip" / "mod.py"), is_own({"__name__": "space", "__path__": []}))


def test_code_of_others_counts_by_its_name_and_what_is_given_to_it_as_it_is() -> None:
    """A decorator of a library around a function of one's own; its caches do not count."""
    import contextlib

    def manager(step: int) -> Any:
        def inner() -> Any:
            yield step

        return contextlib.contextmanager(inner)

    assert 2 == len({definition(manager(each), Walk()) for each in (1, 1, 2)})
