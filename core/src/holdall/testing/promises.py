"""What the parts of the storage contract have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_Error = TypeVar("_Error", bound=BaseException)


def pattern(size: int, /) -> bytes:
    """That many bytes, of a period that no block size has."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def raised(kind: type[_Error], call: Callable[_P, object], /, *args: _P.args, **kwargs: _P.kwargs) -> _Error:
    """The error that the call raises; a failed test where it raises none, or another."""
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return caught.value
