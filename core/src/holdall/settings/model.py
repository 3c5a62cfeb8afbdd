"""`Settings`: one value, read from environment variables and configuration files; `current` caches it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.abc.lock import LEASE_SECONDS
from holdall.errors import ConfigurationError, HoldallWarning
from holdall.security.redact import masked
from holdall.settings import user, values
from holdall.settings.files import ConfigFile, candidates, directories_to_search, nearest_files
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.security.policy import Lossy, Verify

SECRET_KEY = "HOLDALL_SECRET_KEY"  # noqa: S105 - the variable's name
SIGNING_KEY = "HOLDALL_SIGNING_KEY"
ENCRYPTION_KEY = "HOLDALL_ENCRYPTION_KEY"
OF_THE_USER = user.VARIABLES
"""Fields that no file of a project may set, each with its variable."""
BLOCK_PREFIX = "HOLDALL_BLOCK__"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings from environment variables and the nearest configuration files, validated.

    `environ` is the whole environment that was read: blocks and keys are looked up in it on use. It may hold secrets,
    as may `blocks`, so neither is shown or pickled: another process reads its own.
    """

    home: str
    """Absolute path of the folder of the catalog and the key file; it need not exist."""
    catalog: str = "sqlite"
    """The slug of the catalog of runs, references and saved blocks."""
    locks: str | None = None
    """The slug of the lock manager for cached results; None: files in local folders, leases elsewhere."""
    results_persist_by_default: bool | None = None
    results_default_storage: str | None = field(default=None, repr=False)
    """As it was written: to be masked before it is shown, as it may have a password in it."""
    results_default_serializer: str | None = None
    results_accept: frozenset[str] = frozenset()
    """Modules that stored data may name to be imported, and serializers that may be read with though they may run code."""
    results_no_pickle: bool = False
    """Neither write nor read what may run code when it is read."""
    results_verify_roundtrip: Verify = "sample"
    """Which results are read back and compared before they count as stored; a sample is of serializers that are not exact."""
    results_lossy: Lossy = "refuse"
    """What is done with a result that would come back different."""
    results_lease_seconds: float = LEASE_SECONDS
    """How long callers on other machines wait for one that computes a cached result and has died."""
    cache_ignore_types: frozenset[str] = frozenset()
    """Types, as `module:QualName`, whose values do not count in cache keys, besides those that holdall knows; one that
    begins with a hyphen counts again."""
    trusted_signers: tuple[str, ...] | None = field(default=None, repr=False)
    """Public keys, `id:ed25519-public:KEY`, whose signatures are trusted; None if there is no such list."""
    revoked_signers: tuple[str, ...] = field(default=(), repr=False)
    """Ids, or whole public keys, that are no longer trusted, in any list."""
    results_max_bytes: int | None = None
    """Bytes that reading one result may make at most, whatever its record declares; None: what memory allows."""
    plugins_prefer: Mapping[str, str] = field(default_factory=dict, hash=False)
    """`"storage.s3"` -> the distribution that provides it, where two do."""
    progress: bool = True
    blocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False, repr=False)
    """Slug -> fields as they stand in the file, `${NAME}` not yet replaced."""
    trusts_catalog: bool = True
    """Whether `accept` of a saved block counts: not for a command that looks into a catalog of a project's choice."""
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Field name, or `blocks.<slug>`, -> `environment variable <NAME>`, the path of a file, or `default`."""
    environ: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)

    @classmethod
    def read(cls, directory: str, environ: Mapping[str, str]) -> Settings:
        """Reads the settings of runs in `directory`, an absolute path.

        Raises:
            ConfigurationError: an unknown key in a file, or a value of the wrong kind; names its place.
        """
        _warn_of_misspelt_variables(environ)
        files = nearest_files(directory)
        for file in files:
            user.refuse_in(file, environ)
            _refuse_unknown_keys(file)
        signers, sources = user.read(environ)
        values: dict[str, Any] = {"environ": environ, **signers}
        for option in _OPTIONS:
            found = _from_environment(option, environ, directory) or _from_files(option, files)
            if found is not None:
                values[option.name], sources[option.name] = found
            else:
                sources[option.name] = DEFAULT
        values.setdefault("home", default_home(environ, platform=sys.platform, directory=directory))
        blocks: dict[str, Mapping[str, Any]] = {}
        for file in reversed(files):
            for slug, table in _block_tables(file).items():
                blocks[slug], sources[f"blocks.{slug}"] = table, file.path
        return cls(blocks=blocks, sources=sources, **values)

    def __getstate__(self) -> dict[str, Any]:
        hidden = {"environ", "blocks"}
        return {each.name: {} if each.name in hidden else getattr(self, each.name) for each in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        defaults = Settings(home=state["home"])
        for each in fields(self):  # a pickle of an earlier release has not all that there is now
            object.__setattr__(self, each.name, state.get(each.name, getattr(defaults, each.name)))


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
                stacklevel=4,
            )


def _did_you_mean(name: str, known: tuple[str, ...]) -> str:
    near = suggest(name, known, cutoff=0.75)
    return f" Did you mean {near}?" if near else ""


_Stamp = tuple[int, int, int] | None
_YOUNG = 20_000_000


class _Cached(NamedTuple):
    environ: Mapping[Any, Any]
    stamps: list[tuple[str, _Stamp]]
    settled: bool
    settings: Settings


class _Current:
    """Cache of `current` in this process: settings by directory, and the change that is made to them."""

    __slots__ = ("adjust", "by_directory")

    def __init__(self) -> None:
        self.adjust: Callable[[Settings], Settings] | None = None
        self.by_directory: dict[str, _Cached] = {}


_current: Final = _Current()


def adjust_with(change: Callable[[Settings], Settings] | None, /) -> Callable[[Settings], Settings] | None:
    """Sets the change that `current` makes to settings, and returns the one before; see `holdall.settings.inspection`."""
    before, _current.adjust = _current.adjust, change
    _current.by_directory.clear()
    return before


def current(directory: str | None = None) -> Settings:
    """Returns the settings of runs in `directory` (default: the working directory).

    The same object as long as no environment variable and no configuration file has changed: the check is a comparison of
    the environment and one `stat` for each directory on the way up, a few microseconds.
    """
    if directory is None:
        try:
            directory = os.getcwd()
        except FileNotFoundError:
            directory = os.path.abspath(os.sep)
    elif not os.path.isabs(directory):
        directory = os.path.abspath(directory)
    # Comparing the table behind os.environ as a whole costs less than asking it for one name, and sees blocks too.
    environ = getattr(os.environ, "_data", os.environ)
    cached = _current.by_directory.get(directory)
    if cached is not None and cached.settled and cached.environ == environ:
        for path, seen in cached.stamps:
            if _stamp(path) != seen:
                break
        else:
            return cached.settings
    return _read_into_cache(directory, cached)


def _read_into_cache(directory: str, before: _Cached | None) -> Settings:
    snapshot = dict(getattr(os.environ, "_data", os.environ))
    stamps = _stamps(directory)
    settings = Settings.read(directory, dict(os.environ))
    if _current.adjust is not None:
        settings = _current.adjust(settings)
    if before is not None and before.settings == settings:
        settings = before.settings
    # A file may change twice within one tick of its clock: after a change this recent, the next call looks again.
    now = time.time_ns()
    settled = all(seen is None or abs(now - seen[0]) > _YOUNG for _, seen in stamps)
    if len(_current.by_directory) >= 64:
        _current.by_directory.clear()
    _current.by_directory[directory] = _Cached(snapshot, stamps, settled, settings)
    return settings


def _stamps(directory: str) -> list[tuple[str, _Stamp]]:
    # A directory's own time tells of files that come and go, so only files that are there are looked at one by one.
    places = directories_to_search(directory)
    files = [(path, stamp) for place in places for path in candidates(place) if (stamp := _stamp(path)) is not None]
    own = user.path(os.environ)
    return [*((place, _stamp(place)) for place in places), *files, *([(own, _stamp(own))] if own else [])]


def _stamp(path: str) -> _Stamp:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
