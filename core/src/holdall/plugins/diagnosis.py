"""Diagnosis of plugins: what is installed, whether it works, and what to do if it does not."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc
from typing import TYPE_CHECKING, Literal

from holdall.errors import ConfigurationError, PluginConflictError, PluginError
from holdall.plugins import registry
from holdall.plugins.loading import API_VERSIONS, NOUNS, target_of
from holdall.plugins.options import Option, options
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.plugins.entry_points import Entry
    from holdall.plugins.registry import Kind, Preference

Status = Literal["ok", "broken", "conflict", "shadowed", "not chosen"]
_HOOKS = "holdall.hooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """Name that a distribution provides. `kind` is one of the registry, or `hooks`.

    `distribution` and `version` are empty for a class registered in this process. `shadowed_by` is the folder of the
    copy of the same distribution that is used instead, or None.
    """

    kind: str
    name: str
    distribution: str
    version: str
    target: str
    location: str
    shadowed_by: str | None = None

    @property
    def status(self) -> Status:
        """Status of the plugin, which is imported for it."""
        return check(self)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDetail:
    """Plugin after an attempt to import it. `problem` says what is wrong and what to do.

    `options` are the fields that the class takes; `api_version` is None where it cannot be imported.
    """

    info: PluginInfo
    status: Status
    problem: str | None = None
    api_version: int | None = None
    summary: str = ""
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Finding of `doctor`. `message` says what to do; a `note` needs no action."""

    level: Literal["error", "note"]
    kind: str
    name: str
    distribution: str
    message: str


def installed() -> list[PluginInfo]:
    """Lists every plugin, the built-in ones and shadowed copies included, by kind and name; imports none."""
    found = [_info(kind, entry) for kind in registry.KINDS for entry in registry.entries(kind)]
    hooks = [_info("hooks", entry) for entry in registry.all_entries() if entry.group == _HOOKS]
    return sorted(found + hooks, key=lambda info: (info.kind, info.name, info.distribution, info.shadowed_by or ""))


def show(name: str, /, *, prefer: Preference = None) -> list[PluginDetail]:
    """Returns the plugins under a slug (`s3`), a kind and a slug (`storage.s3`) or a distribution (`holdall-s3`).

    Raises:
        ConfigurationError: there is none; the message lists what is installed.
    """
    everything = installed()
    found = [info for info in everything if name in {info.name, f"{info.kind}.{info.name}", info.distribution}]
    if not found:
        known = sorted({f"{info.kind}.{info.name}" for info in everything})
        near = suggest(name, {*known, *(info.name for info in everything)})
        hint = f" Did you mean {near!r}?" if near else ""
        raise ConfigurationError(f"No plugin is called {name!r}.{hint} Installed: {', '.join(known)}.")
    return [_detail(info, prefer) for info in found]


def doctor(*, prefer: Preference = None) -> list[Finding]:
    """Imports every plugin and reports problems: broken, in conflict, shadowed, of another API, chosen and not installed.

    Errors come first; an empty list means that there is no problem. A broken plugin does not end the check.
    """
    try:
        chosen = registry.preferences(prefer)
    except ConfigurationError as error:
        return [Finding(level="error", kind="settings", name="plugins.prefer", distribution="", message=str(error))]
    findings = [finding for info in installed() for finding in _findings(info, chosen)]
    findings += _idle_choices(chosen)
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda finding: (finding.level, finding.kind, finding.name, finding.distribution))


def check(info: PluginInfo, /, *, prefer: Preference = None) -> tuple[Status, str | None]:
    """Returns the status, and what to do about it if it is not `ok`."""
    if info.shadowed_by is not None:
        return "shadowed", (
            f"{info.distribution} {info.version} in {info.location} is not used: the copy in {info.shadowed_by} comes "
            "first on sys.path. Uninstall one of them if you did not mean to have both."
        )
    try:
        if info.kind != "hooks":
            used = _info(info.kind, registry.find(_kind(info), info.name, prefer=prefer))
            if used != info:
                owner = used.distribution or "this process"
                return "not chosen", f"{info.kind}.{info.name} comes from {owner} instead."
        _load(info, prefer)
    except PluginConflictError as error:
        return "conflict", str(error)
    except (PluginError, ConfigurationError) as error:
        return "broken", str(error)
    return "ok", None


def _findings(info: PluginInfo, prefer: Mapping[str, str]) -> Iterator[Finding]:
    status, message = check(info, prefer=prefer)
    if message is None:
        return
    level: Literal["error", "note"] = "note" if status in {"shadowed", "not chosen"} else "error"
    # A conflict is one finding, whichever of the distributions it was met at.
    distribution = "" if status == "conflict" else info.distribution
    yield Finding(level=level, kind=info.kind, name=info.name, distribution=distribution, message=message)


def _idle_choices(prefer: Mapping[str, str]) -> Iterator[Finding]:
    for name, distribution in prefer.items():
        kind, _, slug = name.partition(".")
        known = next((found for found in registry.KINDS if found == kind), None)
        if known is None or slug not in registry.names(known):
            yield Finding(
                level="error",
                kind=kind,
                name=slug,
                distribution=distribution,
                message=f"{name} is to come from {distribution}, which is not installed: pip install {distribution}",
            )


def _detail(info: PluginInfo, prefer: Preference) -> PluginDetail:
    status, problem = check(info, prefer=prefer)
    if status != "ok":
        return PluginDetail(info=info, status=status, problem=problem)
    found = _load(info, prefer)
    return PluginDetail(
        info=info,
        status=status,
        api_version=getattr(found, "api_version", API_VERSIONS[1]),
        summary=(getdoc(found) or "").partition("\n\n")[0] if hasattr(found, "__name__") else "",
        options=tuple(options(found)) if isinstance(found, type) and hasattr(found, "model_fields") else (),
    )


def _load(info: PluginInfo, prefer: Preference) -> object:
    if info.kind == "cli":  # what it may be, the command line knows
        return target_of(registry.find("cli", info.name, prefer=prefer), noun=NOUNS["cli"])
    if info.kind != "hooks":
        return registry.load(_kind(info), info.name, prefer=prefer)
    entry = next(entry for entry in registry.all_entries() if _info("hooks", entry) == info)
    return target_of(entry, noun="listener")


def _kind(info: PluginInfo) -> Kind:
    return next(kind for kind in registry.KINDS if kind == info.kind)


def _info(kind: str, entry: Entry) -> PluginInfo:
    return PluginInfo(
        kind=kind,
        name=entry.name,
        distribution=entry.distribution,
        version=entry.version,
        target=entry.target,
        location=entry.location,
        shadowed_by=entry.shadowed_by,
    )
