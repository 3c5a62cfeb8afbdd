"""Traversal from a function to everything that its names resolve to inside the user's own packages."""

from __future__ import annotations

import builtins
import sys
from abc import ABCMeta
from collections import deque
from functools import singledispatchmethod
from types import CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.cache.classes import is_generated, own_hints, own_items
from holdall.cache.code import imports
from holdall.cache.code.holding import definitions_in, members
from holdall.cache.code.probes import EMPTY, MISSING, Probes, contents
from holdall.cache.identity import is_definition, owns, owns_namespace, stores
from holdall.cache.source import bytecode, texts
from holdall.cache.source.hints import classes_in
from holdall.errors import HoldallError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdall.cache.identity import Walk

_OF_MODULES: Final = frozenset({
    "__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__",
})  # fmt: skip
"""Attributes that Python sets on a module: its location and loader do not count."""
_CHANGEABLE: Final = (dict, list, set, bytearray, deque)


class Value(NamedTuple):
    """A value that a name resolves to: its content counts."""

    name: str
    value: Any


class Node(NamedTuple):
    """A definition that counts; nodes are in the order in which the walk met them."""

    target: Any
    owner: type | None
    edges: list[tuple[str, Any]]
    """Name in the definition -> number of another node, a `Value`, or a text."""


class Following:
    """One traversal. What functions store into is known at its end; if that matters, it is repeated."""

    def __init__(self, walk: Walk, stored: frozenset[tuple[int, str]], *, alone: bool = False) -> None:
        self.walk = walk
        self.alone = alone
        """Whether only what belongs to the definition is walked, and no name is looked up in a module."""
        self.stored_before = stored
        self.stored: dict[tuple[int, str], str] = {}
        self.left_out: set[tuple[int, str]] = set()
        self.counted: set[tuple[int, str]] = set()
        self.nodes: list[Node] = []
        self.probes = Probes()
        self.functions: list[tuple[FunctionType, type | None]] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._done = 0

    def start(self, fn: Any, also: Iterable[Any]) -> None:
        node = Node(None, None, [])
        self.nodes.append(node)
        self._done = 1
        self._follow(node, "function", fn, (), at="the object")
        for number, each in enumerate(also):
            self._follow(node, f"also[{number}]", each, ())
        while self._done < len(self.nodes):
            self._expand(self.nodes[self._done])
            self._done += 1

    # -------------------------------------------------------------------------------------------------------- nodes

    def _visit(self, target: Any, owner: type | None = None) -> int:
        key = (id(target), id(owner))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.nodes)
            self.nodes.append(Node(target, owner, []))
        return number

    def _expand(self, node: Node) -> None:
        target = node.target
        if isinstance(target, FunctionType):
            self._function(node, target)
        elif isinstance(target, ModuleType):
            self._module(node, target)
        elif isinstance(target, type):
            self._class(node, target)
        elif isinstance(target, MethodType):
            bound = target.__self__
            owner = bound if isinstance(bound, type) else type(bound)
            node.edges.append(("function", self._visit(target.__func__, owner)))
            self._inside(node, "self", bound)
        else:
            for name, each in members(target):
                if isinstance(each, FunctionType):
                    node.edges.append((name, self._visit(each, node.owner)))
                else:
                    self._follow(node, name, each, (), counted=True)

    def _function(self, node: Node, fn: FunctionType) -> None:
        self.probes.functions[id(fn)] = (fn, fn.__code__, fn.__defaults__, fn.__kwdefaults__)
        free = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
        namespace = fn.__globals__
        if "__wrapped__" in fn.__dict__:
            self._follow(node, "wrapped", fn.__dict__["__wrapped__"], (), counted=True)
        if not owns_namespace(self.walk, namespace):
            for name, cell in sorted(free.items()):
                self._cell(node, name, cell, ())
            return
        self.functions.append((fn, node.owner))
        names = bytecode.names(fn.__code__)
        self._note_stored(fn, names, free)
        into = stores(fn) if free else frozenset()
        for chain in sorted(names.chains):
            if chain[0] in free:
                self._cell(node, ".".join(chain), free[chain[0]], chain[1:], stored=chain[0] in into)
        if not self.alone:
            self._looked_up(node, fn, names, set(free))
        for number, each in enumerate(fn.__defaults__ or ()):
            self._inside(node, f"default {number}", each)
        for name, each in sorted((fn.__kwdefaults__ or {}).items()):
            self._inside(node, f"default {name}", each)

    def _looked_up(self, node: Node, fn: FunctionType, names: bytecode.Names, free: set[str]) -> None:
        """Follows the names of a function in its module, in what it imports, and over classes."""
        namespace = fn.__globals__
        for chain in sorted(names.chains):
            if chain[0] not in free:
                self._global(node, namespace, chain)
        for found, taken in sorted(names.imports, key=str):
            self._import(node, namespace, found, taken)
        if names.attributes:
            self._typed(node, fn, node.owner or root_owner(fn, namespace), names.attributes)

    def _typed(self, node: Node, fn: FunctionType, owner: type | None, attributes: frozenset[str]) -> None:
        """Follows methods of `self`, `cls` and names annotated with a class: every attribute that it could be."""
        hinted = list(classes_in(fn.__annotations__.items(), fn.__globals__, leave_out="return"))
        if owner is not None:
            for each in owner.__mro__:
                module = sys.modules.get(each.__module__)
                if owns(self.walk, each):
                    hinted += classes_in(own_hints(each).items(), vars(module) if module is not None else {})
        for cls in dict.fromkeys([*([owner] if owner is not None else []), *hinted]):
            for name in sorted(attributes):
                self._attribute(node, f"{cls.__qualname__}.{name}", cls, name, (), counted=True)

    def _class(self, node: Node, cls: type) -> None:
        if not owns(self.walk, cls):
            return
        meta: type = type(cls)
        for each in cls.__mro__ + meta.__mro__:
            if not owns(self.walk, each):
                continue
            self.probes.note_class(each)
            for name, value in sorted(own_items(each), key=lambda item: item[0]):
                if is_definition(value):
                    node.edges.append((f"{each.__qualname__}.{name}", self._visit(value, cls)))
                else:
                    self._inside(node, f"{each.__qualname__}.{name}", value)
            for name, field in (each.__dict__.get("__dataclass_fields__") or {}).items():
                self._inside(node, f"{each.__qualname__}.{name}", field.default_factory)

    def _module(self, node: Node, module: ModuleType) -> None:
        """Follows a module that is used as a value: everything in it counts."""
        for name in sorted(vars(module)):
            if not self.alone and not (name.startswith("__") and name.endswith("__")):
                self._global(node, vars(module), (name,))

    # -------------------------------------------------------------------------------------------------------- names

    def _global(self, node: Node, namespace: Mapping[str, Any], chain: tuple[str, ...]) -> None:
        name = chain[0]
        value = self._entry(namespace, name)
        if value is MISSING:
            if not hasattr(builtins, name):
                node.edges.append((".".join(chain), "absent"))
        elif name in _OF_MODULES:
            node.edges.append((".".join(chain), name))
        elif not self._is_left_out(namespace, name):
            self._follow(node, ".".join(chain), value, chain[1:], at=f"{namespace.get('__name__')}.{name}")

    def _entry(self, mapping: Mapping[str, Any], name: str) -> Any:
        value = mapping.get(name, MISSING)
        self.probes.entries[id(mapping), name] = (mapping, name, value)
        return value

    def _is_left_out(self, namespace: Mapping[str, Any] | type, name: str) -> bool:
        key = (id(namespace), name)
        if key in self.stored_before:
            self.left_out.add(key)
            return True
        self.counted.add(key)
        return False

    def _cell(
        self, node: Node, label: str, cell: CellType, attributes: tuple[str, ...], *, stored: bool = False
    ) -> None:
        value = contents(cell)
        if stored and not is_definition(value):
            return  # it counts as it was at first
        self.probes.cells[id(cell)] = (cell, value)
        if value is not EMPTY:
            self._follow(node, label, value, attributes, counted=True)

    def _import(
        self, node: Node, namespace: Mapping[str, Any], found: bytecode.Import, attributes: tuple[str, ...]
    ) -> None:
        name = imports.absolute(found.level, found.module, namespace)
        names = (*(() if found.name is None else (found.name,)), *attributes)
        label = ".".join([f"import {'.' * found.level}{found.module}", *names])
        module = imports.loaded(name, self._is_own)
        if isinstance(module, ModuleType):
            self._follow(node, label, module, names)
        else:
            node.edges.append((label, "absent" if module is None else f"{name}.{'.'.join(names)}"))

    def _is_own(self, namespace: Mapping[str, Any]) -> bool:
        return owns_namespace(self.walk, namespace)

    def _follow(
        self,
        node: Node,
        label: str,
        value: Any,
        attributes: tuple[str, ...],
        *,
        at: str = "",
        counted: bool = False,
    ) -> None:
        """Follows attributes as far as names lead, and adds what is there to the node.

        `counted`: the content of the value counts already, as a part of the definition.
        """
        while isinstance(value, ModuleType):
            if attributes[:1] == ("__dict__",):
                attributes = ()  # whatever is looked up in it
            if not attributes or not owns_namespace(self.walk, vars(value)):
                is_own = owns_namespace(self.walk, vars(value))
                node.edges.append((label, self._visit(value) if is_own else f"{value.__name__}.{'.'.join(attributes)}"))
                return
            at, counted = f"{value.__name__}.{attributes[0]}", False
            value, attributes = self._member(node, label, value, attributes[0]), attributes[1:]
        if value is MISSING:
            return
        if (
            isinstance(value, type)
            and attributes
            and self._attribute(node, label, value, attributes[0], attributes[1:], counted=counted)
        ):
            return
        if is_definition(value):
            node.edges.append((label, self._visit(value)))
            if attributes and isinstance(value, FunctionType) and attributes[0] in value.__dict__:
                self._note(node, label, value, attributes[0])
            return
        if not counted:
            node.edges.append((label, Value(at or label, value)))
        self._inside(node, label, value)

    def _note(self, node: Node, label: str, fn: FunctionType, name: str) -> None:
        """Follows an attribute that was set on a function."""
        value = self._entry(fn.__dict__, name)
        if name != "__wrapped__" and not self._is_left_out(fn.__dict__, name):
            self._follow(node, f"{label}, {name}", value, (), at=f"{fn.__module__}.{fn.__qualname__}.{name}")

    def _member(self, node: Node, label: str, module: ModuleType, name: str) -> Any:
        """Returns the attribute of a module; MISSING if it is handled here."""
        value = self._entry(vars(module), name)
        if value is not MISSING:
            return MISSING if self._is_left_out(vars(module), name) else value
        if hasattr(module, "__path__"):
            inner = f"{module.__name__}.{name}"
            found = imports.loaded(inner, self._is_own)
            self._entry(vars(module), name)
            if isinstance(found, ModuleType):
                return found
            if found is not None:
                node.edges.append((label, inner))
                return MISSING
        getter = vars(module).get("__getattr__")
        node.edges.append((label, self._visit(getter) if isinstance(getter, FunctionType) else "absent"))
        return MISSING

    def _attribute(self, node: Node, label: str, cls: type, name: str, rest: tuple[str, ...], *, counted: bool) -> bool:
        """Adds an attribute of a class; returns False if the whole class has to count."""
        if name == "__dict__" or type(cls) not in {type, ABCMeta} or not owns(self.walk, cls):
            return False
        for each in cls.__mro__:
            if not owns(self.walk, each):
                if name in each.__dict__:
                    return True
                continue
            value = self._entry(each.__dict__, name)
            if is_generated(value):
                return counted
            if value is not MISSING:
                if is_definition(value):
                    node.edges.append((label, self._visit(value, cls)))
                elif isinstance(value, singledispatchmethod):
                    return False
                elif not self._is_left_out(each, name):
                    self._follow(node, label, value, rest, at=f"{each.__module__}.{each.__qualname__}.{name}")
                return True
        return counted

    def _inside(self, node: Node, label: str, value: Any) -> None:
        """Follows definitions inside a value: functions in a table, the class of an instance and what is in its attributes."""
        found: dict[int, Any] = {}
        for each in definitions_in(value, lambda cls: owns(self.walk, cls)):
            if not isinstance(each, type) or owns(self.walk, each):
                found.setdefault(id(each), each)
        # The order of a table does not count, that of its functions by content does not depend on it.
        for number, each in enumerate(sorted(found.values(), key=self._rank)):
            node.edges.append((f"{label}[{number}]", self._visit(each)))

    def _rank(self, target: Any) -> bytes:
        try:
            return self.walk.of(target)
        except HoldallError:
            return b""  # it cannot be counted, and is named when the nodes are

    # ------------------------------------------------------------------------------------------------------- stores

    def _note_stored(self, fn: FunctionType, names: bytecode.Names, free: Mapping[str, CellType]) -> None:
        namespace = fn.__globals__
        for name in names.stored - set(free):
            self.stored.setdefault((id(namespace), name), f"{namespace.get('__name__')}.{name}")
        found = texts.find(fn.__code__, namespace)
        roots = {chain[0] for chain in names.chains} - set(free)
        for each in found.stored if found is not None else ():
            self._stored_at(namespace, each.split("."), roots, any_kind=True)
        for chain in names.assigned:
            self._stored_at(namespace, list(chain), roots, any_kind=True)
        for chain in names.changed:
            self._stored_at(namespace, list(chain), roots, any_kind=False)

    def _stored_at(self, namespace: dict[str, Any], names: list[str], roots: set[str], *, any_kind: bool) -> None:
        if names[0] not in roots:
            return
        while names[1:] and isinstance(module := namespace.get(names[0]), ModuleType):
            namespace, names = vars(module), names[1:]
        value = namespace.get(names[0], MISSING)
        if isinstance(value, (type, FunctionType)) and names[1:]:
            owner = value if isinstance(value, type) else value.__dict__
            self.stored.setdefault((id(owner), names[1]), f"{value.__module__}.{value.__qualname__}.{names[1]}")
        elif value is not MISSING and not is_definition(value) and (any_kind or isinstance(value, _CHANGEABLE)):
            self.stored.setdefault((id(namespace), names[0]), f"{namespace.get('__name__')}.{names[0]}")


def root_owner(fn: Any, namespace: Mapping[str, Any]) -> type | None:
    """Returns the class in whose body a function is defined, by its qualified name."""
    *outer, name = str(getattr(fn, "__qualname__", "")).split(".")
    if not outer or "<locals>" in outer:
        return None
    found: Any = namespace.get(outer[0])
    for each in outer[1:]:
        found = vars(found).get(each) if isinstance(found, type) else None
    return found if isinstance(found, type) and name in vars(found) else None
