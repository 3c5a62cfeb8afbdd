"""Plain data to JSON text and back, by the standard library, orjson, or any module with dumps and loads."""

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
"""Libraries that are known by name to read and write the one normal form."""


@lru_cache(maxsize=32)
def library(name: str, /) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`dumps` and `loads` of the module.

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
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("the same key twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_ENCODE: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
_HOOKS: Final[dict[str, Any]] = {"object_pairs_hook": _unique, "parse_constant": _no_constant}
_DECODE: Final = json.JSONDecoder(**_HOOKS).decode


def encode(name: str, tree: Any, options: Mapping[str, Any], /) -> bytes:
    """UTF-8. The options go to the library's `dumps`; whatever that raises is passed on."""
    text: Any
    if name == "json":
        text = json.dumps(tree, **{"ensure_ascii": False, "allow_nan": False, **options}) if options else _ENCODE(tree)
    else:
        text = library(name)[0](tree, **options)
    if isinstance(text, str):
        return text.encode()
    return bytes(text)


def decode(name: str, data: Buffer, options: Mapping[str, Any], /) -> Any:
    """Plain data. Whatever the library raises is passed on."""
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
    """Escapes may pair up or stand alone; only strings of the finished tree tell."""
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CorruptResultError(
            "The stored JSON has a string with a lone surrogate, which is no Unicode text."
        ) from None
