"""Digests of values, the same in every process: cache keys and replays compare them.

The walk knows containers, instances and the way to a type's hasher; what the content of a type is, hashers say.
"""

from __future__ import annotations

import copyreg
import hashlib
import sys
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.encoding import SCALARS, flat, hashed, qualified, scalar
from holdall.cache.hashers import find, full_name
from holdall.cache.hashers.parts import Chunks, Step, Uncounted, Unordered, key_step, type_name
from holdall.cache.identity import _DEFINITIONS, _assumed, definition, identify, is_definition, who
from holdall.cache.layout import Layout, is_python
from holdall.cache.ownership import is_own
from holdall.cache.source import bytecode
from holdall.errors import ConfigurationError, HoldallError, describe_error

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT: Final = frozenset({str})
_PROTOCOL: Final = 5  # of __reduce_ex__: large buffers as views


def digest(value: Any, /, *, name: str = "value", ignore_types: frozenset[str] | None = None) -> str:
    """Returns the sha256 of the content of a value, type-exact, as 64 hexadecimal digits.

    Dicts and sets count without regard to order, and types count: `1`, `1.0` and `True` differ. What content is, and what
    is no content (memory layout, caches, which objects are shared), `docs/reference/cache.md` says by type.

    Args:
        value: anything.
        name: what an error calls it.
        ignore_types: types that count by their name alone, as `module:QualName`; by default those of the settings.

    Raises:
        ConfigurationError: a value in it cannot be hashed, or it is nested too deeply.
    """
    return Walk(ignore_types).named(name, value, f"The {name}").hex()


class Walk:
    """Traversal of values that computes their digests. Shared objects are visited once; sharing does not count, cycles end."""

    __slots__ = ("_colours", "_done", "_looped", "_low", "_open", "_plans", "_stack", "ignored", "within")

    def __init__(self, ignore_types: frozenset[str] | None = None, *, within: frozenset[int] = frozenset()) -> None:
        self.ignored = ignore_types
        self.within = within  # ids of the functions of tasks that this walk is about
        self._plans: dict[type, Callable[[Walk, Any], bytes]] = {}
        # The object beside its digest, as an id is its own only while it lives.
        self._done: dict[int, tuple[bytes, Any]] = {}
        # Tarjan's strongly connected components: objects on the way, in order; the place of each; those met again.
        self._stack: list[Any] = []
        self._open: dict[int, int] = {}
        self._looped: set[int] = set()
        self._low = sys.maxsize
        self._colours: dict[int, bytes] = {}

    def named(self, name: str, value: Any, subject: str, /, *, how: Callable[[Any], bytes] | None = None) -> bytes:
        """Returns the digest of a value; errors are about the `subject`, with a path that begins with the name."""
        try:
            return (how or self.of)(value)
        except Uncounted as uncounted:
            kind = uncounted.kind
            raise ConfigurationError(
                f"{subject} cannot be counted in a cache key: {name}{uncounted.path} is a {type_name(kind)}, "
                f"which {uncounted.reason}. Leave it out with Annotated[…, holdall.cache.Ignore], or "
                "count what names it with Annotated[…, holdall.cache.HashBy(function)], both on the parameter; or make "
                f"the key with a cache_key_fn, or a hasher known with holdall.cache.register_hasher({full_name(kind)!r}, …)."
            ) from uncounted.__cause__
        except RecursionError:
            raise ConfigurationError(
                f"{subject} is nested too deeply to be counted in a cache key. Leave it out with Annotated[…, "
                "holdall.cache.Ignore], count what names it with Annotated[…, holdall.cache.HashBy(function)], or make the "
                "key with a cache_key_fn."
            ) from None

    def of(self, value: Any) -> bytes:
        """Returns the digest of a value.

        Raises:
            Uncounted: a value in it has no digest.
        """
        kind = type(value)
        if kind in SCALARS:
            return scalar(kind, value)
        if (kind is list or kind is tuple) and SCALARS.issuperset(map(type, value)):
            return flat(kind, value)  # rows of a long table need no remembering
        key = id(value)
        done = self._done.get(key)
        if done is not None:
            return done[0]
        colour = self._colours.get(key)
        if colour is not None:
            return colour
        place = self._open.get(key)
        if place is not None:
            self._low = min(self._low, place)
            self._looped.add(key)
            return b""  # its containers are in one cycle with it, and are hashed again once the cycle is known
        place = self._open[key] = len(self._stack)
        self._stack.append(value)
        outer, self._low = self._low, place
        try:
            digest = self._walked(kind, value)
        except BaseException:
            # The caller may go on without this value.
            for each in self._stack[place:]:
                del self._open[id(each)]
            del self._stack[place:]
            self._low = outer
            raise
        low = self._low
        if low == place:
            members = self._stack[place:]
            del self._stack[place:]
            if len(members) == 1 and key not in self._looped:
                del self._open[key]
                self._done[key] = digest, value
            else:
                digest = self._cycle(members, value)
        self._low = min(outer, low)
        return digest

    def _cycle(self, members: list[Any], first: Any) -> bytes:
        """Returns the digest of the first of a cycle of objects; colour refinement tells its members apart.

        So neither the way in nor the order of a dict or set on it counts. All else that they hold has its digest by now.
        """
        outer = self._colours
        colours = self._colours = outer | dict.fromkeys(map(id, members), hashed(b"cycle"))
        kinds = 1
        while True:
            fresh = {id(each): self._walked(type(each), each) for each in members}
            colours.update(fresh)
            if len(set(fresh.values())) == kinds:
                break
            kinds = len(set(fresh.values()))
        self._colours = outer
        noted = _assumed.noted
        for each in members:
            del self._open[id(each)]
            self._looped.discard(id(each))
            self._done[id(each)] = hashed(b"in cycle", colours[id(each)]), each
            if noted and id(each) in noted:
                noted[id(each)] = each, self._done[id(each)][0]  # what was noted on the way was not known yet
        return self._done[id(first)][0]

    def kind(self, value: Any) -> bytes:
        """Returns the digest of the class of an object."""
        try:
            return self.of(type(value))
        except Uncounted as uncounted:
            raise uncounted.at(".__class__") from uncounted.__cause__

    def settled(self, value: Any) -> bool:
        """Returns whether all that an object holds has a final digest, so that two passes over it can be compared."""
        return bool(self._colours) or self._stack[-1] is value

    def _walked(self, kind: type, value: Any) -> bytes:
        if kind is list or kind is tuple:
            # Here and not in a method: each level of nesting costs the interpreter two frames and no more.
            found: list[bytes] = []
            try:
                for each in value:
                    found.append(self.of(each))  # noqa: PERF401 - how many there are by now is the step of the path
            except Uncounted as uncounted:
                raise uncounted.at(f"[{len(found)}]") from uncounted.__cause__
            return hashed(kind.__name__.encode(), *found)
        if kind is dict:
            return self.mapping(b"dict", value)
        if kind is set or kind is frozenset:
            return hashed(kind.__name__.encode(), *sorted(map(self.of, tuple(value))))  # as in mapping
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._plan(kind)
        return plan(self, value)

    def mapping(self, name: bytes, values: dict[Any, Any], /, *, dotted: bool = False) -> bytes:
        """Returns the digest of keys and items in any order; `dotted`: the keys are attributes."""
        values = dict(values)  # at once: another thread may store into it while its items are walked
        if _TEXT.issuperset(map(type, values)) and SCALARS.issuperset(map(type, values.values())):
            return hashed(name, b"flat", flat(list, [each for key in sorted(values) for each in (key, values[key])]))
        found = []
        key: Any = None
        try:
            for key, item in values.items():
                found.append(self.of(key) + self.of(item))
        except Uncounted as uncounted:
            raise uncounted.at(f".{key}" if dotted else key_step(key)) from uncounted.__cause__
        return hashed(name, *sorted(found))

    def content(self, given: Any) -> bytes:
        """Returns the digest of the content that a hasher returned."""
        kind = type(given)
        if kind is tuple:
            return hashed(b"parts", *map(self.content, given))
        if kind is Chunks:
            hasher = hashlib.sha256(b"chunks:")
            for buffer in given.buffers:
                hasher.update(buffer)
            return hasher.digest()
        if kind is Step:
            try:
                return self.content(given.content)
            except Uncounted as uncounted:
                raise uncounted.at(given.text) from uncounted.__cause__
        if kind is Unordered:
            return hashed(b"unordered", *sorted(map(self.content, given.contents)))
        return self.of(given)

    def _plan(self, kind: type) -> Callable[[Walk, Any], bytes]:  # noqa: PLR0911 - one line a sort of type
        """Returns the function that computes the digest of values of a type."""
        names = {full_name(base) for base in kind.__mro__}
        if names & self._ignored_types():
            return _by_type
        if kind is ModuleType:
            return _by_source
        if kind is CodeType:
            return _by_code
        if "enum:Enum" in names:
            return _member
        if "holdall.declaration.definition:Definition" in names:
            return _by_function
        if issubclass(kind, _DEFINITIONS):
            return _by_definition
        found = find(kind)
        if found is not None:
            layout = None if found.plain else Layout(kind, found.base, found.held)
            return _by_hasher(found.hasher, found.name, layout)
        if is_python(kind):
            return _by_layout(Layout(kind))
        return _by_reduction

    def _ignored_types(self) -> frozenset[str]:
        if self.ignored is None:
            # Settings are read for values that may be a connection, and for no plain one.
            from holdall.cache.ignoring import resolved
            from holdall.settings.model import current

            self.ignored = resolved(current().cache_ignore_types)
        return self.ignored


def _by_definition(walk: Walk, value: Any) -> bytes:
    return definition(value, walk)


def _by_function(walk: Walk, value: Any) -> bytes:
    """Digest of a task or flow: its function, as in the keys of its own calls, in an independent walk."""
    function = value.fn
    if id(function) in walk.within:
        return hashed(b"unit", who(function).encode())
    return hashed(b"unit", identify(function, Walk(walk.ignored, within=walk.within | {id(function)})))


def _by_source(_: Walk, value: ModuleType) -> bytes:
    """Digest of a module: its name, and for one of the user's own also the text of its file."""
    name, path = value.__name__.encode(), getattr(value, "__file__", None)
    if not (path and is_own(vars(value))):
        return hashed(b"module", name)
    try:
        with open(path, "rb") as file:
            return hashed(b"module", name, b":", hashlib.sha256(file.read()).digest())
    except OSError:
        return hashed(b"module", name, b": no file")


def _by_code(_: Walk, value: CodeType) -> bytes:
    return hashed(b"code", bytecode.VERSION.encode(), bytecode.digest(value))


def _by_type(_: Walk, value: Any) -> bytes:
    return hashed(b"ignored", qualified(type(value)))


def _by_hasher(hasher: Callable[[Any], Any], name: str, layout: Layout | None) -> Callable[[Walk, Any], bytes]:
    tag = f"of {name}".encode()

    def plan(walk: Walk, value: Any) -> bytes:
        try:
            given = hasher(value)
        except (HoldallError, RecursionError):
            raise
        except Exception as error:  # the boundary to a plugin's or a user's function, which may raise anything
            raise Uncounted(type(value), f"its hasher could not read ({describe_error(error)})") from error
        found = walk.content(given)
        if layout is None:
            return hashed(tag, found)
        return hashed(tag, found, walk.kind(value), walk.mapping(b"state", layout.state(value), dotted=True))

    return plan


def _by_layout(layout: Layout) -> Callable[[Walk, Any], bytes]:
    def plan(walk: Walk, value: Any) -> bytes:
        state = layout.state(value)
        if "__wrapped__" in state:
            return definition(value, walk)  # what a decorator has made of a function
        return hashed(b"object", walk.kind(value), walk.mapping(b"state", state, dotted=True))

    return plan


def _member(walk: Walk, value: Any) -> bytes:
    """Digest of an enum member: its class, name and value."""
    return hashed(b"member", walk.kind(value), walk.of(value._name_), walk.of(value._value_))


def _by_reduction(walk: Walk, value: Any) -> bytes:
    """Digest of a value of an unknown type written in C: what it is pickled as, if that is always the same."""
    if is_definition(value):
        return definition(value, walk)
    digest = _reduced(walk, value)
    if walk.settled(value) and digest != _reduced(walk, value):
        raise Uncounted(type(value), "is known by its pickle alone, which is another one each time")
    return digest


def _reduced(walk: Walk, value: Any) -> bytes:
    kind = type(value)
    reduce = copyreg.dispatch_table.get(kind)
    try:
        made = reduce(value) if reduce is not None else value.__reduce_ex__(_PROTOCOL)
    except RecursionError:
        raise
    except Exception as error:  # a user's __reduce__ may raise anything
        raise Uncounted(
            kind, f"has no content that is known, and cannot be pickled ({describe_error(error)})"
        ) from error
    if isinstance(made, str):
        if _global(getattr(value, "__module__", None) or kind.__module__, made) is not value:
            raise Uncounted(kind, f"is pickled by the name {made!r}, which does not lead back to it")
        return hashed(b"global", walk.kind(value), walk.of(made))
    function, args, state, items, pairs = (*made, None, None, None, None)[:5]
    parts = [walk.kind(value), walk.of(function), walk.content(tuple(args)), _state(walk, state)]
    parts.append(walk.of(list(items)) if items is not None else b"")
    parts.append(walk.mapping(b"pairs", dict(pairs)) if pairs is not None else b"")
    return hashed(b"reduced", *(each or hashed(b"nothing") for each in parts))


def _state(walk: Walk, state: Any) -> bytes:
    # Created for this call: it cannot be met again.
    if type(state) is dict:
        return walk.mapping(b"dict", state, dotted=True)
    return walk.content(state)


def _global(module: str | None, qualname: str) -> Any:
    value: Any = sys.modules.get(module or "")
    for part in qualname.split("."):
        value = getattr(value, part, None)
    return value
