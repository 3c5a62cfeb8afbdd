"""Loading of entry points: import of the class, and checks that it can be used."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from holdall import _lazy
from holdall.errors import PluginBrokenError

if TYPE_CHECKING:
    from holdall.plugins.entry_points import Entry

API_VERSIONS: Final = (1, 1)
"""The oldest and the newest plugin API that this holdall supports."""
NOUNS: Final[dict[str, str]] = {
    "catalogs": "catalog",
    "cli": "command",
    "locks": "lock manager",
    "runners": "task runner",
    "serializers": "serializer",
    "signatures": "signature scheme",
    "storage": "storage type",
}
_BASES: Final[dict[str, tuple[str, str]]] = {
    "catalogs": ("holdall.abc.catalog", "Catalog"),
    "locks": ("holdall.abc.lock", "LockManager"),
    "runners": ("holdall.abc.runner", "TaskRunner"),
    "serializers": ("holdall.abc.serializer", "Serializer"),
    "signatures": ("holdall.abc.signature", "SignatureScheme"),
    "storage": ("holdall.abc.block", "StorageBlock"),
}


def load_entry(kind: str, entry: Entry, /) -> type:
    """Imports the class of an entry, and checks it.

    Raises:
        PluginBrokenError: it cannot be imported or used; the cause is chained.
    """
    found = target_of(entry, noun=NOUNS[kind])
    problem = unusable(kind, found, entry=entry)
    if problem is not None:
        raise _broken(entry, NOUNS[kind], problem)
    return cast("type", found)


def target_of(entry: Entry, /, *, noun: str) -> object:
    """Imports the class or module of an entry, unchecked; errors as in `load_entry`, which call it a `noun`."""
    module, colon, path = entry.target.partition(":")
    upgrade = f"Upgrade {entry.distribution}, or uninstall it."
    if not module or (colon and not path):
        raise _broken(entry, noun, f"its entry point is not of the form name = module:Class. {upgrade}")
    try:
        found: object = import_module(module)
        return reduce(getattr, path.split("."), found) if path else found
    except AttributeError as error:
        if error.name is not None and error.name in path.split("."):
            raise _broken(entry, noun, f"{module} has no {path}. {upgrade}") from error
        raise _broken(entry, noun, f"importing it raised AttributeError: {error}. {upgrade}") from error
    except ModuleNotFoundError as error:
        own = error.name is None or f"{module}.".startswith(f"{error.name}.")
        cure = upgrade if own else f"Bring in what it needs: pip install {entry.distribution}"
        raise _broken(entry, noun, f"importing it raised ModuleNotFoundError: {error}. {cure}") from error
    # A plugin may raise anything while it is imported, and sys.exit() in one must not end the program either.
    except (Exception, SystemExit) as error:
        raise _broken(entry, noun, f"importing it raised {type(error).__name__}: {error}. {upgrade}") from error


def _broken(entry: Entry, noun: str, problem: str) -> PluginBrokenError:
    return PluginBrokenError(f"The {noun} {entry.name!r} of {entry} cannot be used: {problem}")


def unusable(kind: str, cls: object, /, *, entry: Entry | None = None) -> str | None:
    """Returns why a class cannot be used under its slug, and what to do; None if it can."""
    where = f"Upgrade {entry.distribution}, or uninstall it." if entry else "Change the class."
    base = base_of(kind)
    if not (isinstance(cls, type) and issubclass(cls, base)):
        return f"it is no subclass of holdall.abc.{base.__name__}. {where}"
    spoken: object = getattr(cls, "api_version", 1)
    oldest, newest = API_VERSIONS
    if not (isinstance(spoken, int) and oldest <= spoken <= newest):
        fits = f"API {oldest}" if oldest == newest else f"APIs {oldest} to {newest}"
        newer = isinstance(spoken, int) and spoken > newest
        owner = entry.distribution if entry else "the class"
        cure = f"Upgrade holdall, or take an older {owner}." if newer else f"Upgrade {owner}."
        return f"it is made for plugin API {spoken!r}, and this holdall speaks {fits}. {cure}"
    slug: object = getattr(cls, "slug", None)
    if not (isinstance(slug, str) and slug.isascii() and slug.replace("-", "").isalnum() and slug == slug.lower()):
        return f"its slug is {slug!r}, and must be lower-case letters, digits and hyphens. {where}"
    if entry is not None and slug != entry.name:
        return f"its slug is {slug!r} and its entry point says {entry.name!r}, so stored results would miss it. {where}"
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    return f"it does not implement {', '.join(missing)}. {where}" if missing else None


def base_of(kind: str, /) -> type:
    """Returns the interface that classes of a kind implement."""
    return cast("type", _lazy.load(*_BASES[kind]))
