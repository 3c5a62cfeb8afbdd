"""Source texts of loaded code: search, check that they are what was loaded, and their digests."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.ownership import MAINS
from holdall.cache.source import bytecode, remembered
from holdall.cache.source.parsing import class_of, definitions
from holdall.cache.source.syntax import Syntax, syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType

_FUTURE_FLAGS: Final = 0x1FE0000  # as `__future__` has them
_MOST: Final = 20_000
_found: dict[int, tuple[CodeType, Syntax | None]] = {}
_texts: dict[str, Text] = {}
_files: dict[str, bytes] = {}
_learnt: set[Text] = set()


def find(code: CodeType, namespace: Mapping[str, Any], /) -> Syntax | None:
    """Returns the syntax of a function, if its text compiles to the loaded code; None otherwise.

    The first result for a code object is final: a later edit of the file does not change the code.
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
    """Returns the syntax tree of a function, if its text compiles to the loaded code; None otherwise."""
    for data in _candidates(code.co_filename, namespace):
        found = definitions(data, code.co_flags & _FUTURE_FLAGS, code)
        if found:
            return found[0].node
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
    """Writes the digests of texts to the cache that other processes read."""
    while _learnt:
        _learnt.pop().write_back()


class Text:
    """Source text by its content; compiled and parsed only for digests that are not in the on-disk cache."""

    __slots__ = ("_data", "_flags", "_known", "name")

    def __init__(self, name: str, data: bytes | str, flags: int) -> None:
        self.name = name
        self._data = data
        self._flags = flags
        self._known: dict[str, dict[int, Syntax]] | None = None

    def find(self, code: CodeType, /) -> Syntax | None:
        if self._known is None:
            self._known = remembered.read(self.name)
        digest = bytecode.digest(code).hex()
        lines = self._known.setdefault(digest, {})
        answer = lines.get(code.co_firstlineno)
        if answer is not None:
            return answer
        found = definitions(self._data, self._flags, code)
        if not found:
            return None
        # Of definitions with the same code (a function written twice) the one that stands where this one stood.
        chosen = min(found, key=lambda each: abs(each.line - code.co_firstlineno))
        answer = lines.get(chosen.line)
        if answer is None:
            answer = lines[chosen.line] = syntax(chosen.node, chosen.around)
            _learnt.add(self)
        return answer

    def statement(self, qualname: str, /) -> Syntax | None:
        """Returns the syntax of a class; None if the text has none of that name."""
        found = class_of(self._data, qualname)
        return None if found is None else syntax(found.node, found.around)

    def write_back(self) -> None:
        if self._known is not None:
            remembered.write(self.name, self._known)


def _candidates(path: str, namespace: Mapping[str, Any]) -> Iterator[bytes | str]:
    """Yields the texts that the code may have been compiled from: on disk, in `linecache`, from the loader."""
    kept, is_file = _in_linecache(path)
    if kept is not None and not is_file:
        yield kept  # of a cell, or of what a program entered
    file = namespace.get("__file__")
    if not os.path.isabs(path) and isinstance(file, str) and os.path.basename(file) == os.path.basename(path):
        path = file
    if not path.startswith("<"):
        yield from _on_disk(path)
    if kept is not None and is_file:
        yield kept  # as the file once was
    source = getattr(namespace.get("__loader__"), "get_source", None)
    if source is not None and namespace.get("__name__") not in MAINS:
        try:
            found = source(namespace.get("__name__"))
        except (ImportError, OSError, SyntaxError, UnicodeDecodeError):
            found = None
        if isinstance(found, str):
            yield found


def _in_linecache(path: str) -> tuple[str | None, bool]:
    """Returns the text that `linecache` has by that name, and whether it is that of a file."""
    entry = getattr(sys.modules.get("linecache"), "cache", {}).get(path)
    if entry is None or len(entry) == 1:
        return None, False
    return "".join(entry[2]), entry[1] is not None


def _on_disk(path: str) -> Iterator[bytes]:
    known = _files.get(path)
    if known is not None:
        yield known  # it may be out of date; then it is not the text of newer code
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except OSError:
        return
    if data != known:
        if len(_files) >= _MOST // 100:
            _files.clear()
        _files[path] = data
        yield data
