"""What `.map()` hands to every call whole."""

from __future__ import annotations

from typing import Any


class unmapped:  # noqa: N801 - reads as a function, as in the field's other tools
    """Wraps an iterable that every call of a `.map()` gets whole."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value
