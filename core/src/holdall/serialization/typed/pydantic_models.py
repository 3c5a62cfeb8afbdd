"""Forms of pydantic models and of pydantic's own types: URLs, e-mail addresses, sizes; secrets are refused.

A model is restored as `BaseModel.__setstate__` does it: no validator, no default factory, no code of the class.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, RootModel
from pydantic_core import PydanticUndefined

from holdall.errors import SerializationError
from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.classes import check_names, default_value, read_state, write_state
from holdall.serialization.typed.datetimes import DATETIMES
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.form import TypeHandler
from holdall.serialization.typed.instance_layout import Layout
from holdall.serialization.typed.scalars import SCALARS
from holdall.serialization.typed.static_lookup import Missing, ancestry, descends, module_of, names, qualname_of, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.form import TreeReader, TreeWriter

_OWN: Final = (BaseModel, RootModel)
_FIELDS_SET: Final[Any] = names(BaseModel)["__pydantic_fields_set__"]
_EXTRA: Final = "__pydantic_extra__"
_PRIVATE: Final = "__pydantic_private__"
_IMMUTABLE: Final = {kind for form in (*SCALARS, *DATETIMES) for kind in form.types} - {bytearray} | {
    str,
    bool,
    NoneType,
    range,
    slice,
}
# Compared by name: pydantic.networks is imported only where a URL is at hand.
_URLS: Final = {
    ("pydantic.networks", "_BaseUrl"): "Url",
    ("pydantic.networks", "_BaseMultiHostUrl"): "MultiHostUrl",
    ("pydantic_core._pydantic_core", "Url"): "Url",
    ("pydantic_core._pydantic_core", "MultiHostUrl"): "MultiHostUrl",
}
_SECRETS: Final = frozenset({("pydantic.types", "_SecretBase"), ("pydantic.types", "Secret")})
_HELD: Final = "_url"


def model_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    """Returns the function that writes instances of a model; None for other classes."""
    if not descends(kind, BaseModel):
        return None
    if raw(kind, "__pydantic_generic_metadata__")["origin"] is not None:
        raise UnsupportedValue(
            f"is {described(kind)}, a generic model with its parameters filled in, which has no importable name (make "
            f"a subclass of it)"
        )
    layout, known = Layout(kind, known=_OWN), tuple(_class_dict(kind, "__pydantic_fields__"))
    name = class_name(kind)

    def write(writer: TreeWriter, obj: BaseModel, level: int) -> Any:
        held = layout.held(obj)
        try:
            fields = {field: held.pop(field) for field in known}
            was_set, extra, private = _FIELDS_SET.__get__(obj), _slot(obj, _EXTRA), _slot(obj, _PRIVATE)
        except KeyError as error:
            raise UnsupportedValue(f"is {described(kind)} with a field that is not set: {error.args[0]}") from None
        except AttributeError:
            raise UnsupportedValue(f"is {described(kind)} that pydantic has not finished") from None
        if extra and not extra.keys().isdisjoint(fields):
            raise UnsupportedValue(f"is {described(kind)} with an extra that has the name of a field")
        fields |= extra or {}
        more: dict[str, Any] = {}
        if unset := [field for field in fields if field not in was_set]:
            more["unset"] = unset
        if private:
            more["private"] = writer.fields(private, level, owner=obj, attributes=True)
        more |= write_state(writer, held, obj, level)
        return writer.tagged("model", writer.fields(fields, level, owner=obj, attributes=True), name=name, more=more)

    return write


def _class_dict(kind: type, name: str) -> dict[str, Any]:
    members = raw(kind, name)
    return members if type(members) is dict else {}


def _find_model(cls: type) -> tuple[Layout, dict[str, Any], dict[str, Any], bool] | None:
    if not descends(cls, BaseModel) or cls is BaseModel:
        return None
    fields, private = _class_dict(cls, "__pydantic_fields__"), _class_dict(cls, "__private_attributes__")
    return Layout(cls, known=_OWN), fields, private, _class_dict(cls, "model_config").get("extra") == "allow"


def _read_model(reader: TreeReader, name: str, value: Any, more: dict[str, Any]) -> Any:
    layout, known, known_private, extends = reader.known_class("model", name, _find_model)
    check_names(value)
    unset, private = more.pop("unset", []), more.pop("private", {})
    check_names(private)
    extra = read_state(more, {**known, **value})
    if type(unset) is not list or not value.keys() >= set(unset):
        raise ValueError("unset")
    if (unknown := value.keys() - known) and not extends:
        raise SerializationError(f"The stored model {name!r} has fields that it lacks here: {sorted(unknown)}.")
    if unknown := private.keys() - known_private:
        raise SerializationError(
            f"The stored model {name!r} has private attributes that it lacks here: {sorted(unknown)}."
        )
    fields = {field: value[field] if field in value else _default(name, field, info) for field, info in known.items()}
    for field, info in known_private.items():
        # One with neither a value nor a default was not forgotten.
        if field not in private and (info.default is not PydanticUndefined or info.default_factory is not None):
            private[field] = _default(name, field, info)
    reader.note(layout)
    model = layout.make({**fields, **extra})
    _FIELDS_SET.__set__(model, value.keys() - set(unset))
    _fill_slot(model, _EXTRA, {field: value[field] for field in value if field not in known} if extends else None)
    _fill_slot(model, _PRIVATE, private if known_private else None)
    return model


def _slot(obj: Any, name: str) -> Any:
    """Returns what a slot of pydantic holds; a root model has None in the place of some slots."""
    slot = raw(type(obj), name)
    return None if slot is None else slot.__get__(obj)


def _fill_slot(model: Any, name: str, value: Any) -> None:
    slot = raw(type(model), name)
    if slot is not None:
        slot.__set__(model, value)


def _default(name: str, field: str, info: Any) -> Any:
    default = Missing if info.default is PydanticUndefined else info.default
    return _copied(default_value("model", name, field, default, info.default_factory), name, field)


def _copied(default: Any, name: str, field: str) -> Any:
    """Copies a default, as pydantic gives each instance its own; what only code of a class could copy is refused."""
    kind = type(default)
    if kind in _IMMUTABLE or descends(kind, Enum):
        return default
    if kind is dict:
        return {key: _copied(item, name, field) for key, item in default.items()}
    if kind is list or kind is tuple:
        return kind(_copied(item, name, field) for item in default)
    if (kind is set or kind is frozenset) and all(type(item) in _IMMUTABLE for item in default):
        return default.copy()
    raise SerializationError(
        f"The stored model {name!r} lacks the field {field!r}, whose default here is {described(kind)}: nothing of a class "
        "is called for reading, and a copy of it might. Give it a plain default."
    )


def _identity(kind: type) -> tuple[str, str]:
    return module_of(kind), qualname_of(kind)


def library_plan(kind: type, /) -> Callable[[TreeWriter, Any, int], Any] | None:
    """Returns the function that writes instances of pydantic's own types; None for others, an error for secrets."""
    if not _SECRETS.isdisjoint(map(_identity, ancestry(kind))):
        raise UnsupportedValue(
            f"is {described(kind)}, and a secret is not written in the clear",
            remedy="the name of the secret instead of its value",
        )
    if (described_url := _describe_url(kind)) is not None:
        layout, core = described_url
        name = class_name(kind)
        return lambda writer, obj, _: writer.tagged("url", writer.text(_url_text(obj, layout, core)), name=name)
    if _identity(kind) == ("pydantic.networks", "NameEmail"):
        return lambda writer, obj, level: writer.tagged("name-email", writer.items([obj.name, obj.email], level))
    if _identity(kind) == ("pydantic.types", "ByteSize"):
        return lambda writer, obj, level: writer.tagged("byte-size", writer.value(int(obj), level))
    return None


def _describe_url(kind: type) -> tuple[Layout | None, Any] | None:
    """Returns the layout of a URL class (None for one of pydantic's core) and the class of the core that it holds or is."""
    for base in ancestry(kind):
        if (core := _URLS.get(_identity(base))) is not None:
            inner = getattr(import_module("pydantic_core"), core)
            return (None if kind is inner else Layout(kind)), inner
    return None


def _url_text(obj: Any, layout: Layout | None, core: Any) -> str:
    held = {_HELD: obj} if layout is None else layout.held(obj)
    inner: Any = held.get(_HELD)
    if held.keys() != {_HELD} or type(inner) is not core:
        raise UnsupportedValue(f"is {described(type(obj))} that holds more than its text")
    text = str(inner)
    again: Any = core
    if again(text) != inner:
        raise UnsupportedValue(f"is {described(type(obj))} whose text is read as another one")
    return text


def _read_url(reader: TreeReader, name: str, value: Any, _: dict[str, Any]) -> Any:
    layout, core = reader.known_class("url", name, _describe_url)
    if type(value) is not str:
        raise TypeError("url")
    inner: Any = core(value)
    return inner if layout is None else layout.make({_HELD: inner})


def _read_name_email(_: TreeReader, value: Any) -> Any:
    from pydantic.networks import NameEmail

    name, email = value
    if type(name) is not str or type(email) is not str:
        raise TypeError("name and address")
    return NameEmail(name=name, email=email)


def _read_byte_size(_: TreeReader, value: Any) -> Any:
    from pydantic.types import ByteSize

    if type(value) is not int:
        raise TypeError("size")
    return ByteSize(value)


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by model_plan or library_plan")


PYDANTIC: Final = (
    TypeHandler("model", "class", (), _by_plan, _read_model),
    TypeHandler("url", "class", (), _by_plan, _read_url),
    TypeHandler("name-email", "tree", (), _by_plan, _read_name_email),
    TypeHandler("byte-size", "tree", (), _by_plan, _read_byte_size),
)
