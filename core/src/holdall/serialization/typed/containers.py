"""Forms of collections that plain data lacks, and of dicts whose keys are not all strings."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from holdall.serialization.typed.errors import UnsupportedValue, key_step
from holdall.serialization.typed.form import TypeHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.form import TreeReader, TreeWriter

_FACTORIES: Final[dict[str, Callable[[], Any]]] = {
    kind.__name__: kind for kind in (list, dict, set, int, float, str, bool, tuple, frozenset, bytes)
}
_ORDERED: Final = frozenset({str, int, bytes})


def pairs(writer: TreeWriter, obj: dict[Any, Any], level: int, owner: Any = None) -> list[Any]:
    """Writes `[[key, value], …]` in the order of the dict."""
    out = []
    for position, (key, value) in enumerate(obj.items()):
        step = f".keys()[{position}]"
        try:
            written = writer.value(key, level + 2)
            step = key_step(key) if type(key) in (str, int, float, bool, type(None)) else f".values()[{position}]"
            out.append([written, writer.value(value, level + 2)])
        except UnsupportedValue as unsupported:
            raise unsupported.at(step, obj if owner is None else owner) from None
    writer.check_hashes(obj)
    return out


def read_pairs(reader: TreeReader, value: Any) -> dict[Any, Any]:
    """Reads what `pairs` writes; ValueError or TypeError if no writer made it."""
    if not all(type(pair) is list and len(pair) == 2 for pair in _list(value)):
        raise TypeError("pairs")
    reader.check_hashes([pair[0] for pair in value])
    mapping: dict[Any, Any] = dict(value)
    if len(mapping) != len(value):
        raise ValueError("a key twice")
    return mapping


def _members(writer: TreeWriter, obj: set[Any] | frozenset[Any], level: int) -> list[Any]:
    kinds = set(map(type, obj))
    # Strings hash differently in each process: sorted, the same set gives the same bytes.
    members = sorted(obj) if len(kinds) == 1 and kinds <= _ORDERED else list(obj)
    written = writer.items(members, level, step=lambda _: "{…}", owner=obj)
    writer.check_hashes(members)
    return written


def _read_set(kind: type[set[Any] | frozenset[Any]]) -> Callable[[TreeReader, Any], Any]:
    def read(reader: TreeReader, value: Any) -> Any:
        reader.check_hashes(_list(value))
        members = kind(value)
        if len(members) != len(value):
            raise ValueError("a member twice")
        return members

    return read


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError(type(value).__name__)
    return value


def _write_deque(writer: TreeWriter, obj: deque[Any], level: int) -> list[Any]:
    return [writer.items(list(obj), level + 1, owner=obj), obj.maxlen]


def _read_deque(_: TreeReader, value: Any) -> deque[Any]:
    items, maxlen = value
    if maxlen is not None and type(maxlen) is not int:
        raise TypeError("maxlen")
    return deque(_list(items), maxlen)


def _write_default(writer: TreeWriter, obj: defaultdict[Any, Any], level: int) -> list[Any]:
    factory = obj.default_factory
    if factory is None:
        name = None
    else:
        name = getattr(factory, "__name__", "")
        if _FACTORIES.get(name) is not factory:
            raise UnsupportedValue(
                f"is a defaultdict whose factory is none of {', '.join(_FACTORIES)}", remedy="a plain dict or pickle"
            )
    return [name, pairs(writer, obj, level + 1)]


def _read_default(reader: TreeReader, value: Any) -> defaultdict[Any, Any]:
    name, items = value
    return defaultdict(None if name is None else _FACTORIES[name], read_pairs(reader, items))


def _three(writer: TreeWriter, obj: range | slice, level: int) -> list[Any]:
    return writer.items([obj.start, obj.stop, obj.step], level, owner=obj)


def _read_range(_: TreeReader, value: Any) -> range:
    start, stop, step = value
    if not all(type(part) in {int, bool} for part in value):
        raise TypeError("parts of a range")
    return range(start, stop, step)


def _read_slice(_: TreeReader, value: Any) -> slice:
    start, stop, step = value
    return slice(start, stop, step)


CONTAINERS: Final = (
    TypeHandler(
        "tuple",
        "tree",
        (tuple,),
        lambda writer, obj, level: writer.items(list(obj), level, owner=obj),
        lambda _, value: tuple(_list(value)),
    ),
    TypeHandler("set", "tree", (set,), _members, _read_set(set)),
    TypeHandler("frozenset", "tree", (frozenset,), _members, _read_set(frozenset)),
    TypeHandler("deque", "tree", (deque,), _write_deque, _read_deque),
    TypeHandler("dict", "tree", (), pairs, read_pairs),
    TypeHandler(
        "ordered-dict", "tree", (OrderedDict,), pairs, lambda reader, value: OrderedDict(read_pairs(reader, value))
    ),
    TypeHandler("default-dict", "tree", (defaultdict,), _write_default, _read_default),
    TypeHandler("counter", "tree", (Counter,), pairs, lambda reader, value: Counter(read_pairs(reader, value))),
    TypeHandler("range", "tree", (range,), _three, _read_range),
    TypeHandler("slice", "tree", (slice,), _three, _read_slice),
)
