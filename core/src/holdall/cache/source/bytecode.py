"""Digests of loaded code objects, and the names that they look up."""

from __future__ import annotations

import sys
from hashlib import sha256
from opcode import EXTENDED_ARG, opname
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION: Final = sys.implementation.cache_tag or "python"
"""Interpreter and minor version, which bytecode depends on."""

MUTATORS: Final = frozenset({
    "__delitem__", "__setitem__", "add", "append", "appendleft", "clear", "difference_update", "discard", "extend",
    "extendleft", "insert", "intersection_update", "pop", "popitem", "popleft", "remove", "reverse", "rotate",
    "setdefault", "sort", "subtract", "symmetric_difference_update", "update",
})  # fmt: skip
"""Methods that change a container in place."""

_MOST: Final = 20_000  # remembered code objects, about 5 MB
_digests: dict[int, tuple[CodeType, bytes]] = {}


def digest(code: CodeType, /) -> bytes:
    """Returns the sha256 of a code object without positions and file name."""
    seen = _digests.get(id(code))
    if seen is not None:
        return seen[1]
    hasher = sha256()
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    hasher.update(ascii((counts, names)).encode())
    for part in (code.co_code, code.co_exceptiontable, constant(code.co_consts)):
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    if len(_digests) >= _MOST:
        _digests.clear()
    # The object beside its digest, as an id is its own only while it lives.
    found = hasher.digest()
    _digests[id(code)] = (code, found)
    return found


def constant(value: Any, /) -> bytes:
    """Returns a constant of code with its type as bytes: 1, 1.0 and True differ, as do 0.0 and -0.0."""
    kind = type(value)
    if kind is CodeType:
        return b"code:" + digest(value)
    if kind is tuple:
        return sha256(b"tuple:" + b"".join(sha256(constant(each)).digest() for each in value)).digest()
    if kind is frozenset:
        return sha256(b"set:" + b"".join(sorted(sha256(constant(each)).digest() for each in value))).digest()
    # In hexadecimal, as Python refuses to write very long integers in decimal.
    return f"{kind.__name__}:{value:x}".encode() if kind is int else f"{kind.__name__}:{value!a}".encode()


class Import(NamedTuple):
    """An `import` in the body of a function: `level` dots, the module, and the name in it (None: the module itself)."""

    level: int
    module: str
    name: str | None


class Names(NamedTuple):
    """Names that the code of a function and of the functions inside it looks up."""

    chains: frozenset[tuple[str, ...]]
    """Global names and those that it closes over, each with the attributes that are taken of it."""
    attributes: frozenset[str]
    """Every attribute that is taken of anything."""
    stored: frozenset[str]
    """Globals, and names that it closes over, that are assigned or deleted."""
    changed: frozenset[tuple[str, ...]]
    """Chains on which a method that changes a container is called."""
    assigned: frozenset[tuple[str, ...]]
    """Chains that are assigned or deleted: `X.a = v`."""
    imports: frozenset[tuple[Import, tuple[str, ...]]]
    """What is imported in the body, each with the attributes that are taken of it."""
    dynamic: frozenset[str]
    """Builtins that look names up at run time: `getattr`, `exec` and the like."""


_DYNAMIC: Final = frozenset({"__import__", "compile", "eval", "exec", "globals", "locals", "vars"})
_GETTERS: Final = frozenset({"delattr", "getattr", "hasattr", "setattr"})
"""Builtins whose second argument is the name of an attribute."""
_LOADS_NAME: Final = frozenset({"LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_LOADS_CELL: Final = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_LOADS_LOCAL: Final = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"})
_NAMES_ATTRIBUTE: Final = {
    "LOAD_ATTR": 1 if sys.version_info >= (3, 12) else 0,
    "LOAD_METHOD": 0,
    "LOAD_SUPER_ATTR": 2,
    "STORE_ATTR": 0,
    "DELETE_ATTR": 0,
}
"""Number of bits by which the index of the name is shifted."""
_STORES_ATTRIBUTE: Final = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_STORES: Final = frozenset({"STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL"})
_BETWEEN: Final = frozenset({"PUSH_NULL", "NOP", "PRECALL", "COPY"})
_names: dict[int, tuple[CodeType, Names]] = {}


def names(code: CodeType, /) -> Names:
    """Returns the names that a function's code looks up, nested functions included."""
    seen = _names.get(id(code))
    if seen is not None:
        return seen[1]
    scan = _Scan(frozenset(code.co_freevars))
    scan.run(code, {})
    if "__class__" in scan.free:
        scan.chains.add(("__class__",))  # what `super()` looks up, though not every Python says so in the code
    found = Names(
        frozenset(scan.chains),
        frozenset(scan.attributes),
        frozenset(scan.stored),
        frozenset(scan.changed),
        frozenset(scan.assigned),
        frozenset(scan.imports),
        frozenset(scan.dynamic),
    )
    if len(_names) >= _MOST:
        _names.clear()
    _names[id(code)] = (code, found)
    return found


class _Scan:
    """One pass over the instructions: an attribute chain is compiled to neighbours."""

    def __init__(self, free: frozenset[str]) -> None:
        self.free = free
        self.chains: set[tuple[str, ...]] = set()
        self.attributes: set[str] = set()
        self.stored: set[str] = set()
        self.changed: set[tuple[str, ...]] = set()
        self.assigned: set[tuple[str, ...]] = set()
        self.imports: set[tuple[Import, tuple[str, ...]]] = set()
        self.dynamic: set[str] = set()

    def run(self, code: CodeType, outer: Mapping[str, frozenset[Import]]) -> None:
        local = _imported(code, {name: found for name, found in outer.items() if name in code.co_freevars})
        chain: list[str] = []  # what the last instructions loaded: a name and attributes
        getter = asked = False  # after `getattr`; after its first argument too
        for op, arg in instructions(code):
            if op in _BETWEEN:
                continue
            shift = _NAMES_ATTRIBUTE.get(op)
            if shift is not None:
                name = code.co_names[arg >> shift]
                self.attributes.add(name)
                if chain:
                    chain.append(name)
                    if op in _STORES_ATTRIBUTE and chain[0] not in local:
                        self.assigned.add(tuple(chain))
                continue
            if asked:
                getter = asked = False
                self._second_argument(code.co_consts[arg] if op == "LOAD_CONST" else None, chain)
            self._end(chain, local)
            chain = self._begin(code, op, arg, local)
            getter, asked = getter or (chain[0] if chain else "") in _GETTERS, getter
            self._note_store(code, op, arg)
        self._end(chain, local)
        for each in code.co_consts:
            if isinstance(each, CodeType):
                self.run(each, local)

    def _second_argument(self, text: Any, chain: list[str]) -> None:
        """Handles `getattr` with a literal name as attribute access."""
        if isinstance(text, str):
            self.attributes.add(text)
            chain += [text] if chain else []
        else:
            self.dynamic.add("getattr")

    def _note_store(self, code: CodeType, op: str, arg: int) -> None:
        if op in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
            self.stored.add(code.co_names[arg])
        elif op in {"STORE_DEREF", "DELETE_DEREF"} and (name := local_name(code, arg)) in self.free:
            self.stored.add(name)

    def _begin(self, code: CodeType, op: str, arg: int, local: Mapping[str, frozenset[Import]]) -> list[str]:
        if op == "LOAD_GLOBAL":
            return [code.co_names[arg >> 1]]
        if op in _LOADS_NAME:
            return [code.co_names[arg]]
        if op in _LOADS_CELL:
            name = local_name(code, arg)
            return [name] if name in local or name in self.free else []
        if op in _LOADS_LOCAL:
            name = local_name(code, arg)
            # What loads a cell as it is only hands it to a function inside this one.
            return [name] if name in local and name not in code.co_cellvars and name not in code.co_freevars else []
        return []

    def _end(self, chain: list[str], local: Mapping[str, frozenset[Import]]) -> None:
        if not chain:
            return
        name, attributes = chain[0], tuple(chain[1:])
        if name in local:
            self.imports.update((each, attributes) for each in local[name])
            return
        if name in _DYNAMIC and not attributes:
            self.dynamic.add(name)
        if attributes and attributes[-1] in MUTATORS:
            self.changed.add(tuple(chain[:-1]))
        self.chains.add(tuple(chain))


def _imported(code: CodeType, outer: Mapping[str, frozenset[Import]]) -> Mapping[str, frozenset[Import]]:
    """Returns what each local name is imported as, including names of the enclosing code."""
    if not any(op == "IMPORT_NAME" for op, _ in instructions(code)):
        return outer
    found = dict(outer)
    constants: list[Any] = [0, None]
    module = current = None
    bound = False  # what was imported last has its name
    for op, arg in instructions(code):
        if op in {"LOAD_CONST", "LOAD_SMALL_INT"}:
            constants = [constants[-1], code.co_consts[arg] if op == "LOAD_CONST" else arg]
        elif op == "IMPORT_NAME":
            level, wanted = constants
            module = Import(level, code.co_names[arg], None)
            # `import a.b` binds `a`; with names after it, it is `a.b` that these are taken from.
            current = module if wanted else Import(0, module.module.partition(".")[0], None)
            bound = False
        elif op == "IMPORT_FROM" and module is not None and current is not None:
            name = code.co_names[arg]
            # `import a.b.c as d` goes down step by step.
            goes_down = f"{module.module}.".startswith(f"{current.module}.{name}.")
            current = Import(0, f"{current.module}.{name}", None) if goes_down else module._replace(name=name)
            bound = False
        elif op in _STORES and current is not None:
            name = code.co_names[arg] if op in {"STORE_NAME", "STORE_GLOBAL"} else local_name(code, arg)
            found[name] = found.get(name, frozenset()) | {current}
            current = module if current.name is not None else None
            bound = True
        elif op == "POP_TOP" and bound:
            current = None
    return found


def local_name(code: CodeType, slot: int) -> str:
    """Returns the name of a local variable, cell or free variable by its index in instructions."""
    cells = tuple(each for each in code.co_cellvars if each not in code.co_varnames)
    return (*code.co_varnames, *cells, *code.co_freevars)[slot]


def instructions(code: CodeType) -> Iterator[tuple[str, int]]:
    """Yields name and argument of each instruction, without caches and extended arguments."""
    raw = code.co_code
    extended = 0
    for at in range(0, len(raw), 2):
        op, arg = raw[at], raw[at + 1] | extended
        if op == EXTENDED_ARG:
            extended = arg << 8
            continue
        extended = 0
        name = opname[op]
        pair = _PAIRS.get(name)
        if pair is not None:
            yield pair[0], arg >> 4
            yield pair[1], arg & 15
        elif op:
            yield name, arg


_PAIRS: Final = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
"""Instructions that combine two."""
