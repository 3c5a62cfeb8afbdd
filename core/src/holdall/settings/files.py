"""Configuration files: finds holdall.toml and `[tool.holdall]` of pyproject.toml from a directory upwards, and reads them."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, NamedTuple

from holdall._system.safe_open import open_to_read
from holdall.errors import ConfigurationError

_NAMES = ("holdall.toml", "pyproject.toml")
_KEY_STARTS = (b"[", b"tool", b'"tool', b"'tool", b"holdall", b'"holdall"', b"'holdall'")


class ConfigFile(NamedTuple):
    """File with settings; `tables` is what is below `tool.holdall`, or the whole of holdall.toml."""

    path: str
    tables: dict[str, Any]


def directories_to_search(directory: str, /) -> list[str]:
    """Returns the directory and its parents, up to the first one with a `.git` in it, or to the root."""
    found = [directory]
    while not os.path.lexists(os.path.join(found[-1], ".git")):
        parent = os.path.dirname(found[-1])
        if parent == found[-1]:
            break
        found.append(parent)
    return found


def candidates(directory: str, /) -> list[str]:
    """Returns the paths of configuration files of a directory, whether they exist or not."""
    return [os.path.join(directory, name) for name in _NAMES]


def nearest_files(directory: str, /) -> list[ConfigFile]:
    """Reads the files of the nearest directory that has any, the one that takes precedence first.

    Raises:
        ConfigurationError: a file cannot be read, or is not TOML.
    """
    for place in directories_to_search(directory):
        files = [file for path in candidates(place) if (file := _read(path)) is not None]
        if files:
            return files
    return []


def read_toml(path: str, /) -> dict[str, Any] | None:
    """Reads one file; None if it is empty or does not exist. Errors as in `nearest_files`."""
    data = _bytes(path)
    return None if data is None or not data.strip() else _tables(path, data)


def _bytes(path: str) -> bytes | None:
    try:
        with open(open_to_read(path), "rb") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}), and it may hold settings. Make it readable, or move it away."
        ) from error


def _tables(path: str, data: bytes) -> dict[str, Any]:
    try:
        return _parse(data)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error


def _read(path: str, /) -> ConfigFile | None:
    data = _bytes(path)
    own = os.path.basename(path) == _NAMES[0]
    if data is None or not data.strip() or not (own or _may_concern_us(data)):
        return None
    tables = _tables(path, data)
    if own:
        return ConfigFile(path, tables)
    tool = tables.get("tool")
    section = tool.get("holdall") if isinstance(tool, dict) else None
    if section is None:
        return None
    if not isinstance(section, dict):
        raise ConfigurationError(f"{path}: tool.holdall must be a table, as [tool.holdall.results].")
    return ConfigFile(path, section)


def _may_concern_us(data: bytes, /) -> bool:
    # Most pyproject.toml files above a script say nothing of us, or name us as a dependency only: parsing TOML in
    # a fresh process costs more than its first result.
    return any(b"holdall" in line and line.lstrip().startswith(_KEY_STARTS) for line in data.splitlines())


@lru_cache(maxsize=32)
def _parse(data: bytes, /) -> dict[str, Any]:
    # Keyed by content: no clock or file system can make this stale.
    import tomllib

    return tomllib.loads(data.decode("utf-8"))
