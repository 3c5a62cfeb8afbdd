"""Search for the definition in a source text that a code object was compiled from."""

from __future__ import annotations

import _ast
import re
import threading
import warnings
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall._system import fork
from holdall.cache.source import bytecode

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONLY_TREE: Final = 0x400  # ast.PyCF_ONLY_AST
_DEFINITIONS: Final = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda, _ast.ClassDef)
_INLINED: Final = re.compile(r"<(?:listcomp|setcomp|dictcomp|genexpr)>\.(?:<locals>\.)?")
_CONTINUES: Final = b" \t\r\n\f#)]}\"'\\"
"""Beginnings of lines that do not start a statement of a module."""
_TRIES: Final = 20
_one_at_a_time = fork.renewed(threading.Lock())

_IMPORTS: Final = (b"import ", b"from ")


class Definition(NamedTuple):
    """Definition in a source text."""

    line: int
    node: Any
    around: list[Any]
    """The module and the enclosing definitions, the outermost first."""


def definitions(data: bytes | str, flags: int, code: CodeType, /) -> list[Definition]:
    """Returns the definitions in the text that compile to this code; several if the text has it several times."""
    alone = _statement(data, code)
    if alone is not None:
        found = list(_matching(_parsed.__wrapped__(alone, flags), code))
        if found:
            return found
    return list(_matching(_parsed(data, flags), code))


def class_of(data: bytes | str, qualname: str, /) -> Definition | None:
    """Returns the class statement of a qualified name: the last one if there are several."""
    parsed = _parsed(data, 0)
    found = None
    for node, around in _all(parsed[0], []) if parsed is not None else ():
        if isinstance(node, _ast.ClassDef) and _qualname(node, around) == qualname:
            found = Definition(node.lineno, node, around)
    return found


@lru_cache(maxsize=8)
def _parsed(data: bytes | str, flags: int) -> tuple[Any, CodeType] | None:
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, which the import has told
        try:
            tree = _tree(data, flags)
            return tree, compile(data, "<text>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _tree(data: bytes | str, flags: int) -> Any:
    """Parses a text, with retries: before Python 3.13, concurrent threads share a recursion counter and may fail."""
    for _ in range(_TRIES):
        try:
            return compile(data, "<text>", "exec", flags | _ONLY_TREE, dont_inherit=True)
        except SystemError:  # a thread that is not ours made one
            continue
    return compile(data, "<text>", "exec", flags | _ONLY_TREE, dont_inherit=True)


def _statement(data: bytes | str, code: CodeType) -> bytes | None:
    """Returns the text of a single function of a module, so that a long module is not parsed for a short function.

    None if it is decorated or nested: then its meaning depends on the text around it.
    """
    if not isinstance(data, bytes) or "." in code.co_qualname or "<" in code.co_qualname or b"coding" in data[:200]:
        return None
    lines = data.split(b"\n")
    first = code.co_firstlineno - 1
    if first >= len(lines) or not lines[first].startswith((b"def ", b"async def ")):
        return None
    last = first + 1
    while last < len(lines) and (not lines[last] or lines[last][0] in _CONTINUES):
        last += 1
    if any(each.lstrip().startswith(b"@") for each in lines[first:last]):
        return None
    # Calls over a name that the module imports are compiled otherwise than over another one.
    kept = [each if first <= number < last or each.startswith(_IMPORTS) else b"" for number, each in enumerate(lines)]
    return b"\n".join(kept).rstrip() + b"\n"


def _matching(parsed: tuple[Any, CodeType] | None, code: CodeType) -> Iterator[Definition]:
    if parsed is None:
        return
    digest = bytecode.digest(code)
    tree, module = parsed
    for compiled in _inside(module, code.co_qualname):
        if compiled.co_qualname == code.co_qualname and bytecode.digest(compiled) == digest:
            here = [each for each in _at(tree, compiled.co_firstlineno, []) if _is_named(each, compiled)]
            chosen = here[0] if len(here) == 1 else _lambda(compiled, here)
            if chosen is not None:
                yield Definition(compiled.co_firstlineno, *chosen)


def _inside(code: CodeType, qualname: str) -> Iterator[CodeType]:
    """Yields the code objects in another one that have the name or may contain one that does."""
    for each in code.co_consts:
        if isinstance(each, CodeType) and qualname.startswith(each.co_qualname):
            yield each
            yield from _inside(each, qualname)


def _at(node: Any, line: int, around: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yields the definitions that begin on a line, decorators included."""
    if isinstance(node, _DEFINITIONS):
        if _first_line(node) == line:
            yield node, around
        around = [*around, node]
    elif isinstance(node, _ast.Module):
        around = [node]
    for each in _children(node):
        if not hasattr(each, "lineno") or _first_line(each) <= line <= each.end_lineno:
            yield from _at(each, line, around)


def _all(node: Any, around: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    if isinstance(node, _DEFINITIONS):
        yield node, around
    around = [*around, node] if isinstance(node, (_ast.Module, *_DEFINITIONS)) else around
    for each in _children(node):
        yield from _all(each, around)


def _children(node: Any) -> Iterator[Any]:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            for each in value:
                if isinstance(each, _ast.AST):
                    yield each
        elif isinstance(value, _ast.AST):
            yield value


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", ())
    return min(node.lineno, decorators[0].lineno) if decorators else int(node.lineno)


def _qualname(node: Any, around: list[Any]) -> str:
    outer = [
        getattr(each, "name", "<lambda>") + ("" if isinstance(each, _ast.ClassDef) else ".<locals>")
        for each in around[1:]
    ]
    return ".".join([*outer, getattr(node, "name", "<lambda>")])


def _is_named(found: tuple[Any, list[Any]], code: CodeType) -> bool:
    # Comprehensions, where they are functions, are in the name of what is inside them.
    return _qualname(*found) == _INLINED.sub("", code.co_qualname)


def _lambda(code: CodeType, found: list[tuple[Any, list[Any]]]) -> tuple[Any, list[Any]] | None:
    """Returns the lambda on a line that the code belongs to: the innermost whose body has every instruction."""
    spans = [
        (line, column, end, until)
        for line, end, column, until in code.co_positions()
        if line and end and until and column is not None and (line, column) != (code.co_firstlineno, 0)
    ]
    if spans:
        first, last = min(each[:2] for each in spans), max(each[2:] for each in spans)
        holding = [
            each
            for each in found
            if (each[0].body.lineno, each[0].body.col_offset) <= first
            and last <= (each[0].body.end_lineno, each[0].body.end_col_offset)
        ]
        return max(holding, key=lambda each: len(each[1]), default=None)
    # Python 3.12 says of no instruction of `lambda: 1` where it stands: compiled alone, it has the same constants.
    wanted = bytecode.constant(code.co_consts)
    for each in found:
        alone = compile(_ast.Expression(each[0]), "<text>", "eval", dont_inherit=True)
        if any(isinstance(one, CodeType) and bytecode.constant(one.co_consts) == wanted for one in alone.co_consts):
            return each
    return None
