"""Content of a value, as a hasher returns it: plain values, other values, and these classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.types import Buffer

_SHOWN = 60


class Chunks:
    """Bytes in pieces, each contiguous; where one piece ends does not count."""

    __slots__ = ("buffers",)

    def __init__(self, buffers: Iterable[Buffer], /) -> None:
        self.buffers = buffers


class Step:
    """Content below one step of the path that an error shows, as `["column"]` or `.name`. The step itself does not count."""

    __slots__ = ("content", "text")

    def __init__(self, text: str, content: Any, /) -> None:
        self.text = text
        self.content = content


class Unordered:
    """Contents whose order does not count."""

    __slots__ = ("contents",)

    def __init__(self, contents: Iterable[Any], /) -> None:
        self.contents = contents


class Uncounted(ConfigurationError):  # noqa: N818 - internal signal; users see the error that is made from it
    """Error for a value without a digest; its path is built on the way up. Users see the error that is made from it."""

    def __init__(self, kind: type, reason: str, /) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason
        self._steps: list[str] = []

    def __str__(self) -> str:
        where = f" at {self.path}" if self._steps else ""
        return f"the {type_name(self.kind)}{where} {self.reason}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, self.reason)

    def at(self, step: str, /) -> Uncounted:
        """Adds one step of the path, innermost first."""
        self._steps.append(step)
        return self

    @property
    def path(self) -> str:
        found = "".join(reversed(self._steps))
        return found if len(found) <= 10 * _SHOWN else f"{found[: 5 * _SHOWN]}…{found[-2 * _SHOWN :]}"


def type_name(kind: type, /) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def key_step(key: Any, /) -> str:
    """Returns the path step to an item of a mapping; a key that is not plain is named by its type, as its repr may run code."""
    if type(key) is str:
        shown = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    elif type(key) in {int, float, bool, bytes, type(None)}:
        shown = repr(key)
    else:
        shown = f"<{type(key).__qualname__}>"
    return f"[{shown}]" if len(shown) <= _SHOWN else f"[{shown[:_SHOWN]}…]"
