"""`Settings`: one value, read from environment variables and configuration files; `current` caches it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.abc.lock import LEASE_SECONDS
from holdall.settings import user
from holdall.settings.files import candidates, directories_to_search
from holdall.settings.sources import read_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.security.policy import Lossy, Verify


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
        return cls(**read_fields(directory, environ))

    def __getstate__(self) -> dict[str, Any]:
        hidden = {"environ", "blocks"}
        return {each.name: {} if each.name in hidden else getattr(self, each.name) for each in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        defaults = Settings(home=state["home"])
        for each in fields(self):  # a pickle of an earlier release has not all that there is now
            object.__setattr__(self, each.name, state.get(each.name, getattr(defaults, each.name)))


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
