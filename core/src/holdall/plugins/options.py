"""Options of a block or serializer for display: name, type, default and description of each field."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from holdall.abc.component import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Field of a class. `default` is JSON-ready, and None if it is required; `about` is its description, or empty."""

    name: str
    type: str
    required: bool
    default: Any
    secret: bool
    about: str


def options(cls: type[Component], /) -> list[Option]:
    """Returns the fields of a class, its own before those that are common to its kind."""
    from pydantic_core import to_jsonable_python

    docs = _attribute_docs(cls)
    secrets = cls.secret_fields()
    found = [
        Option(
            name=name,
            type="secret" if name in secrets else _type_name(field.annotation),
            required=field.is_required(),
            default=None if field.is_required() else to_jsonable_python(_default(field), fallback=str),
            secret=name in secrets,
            about=" ".join((field.description or docs.get(name, "")).split()),
        )
        for name, field in cls.model_fields.items()
    ]
    own = cls.own_fields()
    return sorted(found, key=lambda option: option.name not in own)


def asked(cls: type[Component], /) -> list[Option]:
    """Returns the options that an interactive prompt asks for, the necessary ones first.

    What is required, or else the first field, which says where the block is; and what has no default of its own, as
    credentials and endpoints. What has one, or is the same for many kinds of block, is for tuning.
    """
    found, own = options(cls), cls.own_fields()
    necessary = [each for each in found if each.required] or found[:1]
    more = (each for each in found if each.default is None and each.name in own and each not in necessary)
    return [*necessary, *more]


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _attribute_docs(cls: type) -> dict[str, str]:
    """Returns field -> the string literal below it.

    Read from the source on demand: pydantic's `use_attribute_docstrings` would read it at each import.
    """
    bases = [base for base in reversed(cls.__mro__) if not base.__module__.startswith(("builtins", "pydantic"))]
    return {name: text for base in bases for name, text in _texts(base)}


def _texts(cls: type) -> Iterator[tuple[str, str]]:
    try:
        (node,) = ast.parse(dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # typed at a prompt, built in, or without its source
        return
    body = node.body if isinstance(node, ast.ClassDef) else []
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            yield field.target.id, text.value.value


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
