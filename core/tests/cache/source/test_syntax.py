"""What counts in the text of a definition, and when the text counts."""

from __future__ import annotations

import ast
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall.cache.digest import Walk
from holdall.cache.identity import definition
from holdall.cache.source import parsing, remembered, texts

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).with_name("golden.json")

# Bodies of a function `f(x, y)`, as pairs of two texts for one definition.
SAME = [
    ("return x", "return x  # a comment"),
    ("return x", "\n\n    return   (x)"),
    ("return x", "'A docstring.'\n    return x"),
    ("return 'a' 'b'", "return 'ab'"),
    ("return u'a'", "return 'a'"),
    ("return f'{x}' 'b'", "return f'{x}b'"),
    ("return f'a{x}' f'b{y}'", "return f'a{x}b{y}'"),
    ("return f'{x:{y}}'", 'return f"{x:{y}}"'),
    ("return 0x10", "return 16"),
    ("return 1_000", "return 1000"),
    ("return 1e3", "return 1000."),
    ("return (x, y)", "return x, y"),
    ("z: int = x\n    return z", "z = x\n    return z"),
    ("def g(a: int) -> int: return a\n    return g", "def g(a): return a\n    return g"),
    ("def g(): 'Doc.'; return 1\n    return g", "def g(): return 1\n    return g"),
    ("with (open(x) as a, open(y) as b): pass", "with open(x) as a, open(y) as b: pass"),
    ("return lambda: (x)", "return lambda:x"),
]
DIFFERENT = [
    ("return x", "return y"),
    ("return 1", "return 1.0"),
    ("return 1", "return True"),
    ("return 0.0", "return -0.0"),
    ("return 'a'", "return b'a'"),
    ("return 'a'", "return ('a',)"),
    ("return [x]", "return (x,)"),
    ("return {x}", "return [x]"),
    ("return {'a': 1, 'b': 2}", "return {'b': 2, 'a': 1}"),
    ("return f'{x}'", "return '{x}'"),
    ("return f'{x}'", "return f'{x!s}'"),
    ("return f'{x:>3}'", "return f'{x:>4}'"),
    ("return f'{x=}'", "return f'{x!r}'"),
    ("return x + y", "return x - y"),
    ("return x < y", "return x <= y"),
    ("return x.a", "return x.b"),
    ("return x[1:]", "return x[:1]"),
    ("return [*x]", "return [x]"),
    ("return {**x}", "return {'x': x}"),
    ("yield x", "return x"),
    ("yield x", "yield from x"),
    ("for z in x: break", "for z in x: continue"),
    ("for z in x: pass\n    else: return 1", "for z in x: pass\n    return 1"),
    ("try: x()\n    except ValueError: pass", "try: x()\n    except TypeError: pass"),
    ("try: x()\n    except* ValueError: pass", "try: x()\n    except ValueError: pass"),
    ("with x as z: pass", "with x: pass"),
    ("match x:\n        case [a]: return a", "match x:\n        case [a, *_]: return a"),
    ("match x:\n        case {'k': a}: return a", "match x:\n        case {'l': a}: return a"),
    ("match x:\n        case int(): return 1", "match x:\n        case str(): return 1"),
    ("match x:\n        case None: return 1", "match x:\n        case False: return 1"),
    ("return [z for z in x]", "return [z for z in x if z]"),
    ("return [z for z in x]", "return (z for z in x)"),
    ("return lambda a: a", "return lambda b: b"),
    ("return lambda a=1: a", "return lambda a=2: a"),
    ("return lambda *a: a", "return lambda **a: a"),
    ("def g(a, /): return a\n    return g", "def g(a): return a\n    return g"),
    ("def g(*, a): return a\n    return g", "def g(a): return a\n    return g"),
    ("def g(): return 1\n    return g", "async def g(): return 1\n    return g"),
    ("@x\n    def g(): return 1\n    return g", "@y\n    def g(): return 1\n    return g"),
    ("class A: b: int\n    return A", "class A: b: str\n    return A"),
    ("global z\n    z = 1", "z = 1"),
    ("import os", "import os.path"),
    ("from os import path", "from os import path as p"),
    ("assert x", "assert x, 'no'"),
    ("raise x", "raise x from y"),
    ("raise x from y", "raise x from None"),
    ("x += y", "x = x + y"),
    ("if (z := x): return z", "if (z := y): return z"),
    ("del x", "x"),
    ("return ...", "return None"),
    ("return not x", "return ~x"),
    ("return x if y else 1", "return x or 1"),
    ("return 1j", "return 1"),
    ("'Not first.'\n    'Doc.'\n    return x", "'Doc.'\n    return x"),
]


def function(body: str, tmp_path: Path, *, head: str = "def f(x, y):", before: str = "") -> Any:
    """The function of a module with such a body."""
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / f"made_{abs(hash((head, body, before)))}.py"
    text = f"{before}\n{head}\n    {body}\n"
    path.write_text(text)
    namespace: dict[str, Any] = {"__name__": "made", "__file__": str(path)}
    exec(compile(text, str(path), "exec", dont_inherit=True), namespace)  # noqa: S102 - code that is made when it runs
    return namespace["f"]


def syntax_of(fn: Any) -> str:
    found = texts.find(fn.__code__, fn.__globals__)

    assert found is not None
    return found.plain


@pytest.mark.parametrize(("left", "right"), SAME)
def test_another_way_to_write_it_is_the_same(place: Path, left: str, right: str) -> None:
    """Comments, brackets, quotes, docstrings and hints do not count."""
    assert syntax_of(function(left, place)) == syntax_of(function(right, place))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_another_meaning_is_another_definition(place: Path, left: str, right: str) -> None:
    """Every member of a tree counts that says something."""
    assert syntax_of(function(left, place)) != syntax_of(function(right, place))


def test_every_type_of_node_can_be_told_from_the_others(place: Path) -> None:
    """What is left out of a tree is a list of names, none of which means anything in any node of this Python."""
    unknown = {
        name
        for kind in vars(ast).values()
        if isinstance(kind, type) and issubclass(kind, ast.AST)
        for name in kind._fields
        if name in {"ctx", "kind", "type_comment", "type_ignores"}
    }

    assert {"ctx", "kind", "type_comment", "type_ignores"} == unknown


def test_the_digests_are_those_of_every_python(place: Path) -> None:
    """Written down once: a release or an interpreter that makes others would miss everything that is stored.

    Delete the file and run the test to write it anew, after a change of what counts and of `syntax.FORM`.
    """
    found = {
        body: syntax_of(function(body, place))
        for pair in (*SAME, *DIFFERENT)
        for body in pair
        if "\n    return g" not in body
    }
    if not GOLDEN.exists():
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")

    assert json.loads(GOLDEN.read_text()) == found


LAMBDAS = [
    "[lambda x: x + 1, lambda x: x * 10]",
    "[lambda: 1, lambda: 1.0, lambda: True, lambda: -0.0, lambda: 0.0]",
    "[(lambda: (lambda: 1)), (lambda: (lambda: 1))()]",
    "[lambda x=1: x, lambda x=2: x]",
    "[lambda x: [y for y in x], lambda x: (y for y in x), lambda x: {y for y in x}]",
    "[*[(lambda: i) for i in range(1)], *[(lambda: -i) for i in range(1)]]",
    "[lambda x: x.a, lambda x: x.b, lambda x: x['a']]",
    "[lambda: 'a', lambda: b'a', lambda: ('a',), lambda: ['a'], lambda: None]",
]


@pytest.mark.parametrize("text", LAMBDAS)
def test_lambdas_on_one_line_are_told_apart(place: Path, text: str) -> None:
    """By where their instructions stand, and by what they are."""
    found = function("return 1", place, before=f"LAMBDAS = {text}").__globals__["LAMBDAS"]
    digests = [definition(each, Walk()) for each in found]

    assert all(texts.find(each.__code__, each.__globals__) is not None for each in found)
    assert len(found) == len(set(digests))


def test_equal_lambdas_on_one_line_are_one(place: Path) -> None:
    """What they are counts, not where they stand."""
    first, second = function("return 1", place, before="A = [lambda x: x, lambda x: x]").__globals__["A"]

    assert definition(first, Walk()) == definition(second, Walk())


HEADS = {
    "none": ("", True),
    "functools": ("import functools\n@functools.lru_cache", True),
    "from functools": ("from functools import lru_cache as remembered\n@remembered(maxsize=3)", True),
    "contextlib": ("import contextlib\n@contextlib.contextmanager", True),
    "holdall": ("from holdall import task\n@task", True),
    "holdall with options": ("import holdall\n@holdall.task(retries=2)", True),
    "a name of holdall's": ("from holdall import task\nkept = task(persist_result=True)\n@kept", True),
    "a partial of holdall's": (
        "from functools import partial\nfrom holdall import task\nkept = partial(task)\n@kept",
        True,
    ),
    "two": ("from functools import lru_cache\nfrom holdall import task\n@task\n@lru_cache", True),
    "one's own": ("def own(fn): return fn\n@own", False),
    "one's own, with a partial": ("import functools\ndef own(fn): return fn\n@functools.partial(own)", False),
    "a name of one's own": ("def own(): return lambda fn: fn\nmine = own()\n@mine", False),
    "dataclasses": ("import dataclasses\n@dataclasses.dataclass\nclass A: pass\n@(lambda fn: fn)", False),
    "one's own below holdall's": ("from holdall import task\ndef own(fn): return fn\n@task\n@own", False),
    "one's own or functools'": (
        "import functools\ntry: from nowhere import cache\nexcept ImportError:\n    def cache(fn): return fn\n@cache",
        False,
    ),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("edit", [("x, y):", "x: int, y):"), ("x, y):", "x, y) -> int:"), ("return", "'Doc.'; return")])
def test_hints_and_docstrings_count_where_a_decorator_may_read_them(
    place: Path, head: str, edit: tuple[str, str]
) -> None:
    """Those of holdall, functools and contextlib do not."""
    before, ignored = HEADS[head]

    def made(text: str) -> bytes:
        fn = function("return x", place, head=f"{before}\ndef f(x, y):")
        edited = function("return x".replace(*edit), place, head=f"{before}\ndef f(x, y):".replace(*edit))
        return definition(edited if text == "edited" else fn, Walk())

    assert ignored is (made("plain") == made("edited"))


def test_options_of_a_task_are_no_part_of_its_function(place: Path) -> None:
    """Another number of retries is the same function."""
    heads = ("@task", "@task(retries=3)", "@task(name='other', persist_result=True)")
    found = {
        definition(function("return x", place, head=f"{head}\ndef f(x, y):", before="from holdall import task"), Walk())
        for head in heads
    }

    assert 1 == len(found)


# ------------------------------------------------------------------------------------------------ when the text counts


def test_text_that_was_edited_after_the_import_does_not_count(place: Path) -> None:
    """The code that is loaded does; the text counts again in a process that has loaded it."""
    fn = function("return x + 1", place)
    path = Path(fn.__code__.co_filename)
    path.write_text(path.read_text().replace("x + 1", "x * 100"))
    edited = function("return x * 100", place / "new")

    assert texts.find(fn.__code__, fn.__globals__) is None
    assert definition(fn, Walk()) != definition(edited, Walk())


def test_the_answer_does_not_change_with_the_file(place: Path) -> None:
    """Once asked, a function is what it is as long as it lives."""
    fn = function("return x + 1", place)
    before = definition(fn, Walk())
    Path(fn.__code__.co_filename).write_text("")

    assert before == definition(fn, Walk())


def test_lines_that_moved_do_not_matter(place: Path) -> None:
    """A comment that was put above it after the import leaves the text of a function what it was."""
    fn = function("return x + 1", place)
    path = Path(fn.__code__.co_filename)
    path.write_text("# Above.\n\n" + path.read_text())

    assert syntax_of(function("return x + 1", place / "new")) == syntax_of(fn)


def test_code_without_a_text_counts_by_its_bytecode(place: Path) -> None:
    """What `exec` made is stable and told apart."""
    made = []
    for text in (
        "def f(x): return x + 1",
        "def f(x): return x + 1",
        "def f(x): return x + 2",
        "\n\ndef f(x): return x + 1",
    ):
        namespace: dict[str, Any] = {"__name__": "made"}
        exec(text, namespace)  # noqa: S102 - code that is made when it runs
        made.append(definition(namespace["f"], Walk()))

    assert made[0] == made[1] == made[3] != made[2]


def test_a_text_in_linecache_counts(place: Path) -> None:
    """As of a cell: there is no file, and its name is no part of it."""
    found = []
    for name, text in (
        ("<ipython-input-1-a>", "def f(x):\n    return x + 1\n"),
        ("<ipython-input-2-b>", "\n\ndef f(x):  # why\n  return x + 1\n"),
    ):
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, name, "exec", dont_inherit=True), namespace)  # noqa: S102 - code that is made when it runs
        found.append((definition(namespace["f"], Walk()), syntax_of(namespace["f"])))
        del linecache.cache[name]

    assert found[0] == found[1]


def test_future_features_are_compiled_in(place: Path) -> None:
    """A text that a program compiles with features of its own."""
    text = "def f(x: Unknown):\n    def g(a: Unknown): return a\n    return g\n"
    (place / "made.py").write_text(text)
    namespace: dict[str, Any] = {"__name__": "made"}
    import __future__

    exec(  # noqa: S102 - code that is made when it runs
        compile(text, str(place / "made.py"), "exec", __future__.annotations.compiler_flag, dont_inherit=True),
        namespace,
    )

    assert texts.find(namespace["f"].__code__, namespace) is not None


SCRIPT = """
import sys
from holdall.cache.source import texts
from holdall.cache.digest import Walk
from holdall.cache.identity import identify
import made
fn = made.f
print(texts.find(fn.__code__, fn.__globals__) is not None, identify(fn, Walk()).hex())
"""
MADE = "def f(x):\n    'Doc.'\n    assert x\n    return f'{x:>3}', lambda: 1\n"


def asked(place: Path, *options: str, **environ: str) -> tuple[str, ...]:
    done = subprocess.run(
        [sys.executable, *options, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(place), **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stderr
    return tuple(done.stdout.split())


def test_a_function_is_the_same_however_python_is_run(place: Path) -> None:
    """With and without assertions and docstrings, another seed of hashes, no columns, from bytecode, or a zip."""
    import zipfile

    (place / "made.py").write_text(MADE)
    (place / "zipped").mkdir()
    with zipfile.ZipFile(place / "zipped" / "a.zip", "w") as archive:
        archive.writestr("made.py", MADE)
    expected = asked(place)
    found = {
        "-O": asked(place, "-O"),
        "-OO": asked(place, "-OO"),
        "seed": asked(place, PYTHONHASHSEED="3"),
        "home": asked(place, HOLDALL_HOME=str(place / "another")),
        "zip": asked(place / "zipped" / "a.zip"),
    }

    assert "True" == expected[0]
    assert dict.fromkeys(found, expected) == found


def test_a_function_that_pytest_has_rewritten_is_stable(place: Path) -> None:
    """Its text is not what is loaded, so that its bytecode counts: the same in every run under pytest."""
    (place / "test_made.py").write_text(
        "from holdall.cache.digest import Walk\nfrom holdall.cache.identity import definition\n"
        "def f(x):\n    assert x\n    return x\n"
        "def test():\n    print('DIGEST', definition(f, Walk()).hex())\n"
    )

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_made.py"],
            cwd=place, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [line for line in done.stdout.splitlines() if "DIGEST" in line]

    first = run()

    assert 1 == len(first)
    assert first == run()


# --------------------------------------------------------------------------------------------------- what is remembered


def damaged(path: Path, how: Callable[[bytes], bytes]) -> None:
    path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize(
    "how",
    [
        lambda _: b"",
        lambda data: data[:-5],
        lambda data: b"x" + data,
        lambda data: data.replace(b"1", b"2"),
        lambda _: b"{}",
    ],
    ids=["empty", "cut", "longer", "changed", "another"],
)
def test_a_damaged_file_of_digests_is_made_anew(place: Path, how: Callable[[bytes], bytes]) -> None:
    """It is a cache: what it says counts only as a whole."""
    (place / "made.py").write_text(MADE)
    found = place / "home" / "code"
    expected = asked(place)
    texts_known = sorted(found.iterdir())

    assert [] != texts_known

    for each in texts_known:
        damaged(each, how)

    assert expected == asked(place)


def test_what_is_remembered_is_read_instead_of_parsed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process compiles nothing."""
    fn = function("return x + 1", place)
    expected = syntax_of(fn)
    texts.write_back()
    texts._texts.clear()
    texts._found.clear()
    monkeypatch.setattr(texts, "definitions", None)

    assert expected == syntax_of(fn)


def test_a_home_that_cannot_be_written_is_no_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests are then made in each process."""
    (place / "file").write_text("")
    monkeypatch.setenv("HOLDALL_HOME", str(place / "file"))
    remembered.write("name", {})

    assert {} == remembered.read("name")


def test_a_tree_that_fails_beside_another_thread_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 counts the depth of trees that threads make at once together, and fails with a SystemError then."""
    failures = [SystemError("AST constructor recursion depth mismatch (before=87, after=83)")] * 2

    def failing(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return compile(*arguments, **options)

    monkeypatch.setattr(parsing, "compile", failing, raising=False)

    assert parsing.class_of("class Unseen: pass\n", "Unseen") is not None
    assert [] == failures
