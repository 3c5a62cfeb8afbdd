"""Errors of the registry for a slug that leads to no class or to several, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from holdall.errors import (
    ConfigurationError,
    PluginConflictError,
    PluginMissingError,
    UnknownBlockError,
    UnknownSerializerError,
)
from holdall.plugins.entry_points import normalised
from holdall.plugins.known import KNOWN
from holdall.plugins.loading import NOUNS
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.plugins.entry_points import Entry

PREFER: Final = "HOLDALL_PLUGINS_PREFER"
_UNKNOWN: Final[dict[str, type[ConfigurationError]]] = {
    "serializers": UnknownSerializerError,
    "storage": UnknownBlockError,
}
_OWN: Final = {
    "catalogs": "holdall.abc.Catalog",
    "locks": "holdall.abc.LockManager",
    "runners": "holdall.abc.TaskRunner",
}
"""The base class of plugins of the kinds that `holdall.register` does not take."""


def cure(kind: str, slug: str, installed: list[str], /) -> str:
    """Returns what to do about a name that is not installed: install line or nearest spelling, and what is installed."""
    return " ".join([*_suggestions(kind, slug, installed), f"Installed: {', '.join(installed) or 'none'}."])


def _suggestions(kind: str, slug: str, installed: list[str]) -> Iterator[str]:
    known = KNOWN.get(kind, {})
    if slug in known:
        yield f"Install it: pip install {known[slug][0]}."
        return
    if (near := suggest(slug, {*installed, *known}, cutoff=0.5)) is not None:
        line = "" if near in installed else f" (pip install {known[near][0]})"
        yield f"Did you mean {near!r}{line}?"


def refuse_missing(kind: str, slug: str, installed: list[str], /) -> NoReturn:
    """Raises the error for a known plugin that is not installed, or for an unknown name."""
    known = KNOWN.get(kind, {}).get(slug)
    way_out = cure(kind, slug, installed)
    if known is not None:
        raise PluginMissingError(f"The {NOUNS[kind]} {slug!r} comes with {known[0]}, which is not installed. {way_out}")
    if kind in _OWN:
        way_out += f" To add one, point an entry point of the group 'holdall.{kind}' at a subclass of {_OWN[kind]}"
        way_out += ", or pass an instance as task_runner." if kind == "runners" else "."
    raise _UNKNOWN.get(kind, ConfigurationError)(f"No {NOUNS[kind]} is called {slug!r}. {way_out}")


def refuse_conflict(kind: str, slug: str, claims: list[Entry], /) -> NoReturn:
    """Raises the error for a slug that several distributions claim."""
    ordered = sorted(claims, key=lambda claim: normalised(claim.distribution))
    choices = [f'{PREFER}="{kind}.{slug}={claim.distribution}"' for claim in ordered if claim.location]
    if len(choices) < len(ordered):
        choices.append("holdall.register(..., replace=True)")
    raise PluginConflictError(
        f"The {NOUNS[kind]} {slug!r} is claimed by {' and by '.join(map(str, ordered))}. "
        f"Choose with {' or '.join(choices)}, or uninstall one."
    )


def refuse_choice(kind: str, slug: str, chosen: str, claims: list[Entry], /) -> NoReturn:
    """Raises the error for a setting that chooses a distribution without the slug."""
    raise ConfigurationError(
        f"{PREFER} wants the {NOUNS[kind]} {slug!r} from {chosen}, which does not provide it here. It comes from "
        f"{' and from '.join(sorted(map(str, claims)))}. Name one of these, or: pip install {chosen}"
    )
