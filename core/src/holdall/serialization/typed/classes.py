"""Dataclasses, attrs classes and named tuples: values of classes that users write, kept under the name of the class."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.errors import Refused, described
from holdall.serialization.typed.form import Form
from holdall.serialization.typed.instance_layout import Layout, default_of
from holdall.serialization.typed.static_lookup import Missing, descends, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.serialization.typed.reader import Reader
    from holdall.serialization.typed.writer import Writer

Defaults = dict[str, tuple[Any, Any]]
"""Default and factory by the name of the field, `Missing` for what there is not."""


def class_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
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


def _fields_plan(tag: str, kind: type, fields: Defaults) -> Callable[[Writer, Any, int], Any]:
    layout = Layout(kind)
    name = class_name(kind)

    def write(writer: Writer, obj: Any, level: int) -> Any:
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
    raise Refused(f"is {described(layout.kind)} with a field that is not set: {field}")


def state(writer: Writer, held: dict[str, Any], owner: Any, level: int, /) -> dict[str, Any]:
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

    def read(reader: Reader, name: str, value: Any, more: dict[str, Any]) -> Any:
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


def _namedtuple_plan(kind: type, fields: tuple[str, ...]) -> Callable[[Writer, Any, int], Any]:
    layout = Layout(kind, builtin=(tuple,))
    name = class_name(kind)

    def write(writer: Writer, obj: Any, level: int) -> Any:
        items = list(tuple.__iter__(obj))
        if len(items) != len(fields):
            raise Refused(f"is {described(kind)} that holds more than its fields")
        payload = writer.fields(dict(zip(fields, items, strict=True)), level, owner=obj, attributes=True)
        return writer.tagged("namedtuple", payload, name=name, more=state(writer, layout.held(obj), obj, level))

    return write


def _find_namedtuple(cls: type) -> tuple[Layout, tuple[str, ...]] | None:
    fields = _tuple_fields(cls) if descends(cls, tuple) else None
    return None if fields is None else (Layout(cls, builtin=(tuple,)), fields)


def _read_namedtuple(reader: Reader, name: str, value: Any, more: dict[str, Any]) -> Any:
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


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by class_plan")


CLASSES: Final = (
    Form("namedtuple", "class", (), _by_plan, _read_namedtuple),
    Form("dataclass", "class", (), _by_plan, _read_fields("dataclass", _dataclass_fields)),
    Form("attrs", "class", (), _by_plan, _read_fields("attrs", _attrs_fields)),
)
