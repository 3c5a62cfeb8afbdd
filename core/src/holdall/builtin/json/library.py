"""JSON text of plain data, by the standard library, orjson, or any module with dumps and loads."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError, CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.types import Buffer


KNOWN: Final = frozenset({"json", "orjson"})
"""Libraries that read and write the normal form."""


@lru_cache(maxsize=32)
def library(name: str, /) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns `dumps` and `loads` of the module.

    Raises:
        ConfigurationError: it is not installed, or it lacks one of them.
    """
    try:
        module = import_module(name)
    except (ImportError, ValueError, TypeError) as error:  # names like "" and ".json"
        raise ConfigurationError(
            f"jsonlib={name!r} cannot be imported here ({error}). If it is not installed: "
            f"pip install {name.partition('.')[0]}"
        ) from error
    dumps, loads = getattr(module, "dumps", None), getattr(module, "loads", None)
    if not callable(dumps) or not callable(loads):
        raise ConfigurationError(
            f"jsonlib={name!r} is no JSON library: it must be a module with the functions dumps and loads, and lacks "
            f"{'dumps' if not callable(dumps) else 'loads'}."
        )
    return dumps, loads


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("the same key twice in one object")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_ENCODE: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
_HOOKS: Final[dict[str, Any]] = {"object_pairs_hook": _unique, "parse_constant": _no_constant}
_DECODE: Final = json.JSONDecoder(**_HOOKS).decode


def encode(name: str, tree: Any, options: Mapping[str, Any], /) -> bytes:
    """Returns UTF-8. The options go to the library's `dumps`; whatever that raises is passed on."""
    text: Any
    if name == "json":
        text = json.dumps(tree, **{"ensure_ascii": False, "allow_nan": False, **options}) if options else _ENCODE(tree)
    else:
        text = library(name)[0](tree, **options)
    if isinstance(text, str):
        return text.encode()
    return bytes(text)


def decode(name: str, data: Buffer, options: Mapping[str, Any], /) -> Any:
    """Returns plain data. Whatever the library raises is passed on."""
    if name == "orjson":
        return library(name)[1](data, **options)
    text = str(data, "utf-8")
    if name == "json":
        tree = json.loads(text, **{**_HOOKS, **options}) if options else _DECODE(text)
    else:
        tree = library(name)[1](text, **options)
    if "\\ud" in text or "\\uD" in text:
        _refuse_surrogates(tree)
    return tree


def _refuse_surrogates(tree: Any) -> None:
    """Refuses lone surrogates: escapes may be pairs, so only the strings of the finished tree show them."""
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CorruptResultError(
            "The stored JSON has a string with a lone surrogate, which is no Unicode text."
        ) from None
