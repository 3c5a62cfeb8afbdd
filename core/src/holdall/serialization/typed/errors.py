"""The signal that a value cannot be written, with its path inside the object."""

from __future__ import annotations

from typing import Any

from holdall.errors import SerializationError
from holdall.serialization.typed.static_lookup import module_of, qualname_of

_SHOWN = 60


class UnsupportedValue(Exception):  # noqa: N818 - internal signal; users see the SerializationError made from it
    """Raised where a value has no form; callers add the steps of its path: no path is built unless something fails."""

    def __init__(self, reason: str, /, *, remedy: str = 'result_serializer="pickle"') -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.too_deep = False
        self._steps: list[str] = []
        self._owners: list[Any] = []

    @property
    def inside(self) -> bool:
        """Whether the value lies inside the object at hand, and is not the object itself."""
        return bool(self._steps)

    def at(self, step: str, owner: Any, /) -> UnsupportedValue:
        """Adds one step of the path, innermost first, and the object that it starts from."""
        self._steps.append(step)
        self._owners.append(owner)
        return self

    def error(self, serializer: str, root: Any, /) -> SerializationError:
        """Returns the error for users, with the path from `root`."""
        steps, owners = self._steps[::-1], self._owners[::-1]
        if self.too_deep and (cycle := _cycle(owners)) is not None:
            start, end = cycle
            path = _path(steps[:end])
            reason = f"is {_path(steps[:start])} again, a cycle"
        else:
            path, reason = _path(steps), self.reason
        if len(path) > 10 * _SHOWN:
            path = f"{path[: 5 * _SHOWN]}…{path[-2 * _SHOWN :]}"
        return SerializationError(
            f"The {serializer} serializer cannot write this result: {path} {reason}. Use {self.remedy} for it, or "
            f"return something that {serializer} has a form for.",
            path=path,
            value=root,
        )


def too_deep(levels: int, /) -> UnsupportedValue:
    """Returns the signal for a value that is nested too deeply, which may be a cycle."""
    unsupported = UnsupportedValue(f"is nested deeper than the {levels} levels that this format allows")
    unsupported.too_deep = True
    return unsupported


def key_step(key: Any, /) -> str:
    """Formats the step of a path to the value of a key."""
    shown = repr(key) if not isinstance(key, str) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[{shown}]" if len(shown) <= _SHOWN else f"[{shown[:_SHOWN]}…]"


def type_name(kind: type, /) -> str:
    module, qualname = module_of(kind), qualname_of(kind)
    return qualname if module == "builtins" else f"{module}.{qualname}"


def described(kind: type, /) -> str:
    """Returns the name of a type with its article, as `a numpy.ndarray`."""
    name = type_name(kind)
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _path(steps: list[str], /) -> str:
    return "result" + "".join(steps)


def _cycle(owners: list[Any], /) -> tuple[int, int] | None:
    """Returns the positions where an object first stands, and where it stands again further down the same path."""
    seen: dict[int, int] = {}
    for position, owner in enumerate(owners):
        if id(owner) in seen:
            return seen[id(owner)], position
        seen[id(owner)] = position
    return None
