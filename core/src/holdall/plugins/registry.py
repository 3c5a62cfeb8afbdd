"""Registry of plugins: classes by slug, from entry points and registrations; one class is imported per look-up.

Entry points are read on the first look-up; the default storage, serializer and catalog are never looked up here.
"""

from __future__ import annotations

import os
from importlib import invalidate_caches
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast, get_args, overload
from weakref import WeakKeyDictionary

from holdall._system import fork
from holdall.errors import ConfigurationError
from holdall.plugins.entry_points import Entry, normalised, scan
from holdall.plugins.loading import NOUNS, base_of, load_entry, unusable
from holdall.plugins.messages import PREFER, cure, refuse_choice, refuse_conflict, refuse_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from holdall.abc.codec import Codec

    Preference = Mapping[str, str] | str | None

Kind = Literal["catalogs", "cli", "locks", "runners", "serializers", "signatures", "storage"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

T = TypeVar("T", bound=type)


class _State:
    """State of the registry. `scanned` is None until the first look-up."""

    __slots__ = ("classes", "for_types", "lock", "registered", "replacing", "scanned", "types")

    def __init__(self) -> None:
        self.lock = fork.renewed(Lock())
        self.scanned: tuple[Entry, ...] | None = None
        self.classes: dict[Entry, type] = {}
        self.registered: dict[tuple[str, str], type] = {}
        self.replacing: set[tuple[str, str]] = set()
        self.types: dict[str, dict[str, type]] = {}
        self.for_types: WeakKeyDictionary[type, tuple[Codec, ...]] = WeakKeyDictionary()


_state = _State()


def refresh() -> None:
    """Clears the cache, so that the next look-up sees what has been installed since. Registrations stay."""
    with _state.lock:
        invalidate_caches()
        _state.scanned = None
        _state.classes.clear()
        _state.for_types = WeakKeyDictionary()


def scanned() -> bool:
    """Returns whether the entry points have been read already."""
    return _state.scanned is not None


def all_entries() -> tuple[Entry, ...]:
    """Returns every entry of every group, shadowed ones and those of `holdall.hooks` included."""
    found = _state.scanned
    if found is None:
        with _state.lock:
            found = _state.scanned
            if found is None:
                found = _state.scanned = scan()
    return found


def entries(kind: Kind, /) -> list[Entry]:
    """Returns what is installed or registered for a kind, by name; shadowed entries included."""
    found = [entry for entry in all_entries() if entry.group == f"holdall.{kind}"]
    found += [_entry_of(kind, slug, cls) for (known, slug), cls in _state.registered.items() if known == kind]
    return sorted(found, key=lambda entry: (entry.name, entry.distribution))


def names(kind: Kind, /) -> list[str]:
    """Returns the slugs that can be looked up, sorted; whether they can be imported is not known yet."""
    return sorted({entry.name for entry in entries(kind) if entry.shadowed_by is None})


def load(kind: Kind, slug: str, /, *, prefer: Preference = None) -> type:
    """Returns the class under a slug; imports its module and no other plugin.

    `prefer` says which distribution provides a slug that several claim, as `{"storage.s3": "holdall-s3"}` or in the
    form of the environment variable `HOLDALL_PLUGINS_PREFER`, which is read where it is None.

    Raises:
        PluginMissingError: a known plugin provides it, and is not installed.
        UnknownBlockError, UnknownSerializerError, ConfigurationError: the name is unknown (by kind).
        PluginBrokenError: it is installed, and cannot be used; the cause is chained.
        PluginConflictError: several distributions claim it.
    """
    entry = find(kind, slug, prefer=prefer)
    if not entry.location:
        return _state.registered[kind, slug]
    cls = _state.classes.get(entry)
    if cls is None:
        cls = _state.classes[entry] = load_entry(kind, entry)
    return cls


def find(kind: Kind, slug: str, /, *, prefer: Preference = None) -> Entry:
    """Returns the entry that `load` would import; the same errors, as far as they are known without the import."""
    claims = {
        (normalised(entry.distribution), entry.target): entry
        for entry in reversed(entries(kind))
        if entry.name == slug and entry.shadowed_by is None
    }
    registered = _state.registered.get((kind, slug))
    if registered is not None:
        own = _entry_of(kind, slug, registered)
        # A plugin that registers its own class in this process as well claims the name once.
        if (kind, slug) in _state.replacing or all(claim.target == own.target for claim in claims.values()):
            return own
        claims["", own.target] = own
    chosen = preferences(prefer).get(f"{kind}.{slug}")
    if chosen is not None and claims:
        matching = [claim for (name, _), claim in claims.items() if name == normalised(chosen)]
        if len(matching) == 1:
            return matching[0]
        refuse_choice(kind, slug, chosen, list(claims.values()))
    if not claims:
        refuse_missing(kind, slug, names(kind))
    if len(claims) > 1:
        refuse_conflict(kind, slug, list(claims.values()))
    return next(iter(claims.values()))


def advice(kind: Kind, slug: str, /) -> str:
    """Returns what to do about an unknown name: install line or nearest spelling, and what is installed."""
    return cure(kind, slug, names(kind))


def preferences(text: Preference = None, /) -> Mapping[str, str]:
    """Parses which distribution provides `kind.slug`, from `storage.s3=holdall-s3,serializers.json=…` or the environment."""
    if text is None:
        text = os.environ.get(PREFER, "")
    if not isinstance(text, str):
        return text
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, equals, distribution in pairs:
        kind, dot, slug = name.strip().partition(".")
        if not (equals and dot and slug and distribution.strip() and kind in KINDS):
            raise ConfigurationError(
                f"{PREFER} has {name + equals + distribution!r}, which is not of the form kind.name=distribution. "
                f"Write it as storage.s3=holdall-s3; kinds are {', '.join(KINDS)}."
            )
    return {name.strip(): distribution.strip() for name, _, distribution in pairs}


def for_types() -> WeakKeyDictionary[type, tuple[Codec, ...]]:
    """Returns the cache of serializers by class. Each registration and refresh begins a new one."""
    return _state.for_types


def full_name(cls: type, /) -> str:
    """Returns the dotted name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def registered_for(name: str, /) -> list[type]:
    """Returns the serializers that were registered in this process for the class of that full name."""
    return list(_state.types.get(name, {}).values())


@overload
def register(cls: T, /, *, types: Iterable[type | str] = ..., replace: bool = ...) -> T: ...
@overload
def register(cls: None = ..., /, *, types: Iterable[type | str] = ..., replace: bool = ...) -> Callable[[T], T]: ...
def register(
    cls: T | None = None, /, *, types: Iterable[type | str] = (), replace: bool = False
) -> T | Callable[[T], T]:
    """Registers a `Serializer` or a `StorageBlock` under its slug in this process; usable as a decorator.

    `types` are classes, or their full names as `geopandas.geodataframe.GeoDataFrame`, for whose instances (and those of
    subclasses) `result_serializer="auto"` chooses this serializer.

    A class of the same module and name replaces its older self, so that a notebook cell can be run again. A slug that
    an installed plugin or a built-in claims too is a conflict when it is looked up, unless `replace=True`.

    Raises:
        ConfigurationError: another class is registered under that slug, or the class cannot be used.
    """
    if cls is None:
        return lambda found: register(found, types=types, replace=replace)
    kind = _kind_of(cls)
    problem = unusable(kind, cls)
    if problem is not None:
        raise ConfigurationError(f"{full_name(cls)} cannot be registered: {problem}")
    claimed = [each if isinstance(each, str) else full_name(each) for each in types]
    if claimed and kind != "serializers":
        raise ConfigurationError(f"{full_name(cls)} cannot be registered for types: it is no serializer.")
    slug = cast("str", cls.slug)  # type: ignore[attr-defined]
    with _state.lock:
        other = _state.registered.get((kind, slug))
        if other is not None and not replace and _target(other) != _target(cls):
            raise ConfigurationError(
                f"The {NOUNS[kind]} {slug!r} is registered already, as {_target(other)}; {_target(cls)} asks for the "
                "same name. Give one of them another slug, or register with replace=True."
            )
        _state.registered[kind, slug] = cls
        for name in claimed:
            _state.types.setdefault(name, {})[slug] = cls
        _state.for_types = WeakKeyDictionary()
        if replace:
            _state.replacing.add((kind, slug))
    return cls


def serializer(slug: str, /, options: Mapping[str, Any] | None = None, *, prefer: Preference = None) -> Codec:
    """Makes a serializer by name, as `json` or `compressed/json` (the one before the slash wraps the one behind it).

    Raises:
        ConfigurationError: the options do not fit it; the message never repeats their values.
        The errors of `load`.
    """
    outer, slash, inner = slug.partition("/")
    cls = load("serializers", outer, prefer=prefer)
    fields = dict(options or {})
    if slash:
        if "serializer" not in getattr(cls, "model_fields", {}):
            raise ConfigurationError(
                f"The serializer {slug!r} cannot be made: {outer!r} wraps no other serializer. Write {outer!r} alone, "
                f"or 'compressed/{inner}'."
            )
        fields["serializer"] = serializer(inner, prefer=prefer)
    try:
        return cast("Codec", cls(**fields))
    except TypeError as error:  # a class with an __init__ of its own; such a message names the option, never its value
        raise ConfigurationError(f"The serializer {slug!r} does not take these options. {error}.") from error


def _kind_of(cls: object) -> Kind:
    kinds: tuple[Kind, ...] = ("serializers", "storage")
    for kind in kinds:
        if isinstance(cls, type) and issubclass(cls, base_of(kind)):
            return kind
    raise ConfigurationError(
        f"{cls!r} cannot be registered: it is no subclass of holdall.abc.Serializer or holdall.abc.StorageBlock."
    )


def _target(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _entry_of(kind: str, slug: str, cls: type) -> Entry:
    return Entry(group=f"holdall.{kind}", name=slug, target=_target(cls))
