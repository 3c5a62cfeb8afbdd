"""Sources of settings: the options, and how environment variables and configuration files set them."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall.errors import ConfigurationError, HoldallWarning
from holdall.security.redact import masked
from holdall.settings import user, values
from holdall.settings.files import ConfigFile, nearest_files
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECRET_KEY = "HOLDALL_SECRET_KEY"  # noqa: S105 - the variable's name
SIGNING_KEY = "HOLDALL_SIGNING_KEY"
ENCRYPTION_KEY = "HOLDALL_ENCRYPTION_KEY"
OF_THE_USER = user.VARIABLES
"""Fields that no file of a project may set, each with its variable."""
BLOCK_PREFIX = "HOLDALL_BLOCK__"
DEFAULT = "default"


def read_fields(directory: str, environ: Mapping[str, str], /) -> dict[str, Any]:
    """Reads the fields of `Settings` that are set for runs in `directory`, an absolute path.

    Raises:
        ConfigurationError: an unknown key in a file, or a value of the wrong kind; names its place.
    """
    _warn_of_misspelt_variables(environ)
    files = nearest_files(directory)
    for file in files:
        user.refuse_in(file, environ)
        _refuse_unknown_keys(file)
    signers, sources = user.read(environ)
    found: dict[str, Any] = {"environ": environ, **signers}
    for option in _OPTIONS:
        setting = _from_environment(option, environ, directory) or _from_files(option, files)
        if setting is not None:
            found[option.name], sources[option.name] = setting
        else:
            sources[option.name] = DEFAULT
    found.setdefault("home", default_home(environ, platform=sys.platform, directory=directory))
    blocks: dict[str, Mapping[str, Any]] = {}
    for file in reversed(files):
        for slug, table in _block_tables(file).items():
            blocks[slug], sources[f"blocks.{slug}"] = table, file.path
    return {**found, "blocks": blocks, "sources": sources}


def default_home(environ: Mapping[str, str], *, platform: str, directory: str) -> str:
    """Returns `holdall` in the platform's folder for user data; in `directory` for a user without a home."""
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        data = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif platform == "darwin":
        data = os.path.join(home, "Library", "Application Support")
    else:
        data = environ.get("XDG_DATA_HOME", "")
        if not os.path.isabs(data):  # as its specification asks: relative paths are to be ignored
            data = os.path.join(home, ".local", "share")
    return os.path.join(data, "holdall") if os.path.isabs(data) else os.path.join(directory, ".holdall")


class _Option(NamedTuple):
    name: str
    key: str
    parse: Callable[[Any, str], Any]

    @property
    def variable(self) -> str:
        return f"HOLDALL_{self.name.upper()}"


_OPTIONS = (
    _Option("home", "home", values.path),
    _Option("catalog", "catalog", values.text),
    _Option("locks", "locks", values.text),
    _Option("results_persist_by_default", "results.persist_by_default", values.flag),
    _Option("results_default_storage", "results.default_storage", values.text),
    _Option("results_default_serializer", "results.default_serializer", values.text),
    _Option("results_accept", "results.accept", values.names),
    _Option("results_no_pickle", "results.no_pickle", values.flag),
    _Option("results_verify_roundtrip", "results.verify_roundtrip", values.one_of("sample", "always", "never")),
    _Option("results_lossy", "results.lossy", values.one_of("refuse", "note")),
    _Option("results_lease_seconds", "results.lease_seconds", values.seconds),
    _Option("cache_ignore_types", "cache.ignore_types", values.types),
    _Option("results_max_bytes", "results.max_bytes", values.size),
    _Option("plugins_prefer", "plugins.prefer", values.choices),
    _Option("progress", "progress", values.flag),
)
_KEYS = (*(option.key for option in _OPTIONS), "blocks")
_VARIABLES = (*(option.variable for option in _OPTIONS), *OF_THE_USER.values(), SECRET_KEY, SIGNING_KEY, ENCRYPTION_KEY)


def options() -> list[str]:
    """Returns the fields of `Settings` that a user can set, in the order of their declaration."""
    return [option.name for option in _OPTIONS]


def variable(name: str) -> str:
    """The environment variable of a field."""
    return next(option.variable for option in _OPTIONS if option.name == name)


def _from_environment(option: _Option, environ: Mapping[str, str], directory: str) -> tuple[Any, str] | None:
    text = environ.get(option.variable)
    if not text:  # an empty variable is how a shell says "not set"
        return None
    return _parsed(option, text, directory, f"environment variable {option.variable}")


def _from_files(option: _Option, files: list[ConfigFile]) -> tuple[Any, str] | None:
    section, _, key = option.key.rpartition(".")
    for file in files:
        table = file.tables.get(section, {}) if section else file.tables
        if key in table:
            value, _ = _parsed(option, table[key], os.path.dirname(file.path), f"{file.path}, {option.key}")
            return value, file.path
    return None


def _parsed(option: _Option, value: Any, base: str, source: str) -> tuple[Any, str]:
    try:
        return option.parse(value, base), source
    except ValueError as accepted:
        raise ConfigurationError(f"{source}: {masked(value)!r} is not {accepted}.") from None


def _refuse_unknown_keys(file: ConfigFile) -> None:
    sections = {key.partition(".")[0] for key in _KEYS if "." in key}
    for key, value in file.tables.items():
        if key in sections:
            if not isinstance(value, dict):
                raise ConfigurationError(f"{file.path}: {key} is {masked(value)!r}, and it must be a table.")
            unknown = [f"{key}.{inner}" for inner in value if f"{key}.{inner}" not in _KEYS]
        else:
            unknown = [] if key in _KEYS else [key]
        if unknown:
            raise ConfigurationError(
                f"{file.path}: there is no setting {unknown[0]!r}.{_did_you_mean(unknown[0], _KEYS)} "
                f"Settings are {', '.join(_KEYS)}."
            )


def _block_tables(file: ConfigFile) -> dict[str, Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    types = file.tables.get("blocks", {})
    for kind, named in types.items() if isinstance(types, dict) else [("", types)]:
        for name, table in named.items() if isinstance(named, dict) else [("", named)]:
            if not isinstance(table, dict):
                where = ".".join(part for part in ("blocks", kind, name) if part)
                raise ConfigurationError(
                    f"{file.path}: {where} is not the table of a block. A block is a table named by its type and its "
                    f"name, as [blocks.s3.prod] (in pyproject.toml: [tool.holdall.blocks.s3.prod])."
                )
            tables[f"{kind}/{name}"] = table
    return tables


def _warn_of_misspelt_variables(environ: Mapping[str, str]) -> None:
    for name in environ:
        if not name.startswith("HOLDALL_") or name in _VARIABLES or name.startswith(BLOCK_PREFIX):
            continue
        if name.startswith("HOLDALL_BLOCK_"):
            hint = f" Did you mean {BLOCK_PREFIX}{name[len('HOLDALL_BLOCK_') :]}?"
        else:
            hint = _did_you_mean(name, _VARIABLES)
        # Other names may belong to a plugin or to the user.
        if hint or name.startswith("HOLDALL_RESULTS_"):
            warnings.warn(
                f"The environment variable {name} is set, and holdall reads no variable of that name.{hint}",
                HoldallWarning,
                stacklevel=5,
            )


def _did_you_mean(name: str, known: tuple[str, ...]) -> str:
    near = suggest(name, known, cutoff=0.75)
    return f" Did you mean {near}?" if near else ""
