"""Values of classes that users write, under the name of the class: enums, dataclasses, attrs classes, named tuples."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum, EnumType, Flag
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.form import TypeHandler
from holdall.serialization.typed.instance_layout import Layout, default_of
from holdall.serialization.typed.static_lookup import (
    Missing,
    descends,
    has_own_hash,
    is_builtin,
    is_generated,
    module_of,
    names,
    raw,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.serialization.typed.form import TreeReader, TreeWriter

Defaults = dict[str, tuple[Any, Any]]
"""Default and factory by the name of the field, `Missing` for what there is not."""

_COMPOSING_METHODS: Final = (
    "__eq__",
    "__getattribute__",
    "__hash__",
    "__setattr__",
    "_iter_member_",
    "_iter_member_by_def_",
    "_iter_member_by_value_",
    "_numeric_repr_",
)
"""What the standard library may call of a class to make a value of several flags."""
_FLAG_MISSING: Final[Any] = names(Flag)["_missing_"].__func__


def class_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    for tag, find in (("dataclass", _dataclass_fields), ("attrs", _attrs_fields)):
        fields = find(kind)
        if fields is not None:
            return _fields_plan(tag, kind, fields)
    if descends(kind, tuple) and (of_tuple := _tuple_fields(kind)) is not None:
        return _namedtuple_plan(kind, of_tuple)
    return None


def _dataclass_fields(kind: type) -> Defaults | None:
    found = raw(kind, "__dataclass_fields__")
    if type(found) is not dict or not all(type(field) is dataclasses.Field for field in found.values()):
        return None
    real = {name: field for name, field in found.items() if field._field_type is _FIELD}  # noqa: SLF001 - as `dataclasses.fields` does
    return {name: (_given(field.default), _given(field.default_factory)) for name, field in real.items()}


_FIELD: Final[Any] = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - as `fields` tells ClassVar apart


def _given(value: Any) -> Any:
    return Missing if value is dataclasses.MISSING else value


def _attrs_fields(kind: type) -> Defaults | None:
    found = raw(kind, "__attrs_attrs__")
    library = sys.modules.get("attr._make")
    if library is None or not descends(type(found), tuple):
        return None
    fields: Defaults = {}
    for field in tuple.__iter__(found):
        if type(field) is not library.Attribute:
            return None
        default = field.default
        if type(default) is library.Factory:
            fields[field.name] = (Missing, Missing if default.takes_self else default.factory)
            if default.takes_self:
                fields[field.name] = (Missing, default)
        else:
            fields[field.name] = (Missing if default is library.NOTHING else default, Missing)
    return fields


def _tuple_fields(kind: type) -> tuple[str, ...] | None:
    found = raw(kind, "_fields")
    return found if type(found) is tuple and all(type(name) is str for name in found) else None


def _fields_plan(tag: str, kind: type, fields: Defaults) -> Callable[[TreeWriter, Any, int], Any]:
    layout = Layout(kind)
    name = class_name(kind)

    def write(writer: TreeWriter, obj: Any, level: int) -> Any:
        held = layout.held(obj)
        values = {field: _value(held, field, layout, default) for field, (default, _) in fields.items()}
        payload = writer.fields(values, level, owner=obj, attributes=True)
        return writer.tagged(tag, payload, name=name, more=state(writer, held, obj, level))

    return write


def _value(held: dict[str, Any], field: str, layout: Layout, default: Any) -> Any:
    if field in held:
        return held.pop(field)
    if default is not Missing and raw(layout.kind, field) is default:  # as the instance itself would answer
        return default
    raise UnsupportedValue(f"is {described(layout.kind)} with a field that is not set: {field}")


def state(writer: TreeWriter, held: dict[str, Any], owner: Any, level: int, /) -> dict[str, Any]:
    """What an instance holds beside its fields, as a member of its form."""
    return {"state": writer.fields(held, level, owner=owner, attributes=True)} if held else {}


def stored_state(more: dict[str, Any], fields: Mapping[str, Any], /) -> dict[str, Any]:
    """The same, read again; ValueError or TypeError where no writer made it."""
    found = more.pop("state", {})
    names_of(found)
    if not found.keys().isdisjoint(fields):
        raise ValueError("a field is stored twice")
    return found  # type: ignore[no-any-return]  # a dict, as has been checked


def names_of(fields: Any, /) -> None:
    if type(fields) is not dict or not all(type(name) is str for name in fields):
        raise TypeError("fields")


def _read_fields(tag: str, find: Callable[[type], Defaults | None]) -> Callable[..., Any]:
    def found(cls: type) -> tuple[Layout, Defaults] | None:
        fields = find(cls)
        return None if fields is None else (Layout(cls), fields)

    def read(reader: TreeReader, name: str, value: Any, more: dict[str, Any]) -> Any:
        layout, fields = reader.known_class(tag, name, found)
        names_of(value)
        kept = stored_state(more, fields)
        if unknown := value.keys() - fields.keys():
            raise SerializationError(f"The stored {tag} {name!r} has fields that it lacks here: {sorted(unknown)}.")
        values = {
            field: value[field] if field in value else filled(tag, name, field, *default)
            for field, default in fields.items()
        }
        reader.note(layout)
        return layout.made({**values, **kept})

    return read


def filled(tag: str, name: str, field: str, default: Any, factory: Any, /) -> Any:
    """What a field holds that is new since the data was stored.

    Raises:
        SerializationError: it has no default, or one that a function would have to make.
    """
    try:
        found = default_of(default, factory)
    except LookupError:
        raise SerializationError(
            f"The stored {tag} {name!r} lacks the field {field!r}, whose default is made by a function here; nothing of "
            "the class is called for reading. Give it a plain default (a value, or the factory list, dict or set)."
        ) from None
    if found is Missing:
        raise SerializationError(f"The stored {tag} {name!r} lacks the field {field!r}, which has no default here.")
    return found


def _namedtuple_plan(kind: type, fields: tuple[str, ...]) -> Callable[[TreeWriter, Any, int], Any]:
    layout = Layout(kind, builtin=(tuple,))
    name = class_name(kind)

    def write(writer: TreeWriter, obj: Any, level: int) -> Any:
        items = list(tuple.__iter__(obj))
        if len(items) != len(fields):
            raise UnsupportedValue(f"is {described(kind)} that holds more than its fields")
        payload = writer.fields(dict(zip(fields, items, strict=True)), level, owner=obj, attributes=True)
        return writer.tagged("namedtuple", payload, name=name, more=state(writer, layout.held(obj), obj, level))

    return write


def _find_namedtuple(cls: type) -> tuple[Layout, tuple[str, ...]] | None:
    fields = _tuple_fields(cls) if descends(cls, tuple) else None
    return None if fields is None else (Layout(cls, builtin=(tuple,)), fields)


def _read_namedtuple(reader: TreeReader, name: str, value: Any, more: dict[str, Any]) -> Any:
    layout, fields = reader.known_class("namedtuple", name, _find_namedtuple)
    names_of(value)
    kept = stored_state(more, value)
    if set(fields) != value.keys():
        raise SerializationError(f"The stored fields of the namedtuple {name!r} are not those that it has here.")
    reader.note(layout)
    made: Any = tuple.__new__(layout.kind, [value[field] for field in fields])
    if kept:
        layout.fill(made, kept)
    return made


def enum_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    if not descends(kind, Enum):
        return None
    name = class_name(kind)
    members, values = _members(kind, "_member_map_"), _members(kind, "_value2member_map_")

    def write_flag(writer: TreeWriter, obj: Any, level: int) -> Any:
        value = _member_field(obj, "_value_")
        if type(value) is not int or values.get(value) is not obj:
            raise UnsupportedValue(f"is {described(kind)} that is not what the class has for its value")
        if _member_field(obj, "_name_") not in members and not _composes(kind):
            raise UnsupportedValue(f"is {described(kind)}, whose combinations only code of the class can make")
        return writer.tagged("flag", writer.value(value, level), name=name)

    def write(writer: TreeWriter, obj: Any, _: int) -> Any:
        own = _member_field(obj, "_name_")
        if type(own) is not str or members.get(own) is not obj:
            raise UnsupportedValue(f"is {described(kind)} that is no member under its own name")
        return writer.tagged("enum", writer.text(own), name=name)

    return write_flag if descends(kind, Flag) else write


def _members(kind: type, name: str) -> dict[Any, Any]:
    found = raw(kind, name)
    return found if type(found) is dict else {}


def _member_field(member: Any, name: str) -> Any:
    """What a member holds itself: `name` and `value` are properties, which a class may write anew."""
    found: dict[str, Any] = object.__getattribute__(member, "__dict__")
    return found.get(name)


def _composes(kind: type) -> bool:
    """Whether the standard library makes combinations of these flags without code of the class."""
    base = raw(kind, "_member_type_")
    if type(kind) is not EnumType or not (base is object or base is int):
        return False
    return all(is_builtin(found) or is_generated(found) for found in (raw(kind, name) for name in _COMPOSING_METHODS))


def _describe_enum(cls: type) -> tuple[dict[Any, Any], bool] | None:
    return (_members(cls, "_member_map_"), has_own_hash(cls)) if descends(cls, Enum) else None


def _read_enum(reader: TreeReader, name: str, value: Any, _: dict[str, Any]) -> Any:
    members, own_hash = reader.known_class("enum", name, _describe_enum)
    member = members.get(value) if type(value) is str else None
    if member is None:
        raise SerializationError(f"The stored data names a member that the enum {name!r} does not have here.")
    reader.hashes_itself = reader.hashes_itself or own_hash
    return member


def _describe_flag(cls: type) -> tuple[type, dict[Any, Any], bool] | None:
    return (
        (cls, _members(cls, "_value2member_map_"), has_own_hash(cls))
        if descends(cls, Flag) and module_of(cls) != "enum"
        else None
    )


def _read_flag(reader: TreeReader, name: str, value: Any, _: dict[str, Any]) -> Any:
    cls, members, own_hash = reader.known_class("flag", name, _describe_flag)
    if type(value) is not int:
        raise TypeError("value of a flag")
    reader.hashes_itself = reader.hashes_itself or own_hash
    member = members.get(value)
    if member is None:
        member = _combined(cls, name, value)
    return member


def _combined(cls: type, name: str, value: int) -> Any:
    """The member for several bits, as the class has it from now on: made as `cls(value)` makes it, `_missing_` aside."""
    if not _composes(cls):
        raise SerializationError(
            f"The stored data holds a combination of the flag {name!r} that only code of the class could make."
        )
    try:
        made = _FLAG_MISSING(cls, value)
    except ValueError as error:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.") from error
    if type(made) is not cls or _member_field(made, "_value_") != value:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.")
    return made


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by enum_plan or class_plan")


CLASSES: Final = (
    TypeHandler("enum", "class", (), _by_plan, _read_enum),
    TypeHandler("flag", "class", (), _by_plan, _read_flag),
    TypeHandler("namedtuple", "class", (), _by_plan, _read_namedtuple),
    TypeHandler("dataclass", "class", (), _by_plan, _read_fields("dataclass", _dataclass_fields)),
    TypeHandler("attrs", "class", (), _by_plan, _read_fields("attrs", _attrs_fields)),
)
