"""Cache policies: what the cache key of a call is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal

from holdall.cache import parts
from holdall.cache.digest import Walk
from holdall.cache.encoding import brief
from holdall.cache.inputs import digested, input_digests
from holdall.cache.parts import Code, Files, Packages, Run, Source
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.cache.parts import Part

KEY_VERSION: Final = 2
"""Version of cache keys. Entries of another version are misses, and stay readable by reference."""
_HEAD: Final = (f"holdall key {KEY_VERSION}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheContext:
    """Call for which a key is computed; the first argument of a `cache_key_fn`. `flow_run` is None outside any flow."""

    task: Any
    run: Any
    flow_run: Any
    parameters: dict[str, Any]

    @property
    def task_run(self) -> Any:
        """The run, under the name that other workflow tools use."""
        return self.run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CachePolicy:
    """Policy for cache keys: a key is computed from the function, its inputs, and `parts`.

    Policies are values: `INPUTS + SOURCE` counts both, in any order; `INPUTS - "debug"` leaves a parameter out; `+ None`
    changes nothing, `+ NONE` is `NONE`.
    """

    parts: frozenset[Part] = frozenset()
    without: frozenset[str] = frozenset()
    never: bool = False

    def key(self, context: CacheContext, /) -> str | None:
        """Returns the cache key of a call, 64 hexadecimal digits; None if the call is not cached.

        Raises:
            ConfigurationError: an input, or a value that the function reaches, cannot be hashed.
        """
        counted = None if self.never else self._counted(context)
        if counted is None:
            return None
        # Separated by a character that names of files and parameters cannot have.
        text = "\0".join(chain(_HEAD, *sorted(counted.items())))
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def shown(self, context: CacheContext, /) -> dict[str, str]:
        """Returns the parts of the key of a call, to show: digests by what they are of."""
        return self._counted(context, for_people=True) or {}

    def _counted(self, context: CacheContext, *, for_people: bool = False) -> dict[str, str] | None:
        walk = Walk()  # one for all that this key counts
        unit = context.task
        identity = unit.identity
        # Lambdas, functions made inside functions, partials, callable objects, what closes over something, and functions
        # of notebooks share their name with others: these count by their definition.
        function = "by name" if identity.named else parts.counted(unit, identity.alone, walk)
        if function is None:
            return None
        counted = {f"function {identity.who}": function}
        inputs = input_digests(
            context.parameters,
            marked=identity.marked,
            without=self.without,
            unit=f"{unit.kind} {unit.name!r}",
            walk=walk,
            plain=digested if for_people else brief,
        )
        for name, digest in inputs.items():
            counted[f"input {name}"] = digest
        for part in self.parts:
            found = part.shown(context, walk) if for_people else part.counted(context, walk)
            if found is None:
                return None
            counted.update(found)
        if (version := unit.options.cache_version) is not None:
            counted["cache_version"] = repr(version)
        return counted

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        mine, theirs = ((each.parts, each.without, each.never) for each in (self, other))
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.parts, self.without, self.never))

    def __add__(self, other: CachePolicy | None, /) -> CachePolicy:
        if other is None:
            return self
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if self.never or other.never:
            return NONE
        return CachePolicy(parts=self.parts | other.parts, without=self.without | other.without)

    __radd__ = __add__

    def __sub__(self, parameter: str, /) -> CachePolicy:
        if not isinstance(parameter, str):
            raise ConfigurationError(
                f"A policy minus the name of a parameter, as {self!r} - 'debug', leaves it out; {parameter!r} is no name."
            )
        return self if self.never else replace(self, without=self.without | {parameter})

    def __repr__(self) -> str:
        if self.never:
            return "NONE"
        names = sorted(part.name for part in self.parts)
        return " + ".join(["INPUTS", *names]) + "".join(f" - {name!r}" for name in sorted(self.without))


class _CodePolicy(CachePolicy):
    """Policy `CODE`, which may be called with options."""

    __slots__ = ()

    def __call__(
        self, *, include: Iterable[str] = (), exclude: Iterable[str] = (), also: Iterable[Any] = ()
    ) -> CachePolicy:
        """Returns the policy with other borders.

        Args:
            include: packages that count as the user's own, though they are installed.
            exclude: modules and packages at which the walk stops.
            also: functions, classes and modules that count as if the function named them.
        """
        return CachePolicy(parts=frozenset({Code(tuple(include), tuple(exclude), tuple(also))}))


def PACKAGES(*distributions: str) -> CachePolicy:  # noqa: N802 - a policy, as the constants beside it
    """Returns a policy that also counts the installed versions of `distributions`, by the names that pip uses."""
    return CachePolicy(parts=frozenset({Packages(tuple(sorted(set(distributions))))}))


def FILES(*parameters: str, by: Literal["content", "stat"] = "content") -> CachePolicy:  # noqa: N802 - as PACKAGES
    """Returns a policy that also counts the files that the arguments name.

    Args:
        parameters: the arguments whose texts and paths count; with none, every `os.PathLike` in any argument.
        by: "content", or "stat" for size in bytes and modification time. All files in a folder count.

    Raises:
        ConfigurationError: `by` is neither of the two.
    """
    if by not in {"content", "stat"}:
        raise ConfigurationError(f"FILES counts by='content' or by='stat', not {by!r}.")
    return CachePolicy(parts=frozenset({Files(tuple(sorted(set(parameters))), by)}))


NONE: Final = CachePolicy(never=True)
INPUTS: Final = CachePolicy()
SOURCE: Final = CachePolicy(parts=frozenset({Source()}))
CODE: Final = _CodePolicy(parts=frozenset({Code()}))
RUN: Final = CachePolicy(parts=frozenset({Run()}))
DEFAULT: Final = INPUTS + CODE

TASK_SOURCE: Final = SOURCE
"""Old name of `SOURCE`."""
RUN_ID: Final = RUN
"""Old name of `RUN`."""


def task_input_hash(context: CacheContext, parameters: dict[str, Any]) -> str:
    """Returns a key of what `DEFAULT` counts; a `cache_key_fn`. Same call, same key, in any process."""
    key = DEFAULT.key(replace(context, parameters=parameters))
    if key is None:
        raise AssertionError("DEFAULT always has a key")
    return key
