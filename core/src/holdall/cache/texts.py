"""Source texts of loaded code: where they are, whether they are still what was loaded, what is known of them."""

from __future__ import annotations

import os
import sys
import warnings
from functools import lru_cache
from hashlib import sha256
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

import _ast
from holdall.cache import bytecode, remembered
from holdall.cache.syntax import Syntax, syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FUTURE_FLAGS: Final = 0x1FE0000  # as `__future__` has them
_MOST: Final = 20_000
_found: dict[int, tuple[CodeType, Syntax | None]] = {}
_texts: dict[str, Text] = {}
_files: dict[str, bytes] = {}
_learnt: set[Text] = set()


def find(code: CodeType, namespace: Mapping[str, Any], /) -> Syntax | None:
    """What the text of a function says, where that text, compiled now, gives the loaded code; else None.

    The answer for a code object is settled at the first question: an edit of the file afterwards is no edit of the code.
    """
    seen = _found.get(id(code))
    if seen is not None:
        return seen[1]
    answer = None
    for data in _candidates(code.co_filename, namespace):
        answer = text(data, code.co_flags).find(code)
        if answer is not None:
            break
    if len(_found) >= _MOST:
        _found.clear()
    _found[id(code)] = (code, answer)
    return answer


def node(code: CodeType, namespace: Mapping[str, Any], /) -> Any:
    """The syntax tree of a function, where its text is that of the loaded code; else None."""
    digest = bytecode.digest(code)
    for data in _candidates(code.co_filename, namespace):
        here = text(data, code.co_flags)
        for compiled, found, _ in _parsed(here.name, data, code.co_flags & _FUTURE_FLAGS).get(code.co_qualname, ()):
            if bytecode.digest(compiled) == digest:
                return found
    return None


def text(data: bytes | str, flags: int = 0) -> Text:
    flags &= _FUTURE_FLAGS
    raw = data if isinstance(data, bytes) else b"text:" + data.encode("utf-8", "surrogatepass")
    name = sha256(raw).hexdigest() + (f"-{flags:x}" if flags else "")
    known = _texts.get(name)
    if known is None:
        if len(_texts) >= _MOST // 20:
            _texts.clear()
        known = _texts[name] = Text(name, data, flags)
    return known


def write_back() -> None:
    """Writes what was learnt of texts to the cache that other processes read."""
    while _learnt:
        _learnt.pop().write_back()


class Text:
    """One source text by its content; compiled and parsed only when something is asked that nobody remembers."""

    __slots__ = ("_data", "_flags", "_known", "name")

    def __init__(self, name: str, data: bytes | str, flags: int) -> None:
        self.name = name
        self._data = data
        self._flags = flags
        self._known: dict[str, list[tuple[int, Syntax]]] | None = None

    def find(self, code: CodeType, /) -> Syntax | None:
        if self._known is None:
            self._known = remembered.read(self.name)
        digest = bytecode.digest(code).hex()
        answers = self._known.get(digest)
        if answers is None:
            answers = [
                (compiled.co_firstlineno, syntax(node, around))
                for compiled, node, around in _parsed(self.name, self._data, self._flags).get(code.co_qualname, ())
                if bytecode.digest(compiled).hex() == digest
            ]
            if not answers:
                return None
            self._known[digest] = answers
            _learnt.add(self)
        # Of definitions with the same code (a function defined twice) the one that stands where this one stood.
        return min(answers, key=lambda each: each[0] != code.co_firstlineno)[1]

    def definition(self, qualname: str, /) -> Syntax | None:
        """What the text says of a class; None where there is none of that name."""
        found = _classes(self.name, self._data, self._flags).get(qualname)
        return None if found is None else syntax(*found)

    def write_back(self) -> None:
        if self._known is not None:
            remembered.write(self.name, self._known)


def _candidates(path: str, namespace: Mapping[str, Any]) -> Iterator[bytes | str]:
    """Texts that the code may have been compiled from: on disk, in `linecache`, from the loader."""
    linecache = sys.modules.get("linecache")
    entry = getattr(linecache, "cache", {}).get(path)
    kept = "".join(entry[2]) if entry is not None and len(entry) > 1 else None
    if kept is not None and entry[1] is None:
        yield kept  # of a cell, or of what a program entered: there is no file
    file = namespace.get("__file__")
    if not os.path.isabs(path) and isinstance(file, str) and os.path.basename(file) == os.path.basename(path):
        path = file
    if not path.startswith("<"):
        known = _files.get(path)
        if known is not None:
            yield known  # it may be out of date; then it is not the text of newer code
        try:
            with open(path, "rb") as opened:
                data = opened.read()
        except OSError:
            pass
        else:
            if data != known:
                if len(_files) >= _MOST // 100:
                    _files.clear()
                _files[path] = data
                yield data
    if kept is not None and entry[1] is not None:
        yield kept  # as the file once was
    source = getattr(namespace.get("__loader__"), "get_source", None)
    if source is not None and namespace.get("__name__") not in {"__main__", "__mp_main__"}:
        try:
            found = source(namespace.get("__name__"))
        except (ImportError, OSError, SyntaxError, UnicodeDecodeError):
            found = None
        if isinstance(found, str):
            yield found


@lru_cache(maxsize=8)
def _tree(name: str, data: bytes | str, flags: int) -> tuple[Any, CodeType] | None:  # noqa: ARG001 - part of the key
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, which were told at the import
        try:
            tree = compile(data, "<text>", "exec", flags | 0x400, dont_inherit=True)
            return tree, compile(data, "<text>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


@lru_cache(maxsize=8)
def _parsed(name: str, data: bytes | str, flags: int) -> Any:
    """Functions of a text by qualified name: compiled, with the node and what is around it."""
    made = _tree(name, data, flags)
    if made is None:
        return {}
    tree, module = made
    nodes: dict[tuple[str, int], list[tuple[Any, list[Any]]]] = {}
    for node, around in _definitions(tree, []):
        decorators = getattr(node, "decorator_list", [])
        line = min([node.lineno, *(each.lineno for each in decorators)])
        nodes.setdefault((getattr(node, "name", "<lambda>"), line), []).append((node, around))
    found: dict[str, list[tuple[CodeType, Any, list[Any]]]] = {}
    for code in _codes(module):
        here = [
            each for each in nodes.get((code.co_name, code.co_firstlineno), []) if _qualname(*each) in _readings(code)
        ]
        chosen = here[0] if len(here) == 1 else _lambda(code, here) if here else None
        if chosen is not None:
            found.setdefault(code.co_qualname, []).append((code, *chosen))
    return found


def _classes(name: str, data: bytes | str, flags: int) -> dict[str, tuple[Any, list[Any]]]:
    made = _tree(name, data, flags)
    if made is None:
        return {}
    found = _definitions(made[0], [])
    return {_qualname(node, around): (node, around) for node, around in found if isinstance(node, _ast.ClassDef)}


def _qualname(node: Any, around: list[Any]) -> str:
    outer = [
        getattr(each, "name", "<lambda>") + ("" if isinstance(each, _ast.ClassDef) else ".<locals>") for each in around[1:]
    ]
    return ".".join([*outer, getattr(node, "name", "<lambda>")])


def _definitions(node: Any, around: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    if isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda, _ast.ClassDef)):
        yield node, around
        around = [*around, node]
    elif isinstance(node, _ast.Module):
        around = [node]
    for name in node._fields:
        value = getattr(node, name, None)
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, _ast.AST):
                yield from _definitions(each, around)


def _readings(code: CodeType) -> tuple[str, ...]:
    """Qualified names of nodes that the code may be of: comprehensions, where they are functions, are in its name."""
    name = code.co_qualname
    for kind in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
        name = name.replace(f"{kind}.<locals>.", "").replace(f"{kind}.", "")
    return (name, code.co_qualname)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _lambda(code: CodeType, nodes: list[tuple[Any, list[Any]]]) -> tuple[Any, list[Any]] | None:
    """Which of the lambdas on one line the code is of: the innermost whose body holds every instruction."""
    spans = [
        (line, column, end, until)
        for line, end, column, until in code.co_positions()
        if line and end and until and column is not None and (line, column) != (code.co_firstlineno, 0)
    ]
    if spans:
        first, last = min(each[:2] for each in spans), max(each[2:] for each in spans)
        nodes = [
            each
            for each in nodes
            if (each[0].body.lineno, each[0].body.col_offset) <= first
            and last <= (each[0].body.end_lineno, each[0].body.end_col_offset)
        ]
        return max(nodes, key=lambda each: len(each[1]), default=None)
    # Python 3.12 says of no instruction of `lambda: 1` where it stands: compiled alone, it has the same constants.
    for each in nodes:
        alone = compile(_ast.Expression(each[0]), "<text>", "eval", dont_inherit=True)
        if bytecode.constant(code.co_consts) in {bytecode.constant(found.co_consts) for found in _codes(alone)}:
            return each
    return None
