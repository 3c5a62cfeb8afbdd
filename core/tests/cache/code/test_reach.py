"""What CODE reaches, in one process: what changes is noticed at the next call, and nothing else is looked at."""

# ruff: noqa: E501 - a row of a table is one program

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from holdall.cache.code.reach import alone, reach, reached_by
from holdall.cache.digest import Walk
from holdall.cache.source import texts
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Modules:
    """A folder on `sys.path` that modules are written to, and imported from as any other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.names.add(name.partition(".")[0])
        importlib.invalidate_caches()
        return path

    def load(self, name: str, text: str) -> Any:
        self.write(name, text)
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    def forget(self) -> None:
        for name in list(sys.modules):
            if name.partition(".")[0] in self.names:
                del sys.modules[name]


@pytest.fixture
def modules(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Modules(place)
    yield made
    made.forget()


def digest(fn: Any, **options: Any) -> str:
    found = reach(fn, **options).digest(Walk())

    assert found is not None
    return found.hex()


def names(fn: Any, **options: Any) -> set[str]:
    return {name for name, _ in reach(fn, **options).parts(Walk())}


HELPER = """
LEVEL = 1
TABLE = {"a": [1]}
ITEMS = [1]

def rate():
    return deep() + LEVEL

def deep(x=1, *, y=2):
    return len(TABLE) + deep.note

deep.note = 1

def other():
    return 1

class Model:
    size = 1
    kinds = ["a"]
    def fit(self):
        return self.size
    def loss(self):
        return rate()

class Bare:
    pass

def factory(n):
    def made():
        return n
    return made

made = factory(1)
thing = Model()
HANDLERS = {"deep": deep}
"""
MAIN = """
import helper

def load(x):
    return helper.rate(), helper.LEVEL, helper.TABLE, helper.ITEMS, helper.Model(), helper.made, helper.thing, helper.HANDLERS
"""


def set_(name: str, value: Any) -> Callable[[Any], None]:
    def change(helper: Any) -> None:
        target, _, last = name.rpartition(".")
        for each in target.split(".") if target else []:
            helper = getattr(helper, each)
        setattr(helper, last, value)

    return change


CHANGES: dict[str, Callable[[Any], Any]] = {
    "helper": set_("rate", lambda: 2),
    "helper two levels down": set_("deep", lambda: 2),
    "code of a helper": lambda helper: set_("deep.__code__", helper.other.__code__.replace(co_argcount=0))(helper),
    "default": set_("deep.__defaults__", (5,)),
    "keyword default": set_("deep.__kwdefaults__", {"y": 5}),
    "global": set_("LEVEL", 2),
    "type of a global": set_("LEVEL", True),
    "global dict": lambda helper: helper.TABLE.update(b=1),
    "deep in a global dict": lambda helper: helper.TABLE["a"].append(2),
    "another global dict": set_("TABLE", {}),
    "global list": lambda helper: helper.ITEMS.append(1),
    "attribute of a class": set_("Model.size", 2),
    "new attribute of a class": set_("Model.more", 2),
    "list in a class": lambda helper: helper.Model.kinds.append("b"),
    "method": set_("Model.fit", lambda self: 2),
    "closure": lambda helper: setattr(helper.made.__closure__[0], "cell_contents", 2),
    "state of an object": set_("thing.size", 2),
    "class of an object": lambda helper: setattr(helper.thing, "__class__", helper.Bare),
    "function in a table": lambda helper: helper.HANDLERS.update(deep=helper.other),
    "code of a function in a table": lambda helper: set_("deep.__code__", helper.rate.__code__)(helper),
    "attribute of a function": set_("deep.note", 2),
    "deleted global": lambda helper: delattr(helper, "LEVEL"),
    "name that hides a builtin": set_("len", lambda x: 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_a_process_runs_is_noticed(modules: Modules, change: str) -> None:
    """At the next call; and undone, everything is what it was."""
    helper, main = modules.load("helper", HELPER), modules.load("main", MAIN)
    reached = reach(main.load)
    before = reached.digest(Walk())
    again = reached.digest(Walk())
    CHANGES[change](helper)
    after = reached.digest(Walk())

    assert before == again
    assert None not in {before, after}
    assert before != after
    assert digest(main.load) == (after or b"").hex()


QUIET: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _: None,
    "unrelated function": set_("other", lambda: 5),
    "new global": set_("NEW", 5),
    "equal global": set_("TABLE", {"a": [1]}),
    "pickled object": lambda helper: helper.thing.__reduce_ex__(2),
    "the same again": lambda helper: set_("LEVEL", helper.LEVEL)(helper),
    "docstring": set_("rate.__doc__", "Other."),
    "attribute of a function that nobody asks for": set_("rate.note", 1),
}


@pytest.mark.parametrize("change", QUIET)
def test_what_is_no_change_is_none(modules: Modules, change: str) -> None:
    """Whatever else happens in the module."""
    helper, main = modules.load("helper", HELPER), modules.load("main", MAIN)
    reached = reach(main.load)
    before = reached.digest(Walk())
    QUIET[change](helper)

    assert before == reached.digest(Walk())


def test_a_change_that_is_undone_is_none(modules: Modules) -> None:
    """As `monkeypatch` does."""
    helper, main = modules.load("helper", HELPER), modules.load("main", MAIN)
    reached = reach(main.load)
    before = reached.digest(Walk())
    original = helper.rate
    helper.rate = lambda: 5
    patched = reached.digest(Walk())
    helper.rate = original

    assert before == reached.digest(Walk()) != patched


def test_a_module_that_is_reloaded_counts_as_it_is_now(modules: Modules) -> None:
    """The same text is the same code, another is not."""
    helper, main = modules.load("helper", HELPER), modules.load("main", MAIN)
    reached = reach(main.load)
    before = reached.digest(Walk())
    importlib.reload(helper)
    same = reached.digest(Walk())
    modules.write("helper", HELPER.replace("deep() + LEVEL", "deep() - LEVEL"))
    importlib.reload(helper)

    assert before == same != reached.digest(Walk())


# ------------------------------------------------------------------------------------------------------ what is reached

REACHED = {
    "attribute of a module": ("import helper\ndef load(): return helper.rate()", {"rate", "deep"}),
    "from": ("from helper import rate\ndef load(): return rate()", {"rate", "deep"}),
    "as": ("from helper import rate as r\ndef load(): return r()", {"rate", "deep"}),
    "star": ("from helper import *\ndef load(): return rate()", {"rate", "deep"}),
    "in the body": ("def load():\n    import helper\n    return helper.rate()", {"rate", "deep"}),
    "from, in the body": ("def load():\n    from helper import rate as r\n    return r()", {"rate", "deep"}),
    "in a nested function": ("def load():\n    import helper\n    return lambda: helper.rate()", {"rate", "deep"}),
    "constant getattr": ("import helper\ndef load(): return getattr(helper, 'rate')()", {"rate", "deep"}),
    "in a comprehension": ("import helper\ndef load(x): return [helper.rate() for _ in x]", {"rate", "deep"}),
    "in a lambda": ("import helper\nload = lambda: helper.rate()", {"rate", "deep"}),
    "as a default": ("import helper\ndef load(fn=helper.rate): return fn()", {"rate", "deep"}),
    "as a keyword default": ("import helper\ndef load(*, fn=helper.rate): return fn()", {"rate", "deep"}),
    "in a list": ("import helper\nL = [(helper.rate,)]\ndef load(): return L[0][0]()", {"rate", "deep"}),
    "in a closure": ("import helper\ndef over(fn):\n    return lambda: fn()\nload = over(helper.rate)", {"rate", "deep"}),
    "in a list that is closed over": ("import helper\ndef over(*fs):\n    return lambda: fs\nload = over(helper.rate)", {"rate", "deep"}),
    "in a partial": ("import helper, functools\nload = functools.partial(helper.rate)", {"rate", "deep"}),
    "in a global partial": ("import helper, functools\np = functools.partial(helper.rate)\ndef load(): return p()", {"rate", "deep"}),
    "in an argument of a partial": ("import helper, functools\nload = functools.partial(print, helper.rate)", {"rate", "deep"}),
    "under lru_cache": ("import helper, functools\n@functools.lru_cache\ndef load(): return helper.rate()", {"rate", "deep"}),
    "under a task": ("import helper, holdall\n@holdall.task\ndef t(): return helper.rate()\ndef load(): return t.submit()", {"rate", "deep"}),
    "in a module that is handed on": ("import helper\ndef load(): return print(helper)", {"rate", "deep", "other", "Model"}),
    "over the dict of a module": ("import helper\ndef load(): return helper.__dict__['rate']()", {"rate", "deep"}),
    "over the dict of a module, in the body": ("def load():\n    import helper\n    return helper.__dict__['rate']()", {"rate", "deep"}),
    "over the dict of a class": ("from helper import Model\ndef load(): return Model.__dict__['loss']", {"Model.loss", "rate", "deep"}),
    "over the dict of a class of a module": ("import helper\ndef load(): return helper.Model.__dict__['loss']", {"Model.loss", "rate", "deep"}),
    "in a class": ("from helper import Model\ndef load(): return Model()", {"Model.loss", "rate", "deep"}),
    "over a class": ("from helper import Model\ndef load(): return Model.loss", {"Model.loss", "rate", "deep"}),
    "over a hint": ("from helper import Model\ndef load(m: Model): return m.loss()", {"Model.loss", "rate", "deep"}),
    "over a hint as text": ("from helper import Model\ndef load(m: 'list[Model] | None'): return m[0].loss()", {"Model.loss", "rate", "deep"}),
    "over a module in a hint": ("import helper\ndef load(m: 'helper.Model'): return m.loss()", {"Model.loss", "rate", "deep"}),
    "over a hint of an attribute": (
        "from helper import Model\nclass A:\n    model: Model\n    def run(self): return self.model.loss()\ndef load(a: A): return a.run()",
        {"Model.loss", "rate", "deep"},
    ),
    "over self": ("import helper\nclass A:\n    def load(self): return self.deep()\n    def deep(self): return helper.rate()\nload = A.load", {"A.deep", "rate"}),
    "over a bound method": ("import helper\nclass A:\n    def load(self): return self.deep()\n    def deep(self): return helper.rate()\nload = A().load", {"A.deep", "rate"}),
    "over super": ("from helper import Model\nclass A(Model):\n    def load(self): return super().loss()\nload = A().load", {"Model.loss", "rate"}),
    "over cls": ("import helper\nclass A:\n    @classmethod\n    def load(cls): return cls.deep()\n    @classmethod\n    def deep(cls): return helper.rate()\nload = A.load", {"A.deep", "rate"}),
    "over a property": ("import helper\nclass A:\n    @property\n    def p(self): return helper.rate()\ndef load(a: A): return a.p", {"rate", "deep"}),
    "over a cached property": ("import helper, functools\nclass A:\n    @functools.cached_property\n    def p(self): return helper.rate()\ndef load(a: A): return a.p", {"rate", "deep"}),
    "over an object": ("from helper import thing\ndef load(): return thing.loss()", {"Model.loss", "rate", "deep"}),
    "over a callable object": ("import helper\nclass A:\n    def __call__(self): return helper.rate()\nload = A()", {"rate", "deep"}),
    "in an operator": ("import helper\nclass A:\n    def __add__(self, x): return helper.rate()\na = A()\ndef load(): return a + 1", {"rate", "deep"}),
    "in a base class": ("import helper\nclass A:\n    def go(self): return helper.rate()\nclass B(A): pass\ndef load(): return B().go()", {"rate", "deep"}),
    "in a metaclass": ("import helper\nclass M(type):\n    def go(cls): return helper.rate()\nclass B(metaclass=M): pass\ndef load(): return B.go()", {"rate", "deep"}),
    "in a factory of a field": ("import helper, dataclasses\n@dataclasses.dataclass\nclass A:\n    a: int = dataclasses.field(default_factory=helper.rate)\ndef load(): return A()", {"rate", "deep"}),
    "in a singledispatch": ("import helper, functools\n@functools.singledispatch\ndef show(x): return 1\n@show.register\ndef _(x: int): return helper.rate()\ndef load(): return show(1)", {"rate", "deep"}),
    "in a decorator": ("import helper\ndef around(fn):\n    def w(): return helper.rate()\n    return w\n@around\ndef load(): return 1", {"rate", "deep"}),
    "in an async function": ("import helper\nasync def go(): return helper.rate()\nasync def load(): return await go()", {"rate", "deep"}),
    "in a module that gets attributes": ("import lazy\ndef load(): return lazy.anything", {"rate", "deep"}),
}  # fmt: skip


@pytest.mark.parametrize("way", REACHED)
def test_names_are_followed(modules: Modules, way: str) -> None:
    """From the function to a helper of another module, and what that one reaches."""
    modules.load("helper", HELPER)
    modules.write("lazy", "import helper\ndef __getattr__(name): return helper.rate()\n")
    text, expected = REACHED[way]
    main = modules.load("main", text)
    found = {name.partition(":")[2] for name in names(main.load)}

    assert set() == expected - found


def test_other_things_are_not_reached(modules: Modules) -> None:
    """What no name leads to does not count, nor what is installed."""
    modules.load("helper", HELPER)
    main = modules.load(
        "main", "import helper, json, os\ndef load(): return helper.deep(), json.dumps(1), os.environ['A']\n"
    )

    assert {"main:load", "helper:deep", "helper.TABLE", "helper.deep.note"} == names(main.load)


def test_circles_and_long_ways_end(modules: Modules) -> None:
    """Functions that call one another, and a thousand helpers in a row."""
    chain = "\n".join(f"def f{n}(): return f{n + 1}()" for n in range(1000))
    main = modules.load("main", f"{chain}\ndef f1000(): return f0()\ndef load(): return f0()\n")

    assert 1002 == len(names(main.load))


def test_modules_of_every_kind_are_followed(modules: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a namespace package, a zip, and made by `exec`; relative imports as well."""
    import types

    with zipfile.ZipFile(modules.folder / "archive.zip", "w") as archive:
        archive.writestr("zipped.py", "def inside(): return 1\n")
    monkeypatch.syspath_prepend(str(modules.folder / "archive.zip"))
    made = types.ModuleType("typed")
    exec("def inside(): return 1", vars(made))  # noqa: S102 - code that is made when it runs
    monkeypatch.setitem(sys.modules, "typed", made)
    modules.write(
        "space.deep.mod",
        "from . import side\ndef inside():\n    from .side import other\n    return side.inside(), other()\n",
    )
    modules.write("space.deep.side", "def inside(): return 1\ndef other(): return 2\n")
    modules.names.add("zipped")
    main = modules.load(
        "main",
        "import space.deep.mod, typed, zipped\ndef load(): return space.deep.mod.inside(), typed.inside(), zipped.inside()\n",
    )

    assert {
        "main:load", "space.deep.mod:inside", "space.deep.side:inside", "space.deep.side:other", "typed:inside", "zipped:inside",
    } == names(main.load)  # fmt: skip


def test_an_import_that_fails_is_one_more_thing_that_is_known(modules: Modules) -> None:
    """A module that is absent, or raises, in a body that may never import it."""
    modules.write("broken", "raise RuntimeError('at import')\n")
    main = modules.load(
        "main",
        "def load():\n    try:\n        import absent_module, broken\n    except ImportError: pass\n    return absent_module.x, broken.y\n",
    )

    assert digest(main.load) == digest(main.load)


def test_an_installed_module_is_not_imported_to_be_named(modules: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit must not cost the import of a large library; imported or not, it is the same name."""
    site = modules.folder / "site-packages"
    (site / "large" / "deep").mkdir(parents=True)
    for each in (site / "large" / "__init__.py", site / "large" / "deep" / "__init__.py"):
        each.write_text("")
    (site / "large-1.0.dist-info").mkdir()
    (site / "large-1.0.dist-info" / "RECORD").write_text("large/__init__.py,,\nlarge/deep/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    modules.names.add("large")
    main = modules.load(
        "main",
        "def load():\n    import large, large.deep as d\n    from large.deep import x\n    return large.y(), d.z(), x\n",
    )
    before = digest(main.load)

    assert not any(name.partition(".")[0] == "large" for name in sys.modules)

    importlib.import_module("large.deep")

    assert before == digest(main.load)


def test_where_a_module_lies_is_no_part_of_it(modules: Modules) -> None:
    """`__file__` and the like do not count."""
    main = modules.load("main", "def load(): return __file__, __name__, __spec__, __doc__\n")
    reached = reach(main.load)
    before = reached.digest(Walk())
    main.__file__, main.__doc__ = "elsewhere", "Other."

    assert before == reached.digest(Walk())
    assert {"main:load"} == names(main.load)


def test_a_function_that_stores_into_its_closure_is_walked_once(
    modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what it was at first, and a call with nothing else changed walks nothing."""
    main = modules.load(
        "main",
        "def counter():\n    n = 0\n    seen = []\n    def load(x):\n        nonlocal n\n        n += 1\n        seen.append(len)\n"
        "        return x\n    return load\nload = counter()\n",
    )
    reached = reach(main.load)
    before = reached.digest(Walk())
    main.load(1)
    monkeypatch.setattr("holdall.cache.code.reach._walked", None)

    assert before == reached.digest(Walk())


def test_threads_that_ask_at_once_get_one_answer(modules: Modules) -> None:
    """All walk at once, none waits, and each finds what there is."""
    helper, main = modules.load("helper", HELPER), modules.load("main", MAIN)
    states = []
    for level in (1, 2):
        helper.LEVEL = level
        states.append(digest(main.load))

    for level in (1, 2, 1, 2):
        helper.LEVEL = level
        reached, barrier = reach(main.load), threading.Barrier(8)

        def asked(reached: Any = reached, barrier: threading.Barrier = barrier) -> list[str]:
            barrier.wait()
            return [reached.digest(Walk()).hex() for _ in range(20)]

        with ThreadPoolExecutor(8) as pool:
            answers = [each.result() for each in [pool.submit(asked) for _ in range(8)]]

        assert {states[level - 1]} == {each for answer in answers for each in answer}


def test_a_definition_that_holds_what_cannot_be_counted_is_named(modules: Modules) -> None:
    """In a table, in a closure, or as a default."""
    main = modules.load(
        "main",
        "def over(x):\n    return lambda: x\nopened = over(n for n in [1])\ndef default(x=(n for n in [1])): return x\n"
        "TABLE = [opened]\ndef load(): return TABLE, opened, default\n",
    )
    reached = reach(main.load)

    assert None is reached.digest(Walk())
    assert {"main.TABLE", "main:over.<locals>.<lambda>", "main:default"} == {
        name for name, _ in reached.uncounted(Walk())
    }


# --------------------------------------------------------------------------------------------------------------- options


def test_options_say_which_modules_count(modules: Modules) -> None:
    """`exclude` of one's own, `include` of what is installed, `also` of what no name leads to."""
    helper = modules.load("helper", HELPER)
    main = modules.load("main", "import helper, textwrap\ndef load(x): return helper.deep(), textwrap.dedent(x)\n")

    assert {"main:load"} == names(main.load, exclude=["helper"])
    assert "textwrap:dedent" in names(main.load, include=["textwrap"])
    assert {"main:load", "helper:deep", "helper.TABLE", "helper.deep.note", "helper:other", "also[1]"} == names(
        main.load, also=[helper.other, 5]
    )
    assert 5 == len({
        digest(main.load, **options)
        for options in ({}, {"exclude": ["helper"]}, {"include": ["textwrap"]}, {"also": [helper.other]}, {"also": [5]})
    })  # fmt: skip


def test_what_is_excluded_counts_by_its_name(modules: Modules) -> None:
    """Edits of it are no edits; another name is."""
    text = "import helper\ndef load(): return helper.deep()\n"
    modules.load("helper", HELPER)
    before = digest(modules.load("main", text).load, exclude=["helper"])
    modules.load("helper", HELPER.replace("len(TABLE)", "5"))
    after = digest(modules.load("main", text).load, exclude=["helper"])

    assert before == after != digest(modules.load("main", text.replace("deep", "rate")).load, exclude=["helper"])


# ---------------------------------------------------------------------------------------------------------------- values


def test_a_global_that_cannot_be_counted_is_named_and_gives_no_digest(modules: Modules) -> None:
    """Such a call is the same as no other; without that global it counts again."""
    main = modules.load("main", "HANDLE = (n for n in [1])\ndef load(): return HANDLE\n")
    reached = reach(main.load)

    assert None is reached.digest(Walk())
    assert ["main.HANDLE"] == [name for name, _ in reached.uncounted(Walk())]

    main.HANDLE = 1

    assert None is not reached.digest(Walk())
    assert () == reached.uncounted(Walk())


STORED = {
    "global statement": "def load():\n    global X\n    X = 1\n    return X",
    "append": "def load(x): X.append(x); return X",
    "subscript": "def load(x): X[0] = x; return X",
    "deleted": "def load(x):\n    del X[0]\n    return X",
    "augmented": "def load(x): X[0] += x; return X",
    "in a helper": "def load(x): return keep(x), X\ndef keep(x): X.append(x)",
    "in a nested function": "def load(x):\n    def inner(): X.append(x)\n    return inner, X",
    "of another module": "import state\ndef load(x): state.X.append(x); return state.X",
    "attribute of a class": "class X: n = 0\ndef load(x):\n    X.n += 1\n    return X.n",
    "attribute of a function": "def X(): pass\nX.n = 0\ndef load(x):\n    X.n += 1\n    return X.n",
    "attribute of another module": "import state\ndef load(x):\n    state.X = x\n    return state.X",
}


@pytest.mark.parametrize("way", STORED)
def test_a_global_that_is_stored_into_does_not_count(modules: Modules, way: str) -> None:
    """A list of what was done, a counter, a memo: the digest says which."""
    state = modules.load("state", "X = [0]\n")
    main = modules.load("main", f"X = [0]\n{STORED[way]}\n")
    owner, name = (state if "another module" in way else main), "X"
    reached = reach(main.load)
    before = reached.digest(Walk())
    if way.startswith("attribute of a "):
        owner, name = main.X, "n"
    setattr(owner, name, [1, 2])

    assert ("main.X.n" if name == "n" else f"{owner.__name__}.X",) == reached.stored(Walk())
    assert before == reached.digest(Walk())


NOT_STORED = {
    "local of the same name": "def load(x):\n    X = [1]\n    X.append(x)\n    return other()\ndef other(): return X",
    "parameter": "def load(x):\n    x.append(1)\n    return X",
    "method of one's own": "class Own:\n    def add(self, x): return x\nX = Own()\ndef load(x): return X.add(x)",
    "function of a module": "import state\nX = 1\ndef load(x): return state.update(), X",
}


@pytest.mark.parametrize("way", NOT_STORED)
def test_what_only_looks_like_a_store_counts(modules: Modules, way: str) -> None:
    """By what names are, not by what they are called."""
    modules.load("state", "def update(): return 1\n")
    main = modules.load("main", f"X = [0]\n{NOT_STORED[way]}\n")
    reached = reach(main.load)
    before = reached.digest(Walk())
    main.X = 5

    assert () == reached.stored(Walk())
    assert before != reached.digest(Walk())


def test_a_function_alone_is_what_it_is_bound_to_and_nothing_that_it_names(modules: Modules) -> None:
    """Its closure, defaults and decorators count; its helpers and globals do not, and its imports are left alone."""
    text = "import helper\ndef over(n, fn):\n    def load(x=n):\n        import absent\n        return helper.rate(), fn(), n\n    return load\n"
    helper = modules.load("helper", HELPER)
    main = modules.load("main", text)
    first, second, third = (main.over(n, fn) for n, fn in ((1, helper.deep), (2, helper.deep), (1, helper.other)))
    known = alone(first)
    before = known.digest(Walk())
    helper.LEVEL = 5

    assert before == known.digest(Walk()) == alone(main.over(1, helper.deep)).digest(Walk())
    assert 3 == len({alone(each).digest(Walk()) for each in (first, second, third)})
    assert {"main:over.<locals>.load", "helper:deep"} == {name for name, _ in known.parts(Walk())}

    first.__defaults__ = (7,)

    assert before != known.digest(Walk())


def test_an_object_that_is_called_counts_with_its_state(modules: Modules) -> None:
    """Alone and with what it reaches; a state that changes is noticed."""
    main = modules.load(
        "main", "class Scaled:\n    def __init__(self, n): self.n = n\n    def __call__(self, x): return x * self.n\n"
    )
    first, second = main.Scaled(2), main.Scaled(3)

    for known, other in ((alone(first), alone(second)), (reach(first), reach(second))):
        before = known.digest(Walk())

        assert None is not before != other.digest(Walk())

        first.n = 3

        assert before != known.digest(Walk()) == other.digest(Walk())

        first.n = 2


# ---------------------------------------------------------------------------------------------------------------- inputs


INPUTS = {
    "function": lambda helper: {"fn": helper.rate},
    "function in a list": lambda helper: {"fns": [1, [helper.rate]]},
    "partial": lambda helper: {"fn": functools.partial(print, helper.rate)},
    "object": lambda helper: {"model": helper.thing},
    "class": lambda helper: {"kind": helper.Model},
    "bound method": lambda helper: {"fn": helper.thing.loss},
    "object that is closed over": lambda helper: {"fn": helper.factory(helper.thing)},
}


@pytest.mark.parametrize("kind", INPUTS)
def test_what_inputs_reach_counts_too(modules: Modules, kind: str) -> None:
    """The helpers of a function that is an input, and those of the methods of an object."""
    helper = modules.load("helper", HELPER)
    values = INPUTS[kind](helper)
    before = reached_by(values, Walk())
    helper.LEVEL = 5
    changed = reached_by(values, Walk())
    helper.LEVEL = 1

    assert b"" != before != changed
    assert before == reached_by(values, Walk())


def test_inputs_without_definitions_reach_nothing(modules: Modules) -> None:
    """Values, and what is installed."""
    assert b"" == reached_by({"x": 1, "y": [1, {"a": (2, None)}], "fn": len, "other": json.dumps}, Walk())


# ------------------------------------------------------------------------------------------------------------ unfollowed


def test_what_cannot_be_followed_is_listed(modules: Modules) -> None:
    """With its line and the reason; nothing is listed that names, hints or literals say."""
    modules.load("helper", HELPER)
    main = modules.load(
        "main",
        "import importlib, helper\n"
        "def load(x, name, m: helper.Model, fn):\n"
        "    x.run()\n"
        "    getattr(helper, name)()\n"
        "    importlib.import_module(name)\n"
        "    exec(name)\n"
        "    eval(name)\n"
        "    fn(1)\n"
        "    helper.rate().go()\n"
        "    m.fit(), helper.thing.fit(), helper.Model().fit(), ''.join([]), getattr(helper, 'rate')\n"
        "    out = []\n"
        "    out.append(1)\n"
        "    made = helper.Model()\n"
        "    made.fit()\n",
    )
    found = reach(main.load).unfollowed(Walk())

    assert [
        ("main:3", "x.run"), ("main:4", "getattr"), ("main:5", "importlib.import_module"), ("main:6", "exec"), ("main:7", "eval"),
        ("main:8", "fn"), ("main:9", "helper.rate().go"),
    ] == [(each.where, each.expression) for each in found]  # fmt: skip
    assert all(each.reason for each in found)


UNKNOWN = {
    "a parameter": "def load(x): return x.run()",
    "a hint that says nothing": "from typing import Any\ndef load(x: Any): return x.run()",
    "a hint that says nothing, as text": "import typing\ndef load(x: 'typing.Any'): return x.run()",
    "a hint of objects": "def load(x: object): return x.run()",
    "a hint of a list of anything": "from typing import Any\ndef load(x: list[Any]): return x[0].run()",
    "a parameter of a lambda": "def load(xs): return sorted([1], key=lambda x: x.run())",
    "a parameter of a nested function": "def load():\n    def inner(x, *, y): return y.run()\n    return inner",
    "what a function says nothing of": "from typing import Any\ndef make() -> Any: return 1\ndef load(): return make().run()",
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_call_on_a_value_of_any_type_is_listed(modules: Modules, kind: str) -> None:
    """However the value comes to its name."""
    main = modules.load("main", UNKNOWN[kind])

    assert [".run"] == [each.expression[-4:] for each in reach(main.load).unfollowed(Walk())]


def test_what_cannot_be_followed_is_listed_without_a_text_too(modules: Modules) -> None:
    """By what the code looks up."""
    namespace: dict[str, Any] = {"__name__": "typed"}
    exec("def load(x): return eval(x), getattr(x, x)", namespace)  # noqa: S102 - code that is made when it runs

    assert ["eval(…) in load", "getattr(…) in load"] == [
        each.expression for each in reach(namespace["load"]).unfollowed(Walk())
    ]


# ------------------------------------------------------------------------------------------------------------------ cost


def test_a_call_with_nothing_changed_walks_nothing(modules: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks whether each thing is still there, and at the content of what can change in place."""
    modules.load("helper", HELPER)
    main = modules.load("main", MAIN)
    reached = reach(main.load)
    before = reached.digest(Walk())
    monkeypatch.setattr("holdall.cache.code.reach._walked", None)
    monkeypatch.setattr(texts, "find", None)

    assert before == reached.digest(Walk())


def test_what_is_known_of_a_file_is_in_the_home(modules: Modules) -> None:
    """Processes that find it there parse nothing; without it they do, and write it."""
    modules.write("helper", HELPER)
    modules.write("main", MAIN)
    script = (
        "import sys\nfrom holdall.cache.source import texts\n"
        "from holdall.cache.code.reach import reach\nfrom holdall.cache.digest import Walk\nimport main\n"
        "parsed = []\noriginal = texts.definitions\n"
        "texts.definitions = lambda *a: parsed.append(a) or original(*a)\n"
        "print(reach(main.load).digest(Walk()).hex(), len(parsed) > 0)\n"
    )

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=modules.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    (first, cold), (second, warm) = run(), run()
    home = modules.folder / "home" / "code"
    for each in list(home.iterdir()):
        each.unlink()

    assert (first, "True", "False") == (second, cold, warm)
    assert [first, "True"] == run()
    assert str(home.parent) == settings.current().home
