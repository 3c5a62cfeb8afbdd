"""Reach of a function, which `CODE` counts: itself and all that its names resolve to inside the user's own packages."""

from __future__ import annotations

import functools
import sys
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from holdall.cache.code.following import Following, Value
from holdall.cache.code.holding import definitions_in, members
from holdall.cache.identity import Owned, assuming, fresh, hashed, is_definition, noting, owns, who
from holdall.cache.ownership import is_own
from holdall.cache.source import texts
from holdall.errors import HoldallError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdall.cache.code.probes import Probes
    from holdall.cache.code.unfollowed import Unfollowed
    from holdall.cache.identity import Walk

_ROUNDS: Final = 8
_ROOT: Final = "the function"


def reach(fn: Any, /, *, include: Iterable[str] = (), exclude: Iterable[str] = (), also: Iterable[Any] = ()) -> Reach:
    """Returns the reach of a function, computed on first use.

    Args:
        fn: A function, method, partial or callable object.
        include: Names of installed modules and packages that are gone into as the user's own are.
        exclude: Names of modules and packages of the user's that count by their names alone.
        also: Functions, classes, modules and values that count too, because no name in the code leads to them.
    """
    return Reach(fn, Scope(frozenset(include), frozenset(exclude)), tuple(also))


def reached_by(values: Any, walk: Walk, /) -> bytes:
    """Returns the digest of what functions and classes among the inputs of a call reach; empty if there are none.

    The definition of a function that is an input counts with the inputs; this adds the helpers and globals that it uses,
    and those that the methods of an object use. What cannot be counted there counts by its name.
    """
    found: dict[int, Any] = {}
    todo = list(definitions_in(values, _is_own_class))
    while todo:
        each = todo.pop()
        if id(each) in found:
            continue
        found[id(each)] = each
        if isinstance(each, MethodType):
            todo += [each.__func__, *definitions_in(each.__self__, _is_own_class)]
        elif is_definition(each) and not isinstance(each, (FunctionType, type)):
            todo += definitions_in([value for _, value in members(each)], _is_own_class)
    digests = set()
    for each in found.values():
        if isinstance(each, (FunctionType, type)) and _is_own(each):
            known = _of_inputs.get(each)
            if known is None:
                known = _of_inputs[each] = reach(each)
            digests.add(known.countable(walk))
    return hashed(b"inputs", *sorted(digests)) if digests else b""


_of_inputs: WeakKeyDictionary[Any, Reach] = WeakKeyDictionary()


def _is_own(value: FunctionType | type) -> bool:
    return _is_own_class(value) if isinstance(value, type) else is_own(value.__globals__)


def _is_own_class(cls: type) -> bool:
    module = sys.modules.get(cls.__module__)
    return is_own({"__name__": cls.__module__} if module is None else vars(module))


class Scope(NamedTuple):
    """Decides which modules a walk goes into."""

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    def owns(self, namespace: Mapping[str, Any], /) -> bool:
        if self.include or self.exclude:
            name = str(namespace.get("__name__"))
            parts = name.split(".")
            for end in range(len(parts), 0, -1):
                outer = ".".join(parts[:end])
                if outer in self.exclude or outer in self.include:
                    return outer in self.include
        return is_own(namespace)


def alone(fn: Any, /) -> Reach:
    """Returns the reach of a function without what its names resolve to in modules, for keys that do not count code.

    Its digest distinguishes the same functions as `identify`, and costs a microsecond if nothing has changed.
    """
    return Reach(fn, Scope(), (), alone=True)


class Reach:
    """Memoized walk of one function. Each call checks whether what the walk met is unchanged."""

    __slots__ = ("_alone", "_also", "_fn", "_known", "_scope", "who")

    def __init__(self, fn: Any, scope: Scope, also: tuple[Any, ...], *, alone: bool = False) -> None:
        self.who = who(fn)
        self._alone = alone
        self._fn = fn
        self._scope = scope
        self._also = also
        self._known: Known | None = None

    def digest(self, walk: Walk, /) -> bytes | None:
        """Returns the digest of everything that is reached, as it is now; None if `uncounted` names a value that has none.

        A call without a digest is never the same as another.

        Args:
            walk: The walk of values. Each value is hashed by a new one: `walk.fresh()`, or its type without arguments.
        """
        known = self.now(walk)
        return None if known.uncounted else known.digest

    def countable(self, walk: Walk, /) -> bytes:
        """Returns the digest of all that can be hashed, with the names of what cannot."""
        return self.now(walk).digest

    def parts(self, walk: Walk, /) -> list[tuple[str, str]]:
        """Returns name and digest of each thing that is reached, to show and compare."""
        return list(self.now(walk).parts)

    def uncounted(self, walk: Walk, /) -> tuple[tuple[str, str], ...]:
        """Returns the globals that cannot be hashed: name and reason."""
        return self.now(walk).uncounted

    def stored(self, walk: Walk, /) -> tuple[str, ...]:
        """Returns the globals that do not count, because what is reached stores into them."""
        return self.now(walk).stored

    def unfollowed(self, walk: Walk, /) -> list[Unfollowed]:
        """Returns the places in reached code that the walk cannot follow, with the reasons."""
        from holdall.cache.code.unfollowed import unfollowed_in

        return unfollowed_in(self.now(walk).functions)

    def now(self, walk: Walk, /) -> Known:
        """Returns the outcome of the last walk if everything is unchanged, otherwise that of a new walk.

        Thread-safe: each caller gets the outcome of one walk, which does not change afterwards; which of several new ones
        is memoized does not matter, as the next call checks it again.
        """
        known = self._known
        if known is None or not known.holds(walk):
            known = self._known = _walked(self._fn, self._scope, self._also, walk, alone=self._alone)
        return known


class Known(NamedTuple):
    """Outcome of a walk, with everything that it depends on."""

    digest: bytes
    parts: tuple[tuple[str, str], ...]
    uncounted: tuple[tuple[str, str], ...]
    stored: tuple[str, ...]
    functions: tuple[tuple[FunctionType, type | None], ...]
    probes: Probes
    values: tuple[tuple[Any, bytes, dict[int, tuple[Any, bytes]]], ...]
    """Values that can change in place, with their digests, and those of the definitions in them that are probed."""

    def holds(self, walk: Walk) -> bool:
        if self.uncounted or not self.probes.unchanged():
            return False
        if not self.values:
            return True
        try:
            return all(assuming(known, fresh(walk), value) == digest for value, digest, known in self.values)
        except HoldallError:
            return False


class _Recording(Owned):
    """Traversal of definitions that records which values can change in place."""

    __slots__ = ("_scope", "values")

    def __init__(self, walk: Walk, scope: Scope) -> None:
        super().__init__(walk)
        self._scope = scope
        self.values: dict[int, tuple[Any, bytes, dict[int, tuple[Any, bytes]]]] = {}

    def owns(self, namespace: Mapping[str, Any], /) -> bool:
        return self._scope.owns(namespace)

    def value(self, value: Any, /) -> bytes:
        if _is_constant(value):
            return self.walk.of(value)
        found, definitions = noting(fresh(self.walk), value)
        self.values[id(value)] = (value, found, definitions)
        return found


_CONSTANTS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, ModuleType, type(...), range})


def _is_constant(value: Any) -> bool:
    kind = type(value)
    return kind in _CONSTANTS or (kind in {tuple, frozenset} and all(map(_is_constant, value)))


def _walked(fn: Any, scope: Scope, also: tuple[Any, ...], walk: Walk, *, alone: bool = False) -> Known:
    stored: dict[tuple[int, str], str] = {}
    for _ in range(_ROUNDS):
        recording = _Recording(walk, scope)
        following = Following(recording, frozenset(stored), alone=alone)
        following.start(fn, also)
        new = {key: name for key, name in following.stored.items() if key in following.counted and key not in stored}
        if not new:
            break
        stored |= following.stored
    parts: list[tuple[str, str]] = []
    uncounted: list[tuple[str, str]] = []
    counted = functools.partial(_counted, walk=recording, parts=parts, uncounted=uncounted)
    own = [counted(_name(node.target), node.target) for node in following.nodes]
    edges = [
        [
            (label.encode("utf-8", "surrogatepass"), counted(*edge) if isinstance(edge, Value) else edge)
            for label, edge in node.edges
        ]
        for node in following.nodes
    ]
    texts.write_back()
    return Known(
        digest=_graph(own, edges),
        parts=tuple(dict.fromkeys(parts)),
        uncounted=tuple(dict.fromkeys(uncounted)),
        stored=tuple(sorted(stored[key] for key in following.left_out)),
        functions=tuple(following.functions),
        probes=following.probes,
        values=tuple((value, found, _probed(known, following)) for value, found, known in recording.values.values()),
    )


def _probed(known: dict[int, tuple[Any, bytes]], following: Following) -> dict[int, tuple[Any, bytes]]:
    """Returns the definitions whose changes the probes show, or that cannot change: code of others counts by its name."""
    met = {id(node.target) for node in following.nodes}
    return {
        key: each
        for key, each in known.items()
        if key in met or (isinstance(each[0], type) and not owns(following.walk, each[0])) or _is_of_others(each[0])
    }


def _is_of_others(value: Any) -> bool:
    return isinstance(value, FunctionType) and not value.__closure__ and not is_own(value.__globals__)


def _graph(own: list[bytes], edges: list[list[tuple[bytes, bytes | str | int]]]) -> bytes:
    """Returns the digest of a graph from its first node; how often equal parts occur does not count.

    A worker process may have a function twice, by value and by name, where its parent has it once.
    """
    while True:
        new = [
            hashed(colour, *(part for label, edge in found for part in (label, _edge(edge, own))))
            for colour, found in zip(own, edges, strict=True)
        ]
        if len(set(new)) == len(set(own)):
            return hashed(new[0], *sorted(set(new)))
        own = new


def _edge(edge: bytes | str | int, own: list[bytes]) -> bytes:
    if isinstance(edge, int):
        return b"node:" + own[edge]
    return b"value:" + edge if isinstance(edge, bytes) else b"name:" + edge.encode()


def _counted(
    name: str, value: Any, *, walk: _Recording, parts: list[tuple[str, str]], uncounted: list[tuple[str, str]]
) -> bytes:
    if value is None and name == _ROOT:
        return b"root"
    if isinstance(value, ModuleType):
        return value.__name__.encode()
    try:
        found = walk.of(value)
    except (HoldallError, RecursionError) as error:
        uncounted.append((name, str(error)))
        return f"uncounted {name}".encode()
    if not is_definition(value) or isinstance(value, (FunctionType, type)):
        parts.append((name, found.hex()))
    return found


def _name(target: Any) -> str:
    if target is None:
        return _ROOT
    return target.__name__ if isinstance(target, ModuleType) else who(target)
