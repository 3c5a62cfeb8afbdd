"""Parsers of settings: from the text of a variable, or the value in a file, to the value of the setting.

Each takes what was written and the folder that relative paths start from, and raises `ValueError` with what it accepts.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from holdall.security.redact import has_secret

if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def flag(value: Any, _base: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise ValueError("true or false")


def text(value: Any, _base: str) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text that is not empty")


def path(value: Any, base: str) -> str:
    if isinstance(value, str) and value.strip() and "://" not in value and not has_secret(value):
        return os.path.normpath(os.path.join(base, os.path.expanduser(value)))
    raise ValueError("the path of a folder")


def seconds(value: Any, _base: str) -> float:
    if not isinstance(value, bool):
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = 0.0
        if 0 < found < 1e6:
            return found
    raise ValueError("a number of seconds above 0")


_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}


def size(value: Any, _base: str) -> int:
    if isinstance(value, int | str) and not isinstance(value, bool):
        found = re.fullmatch(r"([0-9]{1,18})(?:\.([0-9]{1,9}))? ?([a-z]*)", str(value).strip().lower(), re.ASCII)
        if found is not None and (unit := _UNITS.get(found[3])) is not None:
            size = int(found[1]) * unit + int(int(found[2] or 0) * unit / 10 ** len(found[2] or ""))
            if size > 0:
                return size
    raise ValueError("a number of bytes above 0, as 2147483648 or 2GiB")


def names(value: Any, _base: str) -> frozenset[str]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("names of modules: a list in a file, separated by commas in a variable")
    return frozenset(part.strip() for part in parts if part.strip())


def types(value: Any, base: str) -> frozenset[str]:
    try:
        found = names(value, base)
    except ValueError:
        found = frozenset({""})
    if all(
        module.strip("-") and name and not colon.strip(":") for module, colon, name in (x.partition(":") for x in found)
    ):
        return found
    raise ValueError("types as module:QualName: a list in a file, separated by commas in a variable")


def choices(value: Any, _base: str) -> dict[str, str]:
    flat: dict[str, Any] = {}
    if isinstance(value, str):
        pairs = (part.partition("=") for part in value.split(",") if part.strip())
        flat = {key.strip(): choice.strip() for key, _, choice in pairs}
    elif isinstance(value, dict):
        for key, inner in value.items():
            # A bare TOML key storage.s3 is a table in a table.
            flat |= {f"{key}.{name}": each for name, each in inner.items()} if isinstance(inner, dict) else {key: inner}
    if flat and all("." in key and isinstance(choice, str) and choice for key, choice in flat.items()):
        return flat
    raise ValueError('a table as {"storage.s3" = "holdall-s3"} in a file, storage.s3=holdall-s3,… in a variable')


def one_of(*words: str) -> Callable[[Any, str], str]:
    def parse(value: Any, _base: str) -> str:
        if value in words:
            return str(value)
        raise ValueError(f"one of {', '.join(words)}")

    return parse
