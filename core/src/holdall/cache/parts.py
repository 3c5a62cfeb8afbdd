"""Parts of cache policies beside the function and its inputs: source, code, packages, files, the run."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from holdall.cache.encoding import SCALARS
from holdall.errors import ConfigurationError, HoldallWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.cache.code.reach import Reach
    from holdall.cache.digest import Walk
    from holdall.cache.policies import CacheContext

_PATHS_DEEP: Final = 8
"""Depth of containers in which `FILES` searches for paths."""


class Part(ABC):
    """Part of a cache policy. Hashable, picklable, and equal to another that counts the same."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the part in the `repr` of a policy."""

    @abstractmethod
    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str] | None:
        """Returns digests by what they are of; None if the call is never the same as another.

        Raises:
            ConfigurationError: a value that the user named cannot be hashed.
        """

    def shown(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str]:
        """Returns the digests to show. Override if the key has one digest of many things."""
        return self.counted(context, walk) or {}


@dataclass(frozen=True, slots=True)
class Source(Part):
    """Counts the function's own definition."""

    @property
    def name(self) -> str:
        return "SOURCE"

    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str] | None:
        digest = counted(context.task, context.task.identity.alone, walk)
        return None if digest is None else {"source": digest}


@dataclass(frozen=True, slots=True)
class Code(Part):
    """Counts the function's own definition and all that it reaches by name inside the user's own packages."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    also: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        borders = {"include": self.include, "exclude": self.exclude, "also": self.also}
        given = [f"{option}={list(values)!r}" for option, values in borders.items() if values]
        return f"CODE({', '.join(given)})" if given else "CODE"

    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str] | None:
        unit = context.task
        digest = counted(unit, unit.identity.reach(self), walk)
        if digest is None:
            return None
        if SCALARS.issuperset(map(type, context.parameters.values())):
            return {"code": digest}  # plain values reach nothing
        from holdall.cache.code.reach import reached_by

        inputs = reached_by(context.parameters, walk)
        return {"code": digest, "code of inputs": inputs.hex()} if inputs else {"code": digest}

    def shown(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str]:
        found = dict(self.counted(context, walk) or {})
        found.pop("code", None)
        parts = context.task.identity.reach(self).parts(walk)
        return {**{f"code {name}": digest for name, digest in parts}, **found}


def counted(unit: Any, reach: Reach, walk: Walk, /) -> str | None:
    """Returns the digest of what a task's function reaches; None, with a warning, if a part of it cannot be hashed."""
    found = reach.now(walk)
    if found.stored and unit.identity.is_news(found.stored):
        _warn(
            f"{unit.kind.capitalize()} {unit.name!r} is cached by its code, and that stores into the global "
            f"{found.stored[0]!r}, which therefore does not count in its cache key. If its result depends on what is there, "
            "pass it as an argument.",
        )
    if not found.uncounted:
        return found.digest.hex()
    if unit.identity.is_news(found.uncounted):
        name, reason = found.uncounted[0]
        _warn(
            f"{unit.kind.capitalize()} {unit.name!r} is cached by its code, and that reaches {name!r}, which cannot be "
            f"counted ({reason}): this call is not cached. Pass what counts of it as an argument, leave its module out "
            "with CODE(exclude=…), or use a cache_key_fn."
        )
    return None


def _warn(message: str) -> None:
    warnings.warn(message, HoldallWarning, stacklevel=2)


@dataclass(frozen=True, slots=True)
class Packages(Part):
    """Counts the installed versions of distributions."""

    distributions: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"PACKAGES({', '.join(map(repr, self.distributions))})"

    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str]:
        return {f"package {each}": walk.of(_version(each, context.task.name)).hex() for each in self.distributions}


def _version(distribution: str, task: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        raise ConfigurationError(
            f"The cache_policy of {task!r} counts the version of {distribution!r}, and no distribution of that name is "
            f"installed. Give PACKAGES the name that pip knows it by, or leave it out."
        ) from None


@dataclass(frozen=True, slots=True)
class Files(Part):
    """Counts the files that arguments name: their content, or their size and modification time.

    `parameters` names the arguments; with none, every `os.PathLike` in any argument counts.
    """

    parameters: tuple[str, ...] = ()
    by: Literal["content", "stat"] = "content"

    @property
    def name(self) -> str:
        arguments = [*map(repr, self.parameters), *(["by='stat'"] if self.by == "stat" else [])]
        return f"FILES({', '.join(arguments)})"

    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str]:
        if unknown := set(self.parameters) - context.parameters.keys():
            raise ConfigurationError(
                f"The cache_policy of {context.task.name!r} counts the files of {min(unknown)!r}, and it has no "
                f"such parameter. It has {', '.join(context.parameters)}."
            )
        chosen = self.parameters or tuple(context.parameters)
        found: dict[str, str] = {}
        for parameter in chosen:
            for path in _paths(context.parameters[parameter], texts=bool(self.parameters)):
                found[f"file {parameter}: {path}"] = walk.of(_state(path, self.by, context.task.name)).hex()
        return found


def _paths(value: Any, *, texts: bool, depth: int = 0) -> Iterator[str]:
    if isinstance(value, os.PathLike) or (texts and type(value) in {str, bytes}):
        yield os.fsdecode(value)
    elif depth < _PATHS_DEEP and type(value) in {list, tuple, set, frozenset}:
        for each in value:
            yield from _paths(each, texts=texts, depth=depth + 1)
    elif depth < _PATHS_DEEP and type(value) is dict:
        for each in value.values():
            yield from _paths(each, texts=texts, depth=depth + 1)


def _state(path: str, by: str, task: str) -> Any:
    """Returns what counts of a file; for a folder, of each file in it by its relative path."""
    try:
        if os.path.isdir(path):
            files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
            return [(os.path.relpath(file, path), _state(file, by, task)) for file in files]
        if by == "stat":
            found = os.stat(path)
            return found.st_size, found.st_mtime_ns
        from hashlib import file_digest

        with open(path, "rb") as file:
            return file_digest(file, "sha256").digest()
    except FileNotFoundError:
        return None  # that it is absent is what counts
    except OSError as error:
        raise ConfigurationError(
            f"The cache_policy of {task!r} counts the file {path!r}, which cannot be read: {error.strerror}. Make it "
            f"readable, or leave FILES out of the policy."
        ) from error


@dataclass(frozen=True, slots=True)
class Run(Part):
    """Counts the flow run around the call; outside a flow, the call's own run."""

    @property
    def name(self) -> str:
        return "RUN"

    def counted(self, context: CacheContext, walk: Walk, /) -> Mapping[str, str]:
        run = context.run if context.flow_run is None else context.flow_run
        return {"run": walk.of(None if run is None else run.id).hex()}
