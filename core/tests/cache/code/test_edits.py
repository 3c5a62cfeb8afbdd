"""Edits of a program between two runs of it, one at a time: which of them CODE notices.

The program is run in one process as it is, and in another one with each of the edits; no process sees two versions of
a module at once.
"""

# ruff: noqa: E501 - a row of a table is one program

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM: Final = {
    "main.py": '''\
import functools
import os
from dataclasses import dataclass, field
from enum import Enum

import pkg.maths
from holdall import task
from pkg import exported
from pkg import rates as r
from pkg.base import Base, Registered
from pkg.deco import clip, counted, register
from pkg.maths import double as twice
from pkg.star import *

LIMIT = 10
NAMES = ["a", "b"]
TABLE = {"one": 1, "two": 2}
HANDLERS = {"twice": twice, "plus": pkg.maths.plus}
UNUSED = 1
seen = []
total = 0


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Settings:
    """Settings of a run."""

    factor: int = 2
    names: list = field(default_factory=list)

    def scaled(self, x):
        return x * self.factor


class Model(Base):
    offset = 5
    weights = (1, 2)
    kind: int

    def __init__(self, start=1):
        self.start = start

    def predict(self, x):
        """Predicts."""
        return self.prepare(x) + self.offset + self.size

    def prepare(self, x):
        return pkg.maths.plus(x, self.start)

    @property
    def size(self):
        return len(self.weights)

    @staticmethod
    def helper(x):
        return x - 1

    @classmethod
    def make(cls):
        return cls(start=3)


CONFIG = Settings(factor=3)


@clip(0, 100)
def clipped(x):
    """Doc of a function with a decorator of one's own."""
    return x


@functools.lru_cache(maxsize=None)
def remembered(x: int) -> int:
    """Doc of a function with a decorator of functools."""
    return x + 1


@counted
def tallied(x):
    return x


if os.name == "nt":
    from pkg.windows import separator
else:
    from pkg.posix import separator


def countdown(n):
    return 0 if n == 0 else even(n - 1)


def even(n):
    return countdown(n)


async def fetched(x):
    return await later(x)


async def later(x):
    return x


def numbers(n):
    for each in range(n):
        yield each * 2


def unrelated(x):
    return x * 7


def with_default(x, step=3, *, scale=1.5):
    return x + step * scale


@task(persist_result=True, retries=1)
def other_task(x):
    return x + 100


@task
def load(x: int = 1) -> list:
    """Loads."""
    # A comment.
    import pkg.lazy
    from pkg.deep import bottom

    global total
    total += 1
    seen.append(x)
    y: int = x
    label = f"{x:>4} and {y!r}"
    local = {"b": 1, "a": 2}
    nested = lambda z: z + 1  # noqa: E731

    def inner(z):
        return z * 3

    if (found := r.rate()) > 1:
        y += found
    match y:
        case 1:
            y = 2
        case _:
            pass
    model = Model()
    return [
        twice(x), pkg.maths.plus(x, 1), exported(x), starred(x), LIMIT, NAMES, TABLE, HANDLERS["twice"](x), Color.RED,
        CONFIG.scaled(x), model.predict(x), Model.helper(x), Model.make(), clipped(x), remembered(x), tallied(x), separator(),
        countdown(2), fetched, list(numbers(2)), with_default(1), other_task, bottom(), pkg.lazy.value(), label, local,
        nested(1), inner(2), Registered, getattr(r, "SPREAD"), pkg.consts.inner.DEEP, max(1, 2),
    ]  # fmt: skip
''',
    "pkg/__init__.py": "import pkg.consts\nfrom pkg.implementation import exported\n",
    "pkg/consts.py": "class inner:\n    DEEP = 1\n    SHALLOW = 2\n",
    "pkg/implementation.py": "def exported(x):\n    return x + OFFSET\n\nOFFSET = 1\n",
    "pkg/maths.py": '''\
"""Maths."""


def double(x):
    return times(x, 2)


def times(x, y):
    return x * y


def plus(x, y):
    return x + y


def minus(x, y):
    return x - y
''',
    "pkg/rates.py": "from pkg import deep\nSPREAD = 0.5\nOTHER = 1\n\ndef rate():\n    return deep.middle() + 1\n",
    "pkg/deep.py": "LEVEL = 1\n\ndef middle():\n    return bottom() + LEVEL\n\ndef bottom():\n    return 5\n",
    "pkg/lazy.py": "def value():\n    return 1\n\ndef unused():\n    return 2\n",
    "pkg/star.py": "def starred(x):\n    return x\n\ndef unstarred(x):\n    return x\n",
    "pkg/posix.py": "def separator():\n    return '/'\n",
    "pkg/windows.py": "def separator():\n    return '\\\\'\n",
    "pkg/base.py": """\
class Base:
    def prepare(self, x):
        return x

    def __len__(self):
        return 1


class Registered:
    kinds = ["a"]
    size: int = 1
    label: "str" = "x"
""",
    "pkg/deco.py": """\
import functools


def clip(low, high):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(x):
            return max(low, min(high, fn(x)))

        return wrapper

    return decorate


def register(fn):
    return fn


class counted:
    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self.step = 1

    def __call__(self, x):
        return self.__wrapped__(x) * self.step
""",
}

# What it is called, the file, the old text (None: at the end of the file), the new text, and whether CODE notices it.
HIT, MISS = "hit", "miss"
EDITS: Final[list[tuple[str, str, str | None, str, str]]] = [
    # The function itself.
    ("nothing", "main.py", "LIMIT = 10", "LIMIT = 10", HIT),
    ("comment", "main.py", "# A comment.", "# Another comment, in more words.", HIT),
    ("comment above", "main.py", "@task\ndef load", "# Above.\n\n\n@task\ndef load", HIT),
    ("docstring", "main.py", '"""Loads."""', '"""Loads it all."""', HIT),
    ("docstring gone", "main.py", '    """Loads."""\n', "", HIT),
    ("hint of a parameter", "main.py", "x: int = 1) -> list", "x: float = 1) -> list", HIT),
    ("hint of the return", "main.py", "x: int = 1) -> list", "x: int = 1) -> 'tuple'", HIT),
    ("hints gone", "main.py", "x: int = 1) -> list", "x=1)", HIT),
    ("hint of a local", "main.py", "y: int = x", "y: float = x", HIT),
    ("hint of a local gone", "main.py", "y: int = x", "y = x", HIT),
    ("blank lines", "main.py", "    model = Model()\n", "\n    model = Model()\n\n", HIT),
    ("line breaks", "main.py", "twice(x), pkg.maths.plus(x, 1)", "twice(\n  x\n), pkg.maths.plus(x,1,)", HIT),
    ("quotes", "main.py", 'HANDLERS["twice"]', "HANDLERS['twice']", HIT),
    ("brackets", "main.py", "y += found", "y += (found)", HIT),
    ("options of the task", "main.py", "@task\ndef load", "@task(name='other', retries=3)\ndef load", HIT),
    ("options of another task", "main.py", "retries=1", "retries=2", HIT),
    ("constant in the body", "main.py", "y = 2", "y = 3", MISS),
    ("type of a constant", "main.py", "y = 2", "y = 2.0", MISS),
    ("f-string", "main.py", "{x:>4} and", "{x:>5} and", MISS),
    ("text of an f-string", "main.py", "{x:>4} and", "{x:>4} or", MISS),
    ("conversion in an f-string", "main.py", "{y!r}", "{y!s}", MISS),
    ("f-string in two pieces", "main.py", 'f"{x:>4} and {y!r}"', 'f"{x:>4} a" f"nd {y!r}"', HIT),
    ("order of a dict in the body", "main.py", '{"b": 1, "a": 2}', '{"a": 2, "b": 1}', MISS),
    ("nested function", "main.py", "return z * 3", "return z * 4", MISS),
    ("nested lambda", "main.py", "lambda z: z + 1", "lambda z: z + 2", MISS),
    ("docstring of a nested function", "main.py", "return z * 3", "'''Doc.'''\n        return z * 3", HIT),
    ("hint of a nested function", "main.py", "def inner(z):", "def inner(z: int) -> int:", HIT),
    ("name of a local", "main.py", "local", "locale", MISS),
    ("walrus", "main.py", "(found := r.rate()) > 1", "(found := r.rate()) > 2", MISS),
    ("match", "main.py", "case 1:", "case 2:", MISS),
    ("order of statements", "main.py", "total += 1\n    seen.append(x)", "seen.append(x)\n    total += 1", MISS),
    ("default of the function", "main.py", "x: int = 1) -> list", "x: int = 2) -> list", MISS),
    ("name of the function", "main.py", "def load(", "def loaded(", MISS),
    # What it reaches.
    ("global", "main.py", "LIMIT = 10", "LIMIT = 11", MISS),
    ("type of a global", "main.py", "LIMIT = 10", "LIMIT = 10.0", MISS),
    ("the same value, written otherwise", "main.py", "LIMIT = 10", "LIMIT = 5 + 5", HIT),
    ("global list", "main.py", '["a", "b"]', '["a", "c"]', MISS),
    ("order of a global list", "main.py", '["a", "b"]', '["b", "a"]', MISS),
    ("global dict", "main.py", '{"one": 1, "two": 2}', '{"one": 1, "two": 3}', MISS),
    ("order of a global dict", "main.py", '{"one": 1, "two": 2}', '{"two": 2, "one": 1}', HIT),
    ("function in a table", "pkg/maths.py", "return x + y", "return y + x", MISS),
    ("table of functions", "main.py", '"twice": twice', '"twice": pkg.maths.minus', MISS),
    ("order of a table of functions", "main.py", '"twice": twice, "plus": pkg.maths.plus', '"plus": pkg.maths.plus, "twice": twice', HIT),
    ("what is appended to", "main.py", "seen = []", "seen = [0]", HIT),
    ("what is assigned", "main.py", "total = 0", "total = 1", HIT),
    ("unused global", "main.py", "UNUSED = 1", "UNUSED = 2", HIT),
    ("unrelated function", "main.py", "return x * 7", "return x * 8", HIT),
    ("unrelated function gone", "main.py", "def unrelated(x):\n    return x * 7\n", "", HIT),
    ("new function", "pkg/maths.py", None, "\n\ndef new():\n    return 1\n", HIT),
    ("order of imports", "main.py", "import functools\nimport os\n", "import os\nimport functools\n", HIT),
    ("new import", "main.py", "import os\n", "import os\nimport json\n", HIT),
    ("docstring of a module", "pkg/maths.py", '"""Maths."""', '"""More maths."""', HIT),
    ("helper", "pkg/rates.py", "middle() + 1", "middle() + 2", MISS),
    ("helper's comment", "pkg/rates.py", "    return deep", "    # Why.\n    return deep", HIT),
    ("helper's docstring", "pkg/deep.py", "    return 5", "    'Five.'\n    return 5", HIT),
    ("helper's hint", "pkg/maths.py", "def plus(x, y):", "def plus(x: int, y: int) -> int:", HIT),
    ("helper two levels down", "pkg/deep.py", "return 5", "return 6", MISS),
    ("helper of an alias", "pkg/maths.py", "return x * y", "return y * x", MISS),
    ("global two levels down", "pkg/deep.py", "LEVEL = 1", "LEVEL = 2", MISS),
    ("attribute of a module", "pkg/rates.py", "SPREAD = 0.5", "SPREAD = 0.6", MISS),
    ("other attribute of a module", "pkg/rates.py", "OTHER = 1", "OTHER = 2", HIT),
    ("alias of another function", "main.py", "import double as twice", "import minus as twice", MISS),
    ("re-exported function", "pkg/implementation.py", "return x + OFFSET", "return x - OFFSET", MISS),
    ("global of a re-exported function", "pkg/implementation.py", "OFFSET = 1", "OFFSET = 2", MISS),
    ("another re-export", "pkg/__init__.py", "from pkg.implementation import exported", "from pkg.star import starred as exported", MISS),
    ("star import", "pkg/star.py", "def starred(x):\n    return x", "def starred(x):\n    return -x", MISS),
    ("other function of a star import", "pkg/star.py", "def unstarred(x):\n    return x", "def unstarred(x):\n    return -x", HIT),
    ("conditional import", "pkg/posix.py", "'/'", "':'", MISS),
    ("other branch of a conditional import", "pkg/windows.py", "separator", "separators", HIT),
    ("recursion", "main.py", "return 0 if", "return 1 if", MISS),
    ("recursion, the other function", "main.py", "return countdown(n)", "return countdown(n - 1)", MISS),
    ("generator", "main.py", "yield each * 2", "yield each * 3", MISS),
    ("coroutine function", "main.py", "async def later(x):\n    return x", "async def later(x):\n    return -x", MISS),
    ("no coroutine function any more", "main.py", "async def later", "def later", MISS),
    ("default of a helper", "main.py", "step=3", "step=4", MISS),
    ("keyword default of a helper", "main.py", "scale=1.5", "scale=2.5", MISS),
    ("another task", "main.py", "return x + 100", "return x + 101", MISS),
    ("import in the body", "pkg/lazy.py", "return 1", "return 3", MISS),
    ("other function of an import in the body", "pkg/lazy.py", "return 2", "return 3", HIT),
    # Classes.
    ("method", "main.py", "return self.prepare(x) + self.offset", "return self.prepare(x) - self.offset", MISS),
    ("method over self", "main.py", "pkg.maths.plus(x, self.start)", "pkg.maths.minus(x, self.start)", MISS),
    ("helper of a method", "pkg/maths.py", "def plus(x, y):\n    return x + y", "def plus(x, y):\n    return y + x", MISS),
    ("constructor", "main.py", "self.start = start", "self.start = -start", MISS),
    ("default of a constructor", "main.py", "start=1", "start=2", MISS),
    ("class attribute", "main.py", "offset = 5", "offset = 6", MISS),
    ("property", "main.py", "return len(self.weights)", "return len(self.weights) + 1", MISS),
    ("static method", "main.py", "return x - 1", "return x - 2", MISS),
    ("class method", "main.py", "return cls(start=3)", "return cls(start=4)", MISS),
    ("hint in a class", "main.py", "kind: int", "kind: float", MISS),
    ("hint in a class, as text", "pkg/base.py", 'label: "str"', 'label: "bytes"', MISS),
    ("docstring of a method", "main.py", '"""Predicts."""', '"""Guesses."""', HIT),
    ("base class", "main.py", "class Model(Base):", "class Model:", MISS),
    ("method of a base class", "pkg/base.py", "return 1\n", "return 2\n", MISS),
    ("default of a field", "main.py", "factor: int = 2", "factor: int = 4", MISS),
    ("factory of a field", "main.py", "default_factory=list", "default_factory=dict", MISS),
    ("order of fields", "main.py", "    factor: int = 2\n    names: list = field(default_factory=list)\n", "    names: list = field(default_factory=list)\n    factor: int = 2\n", MISS),
    ("state of a global object", "main.py", "Settings(factor=3)", "Settings(factor=5)", MISS),
    ("method of a global object", "main.py", "return x * self.factor", "return self.factor * x", MISS),
    ("member of an enum", "main.py", "RED = 1", "RED = 3", MISS),
    ("list in a class", "pkg/base.py", 'kinds = ["a"]', 'kinds = ["b"]', MISS),
    ("attribute of a class", "pkg/consts.py", "DEEP = 1", "DEEP = 2", MISS),
    ("other attribute of a class", "pkg/consts.py", "SHALLOW = 2", "SHALLOW = 3", HIT),
    # Decorators.
    ("decorator", "pkg/deco.py", "max(low, min(high, fn(x)))", "max(low, min(high, fn(x))) + 1", MISS),
    ("argument of a decorator", "main.py", "@clip(0, 100)", "@clip(0, 50)", MISS),
    ("decorator gone", "main.py", "@clip(0, 100)\n", "", MISS),
    ("new decorator", "main.py", "def with_default", "@register\ndef with_default", MISS),
    ("docstring under a decorator of one's own", "main.py", "Doc of a function with a decorator of one's own.", "Other.", MISS),
    ("docstring under one of functools", "main.py", "Doc of a function with a decorator of functools.", "Other.", HIT),
    ("hint under one of functools", "main.py", "def remembered(x: int) -> int:", "def remembered(x):", HIT),
    ("function under one of functools", "main.py", "    return x + 1\n\n\n@counted", "    return x + 2\n\n\n@counted", MISS),
    ("class that decorates", "pkg/deco.py", "* self.step", "+ self.step", MISS),
    ("state of a class that decorates", "pkg/deco.py", "self.step = 1", "self.step = 2", MISS),
    ("function under a class", "main.py", "def tallied(x):\n    return x", "def tallied(x):\n    return -x", MISS),
]  # fmt: skip

# What it is called, two programs (a text is main.py), and whether they are the same to CODE.
SITUATIONS: Final[list[tuple[str, Any, Any, str]]] = [
    ("decorator factory arg global", "import functools\nN=1\ndef d(n):\n  def w(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)+n\n    return g\n  return w\n@d(N)\ndef load(): return 1", "import functools\nN=2\ndef d(n):\n  def w(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)+n\n    return g\n  return w\n@d(N)\ndef load(): return 1", MISS),
    ("decorator helper", "def h(x): return 1\ndef d(f):\n  def g(): return h(f())\n  return g\n@d\ndef load(): return 1", "def h(x): return 2\ndef d(f):\n  def g(): return h(f())\n  return g\n@d\ndef load(): return 1", MISS),
    ("local alias of module", {"main.py": "import helper\ndef load():\n  h = helper\n  return h.f()", "helper.py": "def f(): return 1"}, {"main.py": "import helper\ndef load():\n  h = helper\n  return h.f()", "helper.py": "def f(): return 2"}, MISS),
    ("class alias local", "class A:\n  def f(self): return 1\ndef load():\n  K = A\n  return K().f()", "class A:\n  def f(self): return 2\ndef load():\n  K = A\n  return K().f()", MISS),
    ("instance attr from init", "class B:\n  def g(self): return 1\nclass A:\n  def __init__(self): self.b = B()\n  def f(self): return self.b.g()\ndef load():\n  return A().f()", "class B:\n  def g(self): return 2\nclass A:\n  def __init__(self): self.b = B()\n  def f(self): return self.b.g()\ndef load():\n  return A().f()", MISS),
    ("function returned", "def h(): return 1\ndef pick(): return h\ndef load(): return pick()()", "def h(): return 2\ndef pick(): return h\ndef load(): return pick()()", MISS),
    ("global set by other module", {"main.py": "import cfg, setup_\ndef load(): return cfg.X", "cfg.py": "X=1", "setup_.py": "import cfg\ncfg.X=5"}, {"main.py": "import cfg, setup_\ndef load(): return cfg.X", "cfg.py": "X=1", "setup_.py": "import cfg\ncfg.X=6"}, MISS),
    ("namedtuple const", "from collections import namedtuple\nP=namedtuple('P','a b')\nX=P(1,2)\ndef load(): return X.a", "from collections import namedtuple\nP=namedtuple('P','a b')\nX=P(3,2)\ndef load(): return X.a", MISS),
    ("regex const", "import re\nX=re.compile('a')\ndef load(): return X.match('a')", "import re\nX=re.compile('b')\ndef load(): return X.match('a')", MISS),
    ("operator overload", "class V:\n  def __add__(s,o): return 1\nA=V()\ndef load(): return A+A", "class V:\n  def __add__(s,o): return 2\nA=V()\ndef load(): return A+A", MISS),
    ("context manager class", "class V:\n  def __enter__(s): return 1\n  def __exit__(s,*a): pass\ndef load():\n  with V() as x: return x", "class V:\n  def __enter__(s): return 2\n  def __exit__(s,*a): pass\ndef load():\n  with V() as x: return x", MISS),
    ("generator expr helper", "def h(x): return x\ndef load(): return list(h(x) for x in [1])", "def h(x): return -x\ndef load(): return list(h(x) for x in [1])", MISS),
    ("map(fn)", "def h(x): return x\ndef load(): return list(map(h,[1]))", "def h(x): return -x\ndef load(): return list(map(h,[1]))", MISS),
    ("default is call", "def h(): return 1\ndef load(x=h()): return x", "def h(): return 2\ndef load(x=h()): return x", MISS),
    ("global func result", "def h(): return 1\nX=h()\ndef load(): return X", "def h(): return 2-1\nX=h()\ndef load(): return X", HIT),
    ("conditional def", "import sys\nif sys.argv:\n  def h(): return 1\nelse:\n  def h(): return 2\ndef load(): return h()", "import sys\nif sys.argv:\n  def h(): return 1\nelse:\n  def h(): return 3\ndef load(): return h()", HIT),
    ("lambda dict", "D={'a':lambda x:x,'b':lambda x:x+1}\ndef load(): return D['a'](1)", "D={'a':lambda x:x,'b':lambda x:x+2}\ndef load(): return D['a'](1)", MISS),
    ("swap lambda", "D={'a':lambda x:x,'b':lambda x:x+1}\ndef load(): return D['a'](1)", "D={'b':lambda x:x,'a':lambda x:x+1}\ndef load(): return D['a'](1)", MISS),
    ("swap alias", "def f(): return 1\ndef g(): return 2\na,b=f,g\ndef load(): return a()", "def f(): return 1\ndef g(): return 2\nb,a=f,g\ndef load(): return a()", MISS),
    ("mro change", "class A:\n  def f(s): return 1\nclass B:\n  def f(s): return 2\nclass C(A,B): pass\ndef load(): return C().f()", "class A:\n  def f(s): return 1\nclass B:\n  def f(s): return 2\nclass C(B,A): pass\ndef load(): return C().f()", MISS),
    ("init subclass", "class A:\n  def __init_subclass__(cls): cls.x=1\nclass B(A): pass\ndef load(): return B.x", "class A:\n  def __init_subclass__(cls): cls.x=2\nclass B(A): pass\ndef load(): return B.x", MISS),
    ("descriptor", "class D:\n  def __get__(s,o,t): return 1\nclass B:\n  d=D()\ndef load(): return B().d", "class D:\n  def __get__(s,o,t): return 2\nclass B:\n  d=D()\ndef load(): return B().d", MISS),
    ("cls descriptor chain", "class D:\n  def __get__(s,o,t): return 1\nclass B:\n  d=D()\ndef load(): return B.d", "class D:\n  def __get__(s,o,t): return 2\nclass B:\n  d=D()\ndef load(): return B.d", MISS),
    ("module getattr fn", {"main.py": "import lazy\ndef load(): return lazy.q", "lazy.py": "V=1\ndef __getattr__(n): return V"}, {"main.py": "import lazy\ndef load(): return lazy.q", "lazy.py": "V=2\ndef __getattr__(n): return V"}, MISS),
    ("pkg init relative", {"main.py": "import pk\ndef load(): return pk.api.go()", "pk/__init__.py": "from . import api", "pk/api.py": "from ._x import K\ndef go(): return K", "pk/_x.py": "K=1"}, {"main.py": "import pk\ndef load(): return pk.api.go()", "pk/__init__.py": "from . import api", "pk/api.py": "from ._x import K\ndef go(): return K", "pk/_x.py": "K=2"}, MISS),
    ("nonlocal helper", "def mk(n):\n  def h(): return n\n  def load(): return h()\n  return load\nload=mk(1)", "def mk(n):\n  def h(): return n\n  def load(): return h()\n  return load\nload=mk(2)", MISS),
    ("nonlocal helper global", "K=1\ndef mk():\n  def h(): return K\n  def load(): return h()\n  return load\nload=mk()", "K=2\ndef mk():\n  def h(): return K\n  def load(): return h()\n  return load\nload=mk()", MISS),
    ("class in function global", "K=1\ndef load():\n  class A:\n    k = K\n  return A.k", "K=2\ndef load():\n  class A:\n    k = K\n  return A.k", MISS),
    ("default in nested", "K=1\ndef load():\n  def h(x=K): return x\n  return h()", "K=2\ndef load():\n  def h(x=K): return x\n  return h()", MISS),
    ("method via getattr const", "class A:\n  def f(self): return 1\na=A()\ndef load(): return getattr(a,'f')()", "class A:\n  def f(self): return 2\na=A()\ndef load(): return getattr(a,'f')()", MISS),
    ("operator.attrgetter", "import operator\nclass A:\n  def f(self): return 1\na=A()\ndef load(): return operator.methodcaller('f')(a)", "import operator\nclass A:\n  def f(self): return 2\na=A()\ndef load(): return operator.methodcaller('f')(a)", MISS),
    ("numpy-like constant tuple", "T=(1,(2,[3]))\ndef load(): return T", "T=(1,(2,[4]))\ndef load(): return T", MISS),
    ("async gen", "async def h():\n  yield 1\nasync def load():\n  async for x in h(): return x", "async def h():\n  yield 2\nasync def load():\n  async for x in h(): return x", MISS),
    ("try except class", "class E(Exception):\n  code=1\ndef load():\n  try: raise E\n  except E as e: return e.code", "class E(Exception):\n  code=2\ndef load():\n  try: raise E\n  except E as e: return e.code", MISS),
    ("match class", "class E:\n  __match_args__=('a',)\n  a=1\ndef load(x):\n  match x:\n    case E(1): return 1", "class E:\n  __match_args__=('b',)\n  a=1\ndef load(x):\n  match x:\n    case E(1): return 1", MISS),
    ("star args helper", "def h(*a): return a\ndef load(): return h(*[1])", "def h(*a): return a[::-1]\ndef load(): return h(*[1])", MISS),
    ("strict hint under own deco", "def own(f):\n  f.h=f.__annotations__\n  return f\n@own\ndef load(x:int): return load.h", "def own(f):\n  f.h=f.__annotations__\n  return f\n@own\ndef load(x:str): return load.h", MISS),
    ("print-only doc", "def load():\n  '''a'''\n  return 1", "def load():\n  '''b'''\n  return 1", HIT),
    ("doc   used", "def load():\n  '''a'''\n  return load.__doc__", "def load():\n  '''b'''\n  return load.__doc__", HIT),
    ("fn attribute", "def load(): return load.k\nload.k=1", "def load(): return load.k\nload.k=2", MISS),
    ("helper attribute", "def h(): pass\nh.k=1\ndef load(): return h.k", "def h(): pass\nh.k=2\ndef load(): return h.k", MISS),
    ("typealias hint", "X=list[int]\ndef load(x: X): return x", "X=list[str]\ndef load(x: X): return x", HIT),
    ("isinstance own", "class A: pass\ndef load(x): return isinstance(x,A)", "class A:\n  z=1\ndef load(x): return isinstance(x,A)", MISS),
    ("sys.modules main", "import sys\ndef load(): return sys.argv", "import sys\nQ=1\ndef load(): return sys.argv", HIT),
    ("set order const", "S={'a','b','c'}\ndef load(): return 'a' in {'x','y','z'}, S", "S={'c','b','a'}\ndef load(): return 'a' in {'x','y','z'}, S", HIT),
]  # fmt: skip

DRIVER: Final = """
import importlib, json, os, sys
from holdall.cache.code.reach import reach
from holdall.cache.digest import Walk

found = {}
for folder in sorted(os.listdir(sys.argv[1])):
    before = set(sys.modules)
    sys.path.insert(0, os.path.join(sys.argv[1], folder))
    importlib.invalidate_caches()
    main = importlib.import_module("main")
    reached = reach(getattr(main, "load", None) or main.loaded)
    first, second = (reached.digest(Walk()) for _ in range(2))
    found[folder] = [first and first.hex(), second and second.hex(), reached.uncounted(Walk()), reached.stored(Walk())]
    sys.path.pop(0)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(sys.argv[1]):
            del sys.modules[name]
print(json.dumps(found))
"""


def run(folder: Path, home: Path) -> dict[str, Any]:
    """Digests of every version of the program in a folder, made by a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOLDALL_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )

    assert ("", 0) == (done.stderr, done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Digests of the program as it is, and of each edit."""
    root = tmp_path_factory.mktemp("edits")
    write(root / "before" / "as it is", PROGRAM)
    for number, (_, name, old, new, _) in enumerate(EDITS):
        text = PROGRAM[name]

        assert old is None or old in text

        edited = text + new if old is None else text.replace(old, new)
        write(root / "after" / f"{number:03}", {**PROGRAM, name: edited})
    return run(root / "before", root / "home"), run(root / "after", root / "home")


@pytest.mark.parametrize("number", range(len(EDITS)), ids=[each[0] for each in EDITS])
def test_an_edit_is_noticed_where_it_counts(digests: tuple[dict[str, Any], dict[str, Any]], number: int) -> None:
    """Between two runs, in the function or in what it reaches; asked twice, the answer is one."""
    before, after = digests[0]["as it is"], digests[1][f"{number:03}"]
    *_, expected = EDITS[number]

    assert [[], ["main.seen", "main.total"]] == before[2:] == after[2:]
    assert (before[0], after[0]) == (before[1], after[1])
    assert expected == (HIT if before[0] == after[0] else MISS)


@pytest.fixture(scope="module")
def situations(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Digests of both programs of each situation."""
    root = tmp_path_factory.mktemp("situations")
    for number, (_, *sides, _) in enumerate(SITUATIONS):
        for name, files in zip(("left", "right"), sides, strict=True):
            write(root / name / f"{number:03}", {"main.py": files} if isinstance(files, str) else files)
    return run(root / "left", root / "home"), run(root / "right", root / "home")


@pytest.mark.parametrize("number", range(len(SITUATIONS)), ids=[each[0] for each in SITUATIONS])
def test_a_difference_counts_wherever_it_is(situations: tuple[dict[str, Any], dict[str, Any]], number: int) -> None:
    """In small programs, each with another way from the function to what differs."""
    left, right = (each[f"{number:03}"] for each in situations)
    *_, expected = SITUATIONS[number]

    assert [] == left[2] == right[2]
    assert (left[0], right[0]) == (left[1], right[1])
    assert expected == (HIT if left[0] == right[0] else MISS)
