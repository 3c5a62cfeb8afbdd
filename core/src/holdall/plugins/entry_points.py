"""Entry points of the distributions on `sys.path` in groups of holdall, read without imports."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

_PREFIX = "holdall."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Entry point of a distribution, or class registered in this process.

    `target` is `module:attribute`. `location` is the folder that holds the distribution, empty for a class registered
    in this process. `shadowed_by` is the folder of the same distribution that comes earlier on `sys.path`: such an
    entry is listed and never used.
    """

    group: str
    name: str
    target: str
    distribution: str = ""
    version: str = ""
    location: str = ""
    shadowed_by: str | None = None

    def __str__(self) -> str:
        owner = f"{self.distribution} {self.version}" if self.location else "this process"
        return f"{owner} ({self.target})" if self.target else owner


def normalised(distribution: str, /) -> str:
    """Returns the name of a distribution as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def scan() -> tuple[Entry, ...]:
    """Reads every entry of every `holdall.*` group, in the order of `sys.path`."""
    from importlib.metadata import distributions

    entries: list[Entry] = []
    seen: set[tuple[str, str, str]] = set()
    for distribution in distributions():
        text = _text(distribution)
        if f"[{_PREFIX}" not in text:
            continue
        identity = name, version, location = _identity(distribution)
        if identity in seen:  # one folder may stand on sys.path under two spellings
            continue
        seen.add(identity)
        first = next(map(_identity, distributions(name=name)), identity)
        entries.extend(
            Entry(
                group=group,
                name=key,
                target=target,
                distribution=name,
                version=version,
                location=location,
                shadowed_by=None if first == identity else first[2],
            )
            for group, key, target in _parse(text)
        )
    return tuple(entries)


def _text(distribution: Distribution, /) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, ValueError):  # not text: nothing says that it is ours, and it must not hide what is
        return ""


def _identity(distribution: Distribution, /) -> tuple[str, str, str]:
    """Returns name, version and folder; without METADATA, name and version are those in the folder's name."""
    location = os.path.realpath(str(distribution.locate_file("")))
    try:
        metadata = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except (OSError, ValueError):
        metadata = ""
    fields = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", metadata.partition("\n\n")[0], re.MULTILINE))
    folder = os.path.basename(str(getattr(distribution, "_path", "")))
    stem_name, _, stem_version = folder.rpartition(".")[0].partition("-")
    return fields.get("Name") or stem_name or "?", fields.get("Version") or stem_version or "?", location


def _parse(text: str, /) -> Iterator[tuple[str, str, str]]:
    """Parses group, name and target of our groups; a line that is not an assignment has an empty target."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] \t")
        elif line and line[0] not in "#;" and group.startswith(_PREFIX):
            name, _, target = line.partition("=")
            yield group, name.strip(), target.partition("[")[0].strip()
