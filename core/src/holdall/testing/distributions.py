"""Fake distributions on `sys.path`, for tests of plugin discovery."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdall.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def write_distribution(
    folder: Path,
    name: str,
    /,
    *,
    version: str = "1.0",
    entry_points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
) -> Path:
    """Writes what an installer would: `NAME-1.0.dist-info` and the modules (name to source); returns `folder`.

    `entry_points` maps a group to names and targets, as `{"holdall.storage": {"attic": "attic:Attic"}}`.
    """
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    sections = (
        "\n".join([f"[{group}]", *(f"{key} = {target}" for key, target in lines.items()), ""])
        for group, lines in entry_points.items()
    )
    metadata.joinpath("entry_points.txt").write_text("\n".join(sections), "utf-8")
    for module, source in (modules or {}).items():
        folder.joinpath(f"{module}.py").write_text(source, "utf-8")
    return folder


@contextmanager
def on_path(*folders: Path) -> Iterator[None]:
    """Puts the folders first on `sys.path`, in that order, for the length of a `with` block.

    What was imported from them, found in them or registered meanwhile is forgotten afterwards.
    """
    path, modules = sys.path[:], set(sys.modules)
    places = tuple(str(folder) for folder in folders)
    sys.path[:0] = places
    try:
        with registrations_undone():
            yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(places):
                del sys.modules[name]
        registry.refresh()


@contextmanager
def registrations_undone() -> Iterator[None]:
    """Starts from a fresh scan, and undoes what `holdall.register` does inside the `with` block."""
    state = registry._state  # noqa: SLF001 - the one place that puts the registry back
    registered, replacing = dict(state.registered), set(state.replacing)
    types = {name: dict(classes) for name, classes in state.types.items()}
    registry.refresh()
    try:
        yield
    finally:
        state.registered, state.replacing, state.types = registered, replacing, types
        registry.refresh()


@contextmanager
def absent(name: str, /) -> Iterator[None]:
    """Hides a distribution from look-ups inside the `with` block, as if it were not installed."""
    registry.refresh()
    left = tuple(entry for entry in registry.all_entries() if entry.distribution != name)
    registry._state.scanned = left  # noqa: SLF001 - what a scan remembers is what look-ups know
    try:
        yield
    finally:
        registry.refresh()
