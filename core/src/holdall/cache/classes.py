"""Digest of a class: its bases, hints, fields, methods and values, as they are loaded."""

from __future__ import annotations

import sys
from functools import singledispatchmethod
from types import FunctionType, GenericAlias, ModuleType, UnionType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.identity import hashed, is_definition, owns, type_name
from holdall.cache.naming import place
from holdall.cache.source import texts
from holdall.errors import HoldallError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.cache.identity import Walk

_MADE_BY_PYTHON: Final = frozenset({
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__", "__annotations_cache__",
    "__classcell__", "__conditional_annotations__", "__dataclass_fields__", "__dataclass_params__", "__dict__",
    "__firstlineno__", "__module__", "__orig_bases__", "__parameters__", "__qualname__",
    "__callable_proto_members_only__", "__mutable_keys__", "__non_callable_proto_members__", "__protocol_attrs__",
    "__readonly_keys__", "__signature__", "__slotnames__", "__static_attributes__", "__type_params__", "__weakref__", "_abc_impl",
})  # fmt: skip
_WRITERS: Final = ("namedtuple_", "collections", "dataclasses", "attr.", "typing")
_MADE_BY_ENUM: Final = frozenset({
    "__new__", "__reduce_ex__", "_generate_next_value_", "_hashable_values_", "_member_map_", "_member_names_", "_member_type_",
    "_new_member_", "_unhashable_values_", "_unhashable_values_map_", "_use_args_", "_value2member_map_", "_value_repr_",
    "__new_member__",
})  # fmt: skip


def class_definition(cls: type, walk: Walk, /) -> bytes:
    """Returns the digest of a class; a class of an installed distribution counts by its name."""
    name = f"{place(cls.__module__)}:{cls.__qualname__}".encode()
    if not owns(walk, cls):
        return hashed(b"installed class", name)
    parts = [b"class", name]
    parts += map(walk.of, cls.__bases__)
    if type(cls) is not type:
        parts += [b"metaclass", walk.of(type(cls))]
    parts += [f"{each}:{hint(kind)}".encode() for each, kind in own_hints(cls).items()]
    members = cls.__dict__.get("_member_map_")
    if isinstance(members, dict):
        parts += [each for name, member in members.items() for each in (name.encode(), walk.of(member._value_))]
    for name_, value in sorted(own_items(cls), key=lambda each: each[0]):
        parts += [name_.encode(), _item(cls, name_, value, walk)]
    parts += _fields(cls, walk)
    return hashed(*parts)


def own_items(cls: type, /) -> Iterator[tuple[str, Any]]:
    """Returns the attributes that the class statement or a later assignment has set, without generated ones."""
    is_enum = "_member_map_" in cls.__dict__
    members = cls.__dict__.get("_member_map_", {})
    for name, value in tuple(cls.__dict__.items()):
        if name in _MADE_BY_PYTHON or name.startswith(("__pydantic_", "__attrs_")):
            continue
        if name == "__doc__" and (value is None or is_enum or "__dataclass_fields__" in cls.__dict__):
            continue
        if is_enum and (name in members or name in _MADE_BY_ENUM):
            continue
        if not ((name == "__hash__" and value is None) or is_generated(value)):
            yield name, value


def is_generated(value: Any, /) -> bool:
    """Returns whether dataclasses, attrs, collections or typing generated this method or field."""
    if type(value).__name__ == "_tuplegetter":
        return True
    value = getattr(value, "__func__", value)
    value = getattr(value, "__wrapped__", value)
    if not isinstance(value, FunctionType):
        return False
    code = value.__code__
    return (
        code.co_qualname.startswith("__create_fn__.")
        or code.co_filename.startswith("<attrs generated")
        or str(value.__globals__.get("__name__")).startswith(_WRITERS)
    )


def _item(cls: type, name: str, value: Any, walk: Walk) -> bytes:
    if isinstance(value, singledispatchmethod):
        return hashed(b"dispatch", walk.of(value.func), walk.of(dict(value.dispatcher.registry)))
    try:
        return walk.of(value)
    except HoldallError:
        # What a library keeps in a class that it has made: the text of the class says what it was made from.
        module = sys.modules.get(cls.__module__)
        written = _written(cls, module)
        if owns(walk, type(value)) or written is None or is_definition(value):
            raise
        return hashed(b"made", type_name(type(value)), name.encode(), bytes.fromhex(written))


def _written(cls: type, module: ModuleType | None) -> str | None:
    """Returns the digest of the source of a class, or None if the source of its methods is not what is loaded."""
    file = getattr(module, "__file__", None)
    methods = [
        each
        for each in vars(cls).values()
        if isinstance(each, FunctionType) and each.__qualname__.startswith(cls.__qualname__)
    ]
    if not isinstance(file, str) or any(texts.find(each.__code__, each.__globals__) is None for each in methods):
        return None
    try:
        with open(file, "rb") as opened:
            found = texts.text(opened.read()).statement(cls.__qualname__)
    except OSError:
        return None
    return None if found is None else found.full


def _fields(cls: type, walk: Walk) -> Iterator[bytes]:
    """Yields the fields and defaults of dataclasses and attrs classes, which are removed from the class body."""
    for name, field in (cls.__dict__.get("__dataclass_fields__") or {}).items():
        options = (field.init, field.repr, field.compare, field.hash, bool(field.kw_only), str(field._field_type))  # noqa: SLF001
        yield f"{name}:{options}".encode()
        yield from map(walk.of, _given(field.default, field.default_factory))
        yield walk.of(dict(field.metadata))
    params = cls.__dict__.get("__dataclass_params__")
    if params is not None:
        yield ascii(
            [getattr(params, each, None) for each in ("init", "repr", "eq", "order", "unsafe_hash", "frozen")]
        ).encode()
    for field in cls.__dict__.get("__attrs_attrs__") or ():
        yield f"{field.name}:{field.init}:{field.kw_only}:{field.eq}:{field.order}".encode()
        default = field.default
        factory = getattr(default, "factory", None)
        yield from map(walk.of, _given(default if factory is None else None, factory, field.converter))
    for name, field in (cls.__dict__.get("__pydantic_fields__") or {}).items():
        yield name.encode()
        yield from map(walk.of, _given(field.default, field.default_factory))
        yield walk.of(list(field.metadata))


def _given(*values: Any) -> Iterator[Any]:
    """Yields the values without the sentinels for "not given"."""
    for each in values:
        yield None if type(each).__name__ in {"_MISSING_TYPE", "_Nothing", "PydanticUndefinedType"} else each


def own_hints(cls: type) -> dict[str, Any]:
    # Not by inspect, which is slow to import, and would look into bases and evaluate.
    found = vars(cls).get("__annotations__")
    return found if isinstance(found, dict) else {}


def hint(value: Any, /) -> str:
    """Returns a hint as text with full names, the same in every process and on every Python version."""
    if isinstance(value, str):
        return value
    if type(value) is not GenericAlias and isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if value is None or value is ...:
        return repr(value)
    metadata = getattr(value, "__metadata__", None)
    if metadata is not None:
        notes = [
            hint(each) if isinstance(each, type) else f"{type_name(type(each))!a}{_state(each)}" for each in metadata
        ]
        return f"Annotated[{hint(value.__origin__)}, {', '.join(notes)}]"
    return _generic(value)


def _generic(value: Any) -> str:
    inner = value if isinstance(value, (list, tuple)) else getattr(value, "__args__", None)
    if isinstance(inner, (list, tuple)):
        origin = "Union" if isinstance(value, UnionType) else getattr(value, "__origin__", type(value))
        kind = (
            origin if isinstance(origin, str) else str(getattr(origin, "__qualname__", origin)).removeprefix("typing.")
        )
        return f"{kind}[{', '.join(map(hint, inner))}]"
    name = getattr(value, "__forward_arg__", None) or getattr(value, "__name__", None)
    return str(name) if name is not None else _state(value)


def _state(value: Any) -> str:
    try:
        told = repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return type(value).__qualname__
    return type(value).__qualname__ if " at 0x" in told else told
