"""Named tuples and dataclasses: values of classes that users write, kept under the name of the class."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from holdall.abc.typed.form import Form
from holdall.abc.typed.names import class_name, expected, find_class
from holdall.abc.typed.refusal import Refused, described
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from holdall.abc.typed.reader import Reader
    from holdall.abc.typed.writer import Writer

_HEAP_TYPE: Final = 1 << 9


def class_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    if dataclasses.is_dataclass(kind):
        return _dataclass_plan(kind)
    if issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return _namedtuple_plan(kind)
    return None


def _namedtuple_plan(kind: Any) -> Callable[[Writer, Any, int], Any]:
    name = class_name(kind)
    fields: tuple[str, ...] = kind._fields

    def write(writer: Writer, obj: Any, level: int) -> Any:
        if len(obj) != len(fields) or getattr(obj, "__dict__", None):
            raise Refused(f"is {described(kind)} that holds more than its fields")
        payload = writer.fields(dict(zip(fields, obj, strict=True)), level, owner=obj, attributes=True)
        return writer.tagged("namedtuple", payload, name=name)

    return write


def _read_namedtuple(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    cls: Any = expected(find_class(name, trust=reader.trust, kind="namedtuple"), tuple, name, "namedtuple")
    if not isinstance(getattr(cls, "_fields", None), tuple):
        raise CorruptResultError(f"The stored data says that {name!r} is a namedtuple; it is another kind of tuple.")
    if set(cls._fields) != set(value):
        raise SerializationError(f"The stored fields of the namedtuple {name!r} are not those that it has here.")
    return tuple.__new__(cls, [value[field] for field in cls._fields])


def _dataclass_plan(kind: Any) -> Callable[[Writer, Any, int], Any]:
    name = class_name(kind)
    fields = tuple(field.name for field in dataclasses.fields(kind))
    _refuse_hidden_state(kind, fields)

    def write(writer: Writer, obj: Any, level: int) -> Any:
        refuse_strays(obj, fields)
        try:
            values = {field: getattr(obj, field) for field in fields}
        except AttributeError as error:
            raise Refused(f"is {described(kind)} with a field that is not set: {error}") from error
        return writer.tagged("dataclass", writer.fields(values, level, owner=obj, attributes=True), name=name)

    return write


def _refuse_hidden_state(kind: type, fields: Iterable[str]) -> None:
    for base in kind.__mro__[:-1]:
        if not base.__flags__ & _HEAP_TYPE:
            raise Refused(f"is {described(kind)}, a dataclass that is a {base.__name__} as well")
        slots = base.__dict__.get("__slots__", ())
        hidden = {slots} if isinstance(slots, str) else set(slots)
        if hidden - set(fields) - {"__dict__", "__weakref__"}:
            raise Refused(f"is {described(kind)}, whose slots are not all fields")


def refuse_strays(obj: Any, known: Iterable[str], /) -> None:
    """Refuse an instance with attributes that are no fields.

    What a `cached_property` left there is made anew, and `__orig_class__` is a note of `typing` for itself.
    """
    kind = type(obj)
    for stray in getattr(obj, "__dict__", {}).keys() - set(known) - {"__orig_class__"}:
        if not isinstance(getattr(kind, stray, None), cached_property):
            raise Refused(f"is {described(kind)} with the attribute {stray!r}, which is no field")


def _read_dataclass(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    cls: Any = find_class(name, trust=reader.trust, kind="dataclass")
    if not hasattr(cls, "__dataclass_fields__"):
        raise CorruptResultError(f"The stored data says that {name!r} is a dataclass; it is none.")
    if type(value) is not dict:
        raise TypeError("fields")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if unknown := value.keys() - fields.keys():
        raise SerializationError(f"The stored dataclass {name!r} has fields that it lacks here: {sorted(unknown)}.")
    # As pickle does, and unlike __init__: what was stored is put back, and nothing of the class runs.
    made = object.__new__(cls)
    for field in fields.values():
        object.__setattr__(made, field.name, value[field.name] if field.name in value else _default(field, name))
    return made


def _default(field: dataclasses.Field[Any], name: str) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise SerializationError(
        f"The stored dataclass {name!r} lacks the field {field.name!r}, which has no default here."
    )


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by class_plan")


CLASSES: Final = (
    Form("namedtuple", "class", (), _by_plan, _read_namedtuple),
    Form("dataclass", "class", (), _by_plan, _read_dataclass),
)
