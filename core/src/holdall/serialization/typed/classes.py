"""Forms of classes that users write, by the name of the class: enums, dataclasses, attrs classes, named tuples."""

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
"""Default and factory by the name of the field; `Missing` stands for none."""

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
"""Methods of a class that the standard library may call to make a value of several flags."""
_FLAG_MISSING: Final[Any] = names(Flag)["_missing_"].__func__


def class_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    """Returns the function that writes instances of a dataclass, an attrs class or a named tuple; None for others."""
    for tag, find in (("dataclass", _dataclass_fields), ("attrs", _attrs_fields)):
        fields = find(kind)
        if fields is not None:
            return _fields_plan(tag, kind, fields)
    if descends(kind, tuple) and (of_tuple := _tuple_fields(kind)) is not None:
        return _namedtuple_plan(kind, of_tuple)
    return None


def _dataclass_fields(kind: type) -> Defaults | None:
    declared = raw(kind, "__dataclass_fields__")
    if type(declared) is not dict or not all(type(field) is dataclasses.Field for field in declared.values()):
        return None
    fields = {name: field for name, field in declared.items() if field._field_type is _FIELD}  # noqa: SLF001 - as `dataclasses.fields` does
    return {name: (_given(field.default), _given(field.default_factory)) for name, field in fields.items()}


_FIELD: Final[Any] = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - as `fields` tells ClassVar apart


def _given(value: Any) -> Any:
    return Missing if value is dataclasses.MISSING else value


def _attrs_fields(kind: type) -> Defaults | None:
    declared = raw(kind, "__attrs_attrs__")
    library = sys.modules.get("attr._make")
    if library is None or not descends(type(declared), tuple):
        return None
    fields: Defaults = {}
    for field in tuple.__iter__(declared):
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
    fields = raw(kind, "_fields")
    return fields if type(fields) is tuple and all(type(name) is str for name in fields) else None


def _fields_plan(tag: str, kind: type, fields: Defaults) -> Callable[[TreeWriter, Any, int], Any]:
    layout = Layout(kind)
    name = class_name(kind)

    def write(writer: TreeWriter, obj: Any, level: int) -> Any:
        held = layout.held(obj)
        values = {field: _value(held, field, layout, default) for field, (default, _) in fields.items()}
        payload = writer.fields(values, level, owner=obj, attributes=True)
        return writer.tagged(tag, payload, name=name, more=write_state(writer, held, obj, level))

    return write


def _value(held: dict[str, Any], field: str, layout: Layout, default: Any) -> Any:
    if field in held:
        return held.pop(field)
    if default is not Missing and raw(layout.kind, field) is default:  # as the instance itself would answer
        return default
    raise UnsupportedValue(f"is {described(layout.kind)} with a field that is not set: {field}")


def write_state(writer: TreeWriter, held: dict[str, Any], owner: Any, level: int, /) -> dict[str, Any]:
    """Writes what an instance holds besides its fields, as a member of its form."""
    return {"state": writer.fields(held, level, owner=owner, attributes=True)} if held else {}


def read_state(more: dict[str, Any], fields: Mapping[str, Any], /) -> dict[str, Any]:
    """Removes the written `state` from a form and returns it; ValueError or TypeError if no writer made it."""
    members = more.pop("state", {})
    check_names(members)
    if not members.keys().isdisjoint(fields):
        raise ValueError("a field is stored twice")
    return members  # type: ignore[no-any-return]  # a dict, as has been checked


def check_names(fields: Any, /) -> None:
    """Raises TypeError for anything but a dict with strings as keys."""
    if type(fields) is not dict or not all(type(name) is str for name in fields):
        raise TypeError("fields")


def _read_fields(tag: str, find: Callable[[type], Defaults | None]) -> Callable[..., Any]:
    def describe(cls: type) -> tuple[Layout, Defaults] | None:
        fields = find(cls)
        return None if fields is None else (Layout(cls), fields)

    def read(reader: TreeReader, name: str, value: Any, more: dict[str, Any]) -> Any:
        layout, fields = reader.known_class(tag, name, describe)
        check_names(value)
        extra = read_state(more, fields)
        if unknown := value.keys() - fields.keys():
            raise SerializationError(f"The stored {tag} {name!r} has fields that it lacks here: {sorted(unknown)}.")
        values = {
            field: value[field] if field in value else default_value(tag, name, field, *default)
            for field, default in fields.items()
        }
        reader.note(layout)
        return layout.make({**values, **extra})

    return read


def default_value(tag: str, name: str, field: str, default: Any, factory: Any, /) -> Any:
    """Returns what a field holds that was added to the class since the data was stored.

    Raises:
        SerializationError: it has no default, or one that a function would have to make.
    """
    try:
        value = default_of(default, factory)
    except LookupError:
        raise SerializationError(
            f"The stored {tag} {name!r} lacks the field {field!r}, whose default is made by a function here; nothing of "
            "the class is called for reading. Give it a plain default (a value, or the factory list, dict or set)."
        ) from None
    if value is Missing:
        raise SerializationError(f"The stored {tag} {name!r} lacks the field {field!r}, which has no default here.")
    return value


def _namedtuple_plan(kind: type, fields: tuple[str, ...]) -> Callable[[TreeWriter, Any, int], Any]:
    layout = Layout(kind, builtin=(tuple,))
    name = class_name(kind)

    def write(writer: TreeWriter, obj: Any, level: int) -> Any:
        items = list(tuple.__iter__(obj))
        if len(items) != len(fields):
            raise UnsupportedValue(f"is {described(kind)} that holds more than its fields")
        payload = writer.fields(dict(zip(fields, items, strict=True)), level, owner=obj, attributes=True)
        return writer.tagged("namedtuple", payload, name=name, more=write_state(writer, layout.held(obj), obj, level))

    return write


def _find_namedtuple(cls: type) -> tuple[Layout, tuple[str, ...]] | None:
    fields = _tuple_fields(cls) if descends(cls, tuple) else None
    return None if fields is None else (Layout(cls, builtin=(tuple,)), fields)


def _read_namedtuple(reader: TreeReader, name: str, value: Any, more: dict[str, Any]) -> Any:
    layout, fields = reader.known_class("namedtuple", name, _find_namedtuple)
    check_names(value)
    extra = read_state(more, value)
    if set(fields) != value.keys():
        raise SerializationError(f"The stored fields of the namedtuple {name!r} are not those that it has here.")
    reader.note(layout)
    instance: Any = tuple.__new__(layout.kind, [value[field] for field in fields])
    if extra:
        layout.fill(instance, extra)
    return instance


def enum_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    """Returns the function that writes members of an enum or a flag; None for others."""
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
    members = raw(kind, name)
    return members if type(members) is dict else {}


def _member_field(member: Any, name: str) -> Any:
    """Returns what a member itself holds: `name` and `value` are properties, which a class may override."""
    attributes: dict[str, Any] = object.__getattribute__(member, "__dict__")
    return attributes.get(name)


def _composes(kind: type) -> bool:
    """Whether the standard library makes combinations of these flags without code of the class."""
    base = raw(kind, "_member_type_")
    if type(kind) is not EnumType or not (base is object or base is int):
        return False
    return all(
        is_builtin(method) or is_generated(method) for method in (raw(kind, name) for name in _COMPOSING_METHODS)
    )


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
    """Makes the member for several bits, as `cls(value)` does without a `_missing_` of the class."""
    if not _composes(cls):
        raise SerializationError(
            f"The stored data holds a combination of the flag {name!r} that only code of the class could make."
        )
    try:
        member = _FLAG_MISSING(cls, value)
    except ValueError as error:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.") from error
    if type(member) is not cls or _member_field(member, "_value_") != value:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.")
    return member


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by enum_plan or class_plan")


CLASSES: Final = (
    TypeHandler("enum", "class", (), _by_plan, _read_enum),
    TypeHandler("flag", "class", (), _by_plan, _read_flag),
    TypeHandler("namedtuple", "class", (), _by_plan, _read_namedtuple),
    TypeHandler("dataclass", "class", (), _by_plan, _read_fields("dataclass", _dataclass_fields)),
    TypeHandler("attrs", "class", (), _by_plan, _read_fields("attrs", _attrs_fields)),
)
