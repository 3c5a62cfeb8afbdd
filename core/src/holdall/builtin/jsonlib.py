"""Plain data to JSON text and back, by the standard library, by orjson, or by any module with dumps and loads."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError, CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.types import Buffer

KNOWN: Final = frozenset({"json", "orjson", "rapidjson", "simplejson", "ujson"})
"""Libraries of which it is known that importing them does nothing else."""


def check(name: str, /) -> None:
    """Refuse what cannot be a JSON library, without importing a module that only stored data may have named.

    Raises:
        ConfigurationError: it is not installed, or it lacks `dumps` or `loads`.
    """
    if name in sys.modules or name in KNOWN:
        library(name)
    elif not name.isprintable() or find_spec(name.partition(".")[0]) is None:
        raise _missing(name)


@lru_cache(maxsize=32)
def library(name: str, /) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`dumps` and `loads` of the module."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise _missing(name) from error
    dumps, loads = getattr(module, "dumps", None), getattr(module, "loads", None)
    if not callable(dumps) or not callable(loads):
        raise ConfigurationError(
            f"jsonlib={name!r} is no JSON library: it must be a module with the functions dumps and loads, and lacks "
            f"{'dumps' if not callable(dumps) else 'loads'}."
        )
    return dumps, loads


def _missing(name: str) -> ConfigurationError:
    install = f"pip install {name.partition('.')[0]}"
    return ConfigurationError(f"jsonlib={name!r} names a module that cannot be imported here. Install it: {install}")


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
