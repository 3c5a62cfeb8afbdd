"""Members of stored JSON, checked where they are parsed: type, range and form of each."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime
from math import isfinite
from typing import Any, Final

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)").fullmatch
_FIRST: Final = -2_208_988_800.0
"""Seconds since the epoch: the year 1900. Earlier times are invalid."""
_LAST: Final = 253_402_214_400.0
"""Seconds since the epoch: the last day of the year 9999 is the year 10000 in some time zone."""
_WHOLE: Final = 1 << 63
_DEEPEST: Final = 32
_WORDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class TwiceError(ValueError):
    """A member is twice in one object: readers differ in which of the two they use."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TwiceError("a member stands there twice")
    return found


def refuse_constant(name: str) -> None:
    """Refuses NaN and Infinity, as the `parse_constant` of `json`."""
    raise ValueError(f"{name} is no JSON")


loads: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=refuse_constant).decode
"""Parses JSON that every reader parses alike; raises ValueError, RecursionError."""


def moment(text: str, /) -> float:
    """Returns the seconds since the epoch of an RFC 3339 time with its zone.

    Raises:
        ValueError: It is not such a time, or outside the years 1900 to 9999.
    """
    with suppress(ValueError):  # there is no such day, or no such zone
        if (
            _MOMENT(text) is not None
            and _FIRST <= (seconds := datetime.fromisoformat(text.upper()).timestamp()) < _LAST
        ):
            return seconds
    raise ValueError(f"{text[:40]!r} is no time as RFC 3339 writes it, with a zone, between the years 1900 and 9999")


class Members:
    """Members of one JSON object; `of` is its own name, in errors. Each method raises ValueError for an invalid member."""

    __slots__ = ("_document", "_of")

    def __init__(self, document: Any, of: str = "") -> None:
        if type(document) is not dict:
            raise ValueError(f"{of or 'it'} is {_word(document)}, and an object is needed")
        self._document: dict[str, Any] = document
        self._of = of

    def __contains__(self, name: str) -> bool:
        return name in self._document

    def _named(self, name: str) -> str:
        return f"{self._of}.{name}" if self._of else name

    def get(self, name: str, /) -> Any:
        """Returns the member unchecked."""
        try:
            return self._document[name]
        except KeyError:
            raise ValueError(f"the member {self._named(name)} is missing") from None

    def _odd(self, name: str, wanted: str) -> ValueError:
        return ValueError(f"the member {self._named(name)} is {_word(self._document[name])}, and {wanted} is needed")

    def text(self, name: str, /) -> str:
        value = self.get(name)
        if type(value) is not str:
            raise self._odd(name, "a text")
        if not value.isascii():
            value.encode()  # half of a surrogate pair is no text, and fails wherever it is written
        return value

    def text_or_none(self, name: str, /, *, absent: bool = False) -> str | None:
        """Returns a text or None; with `absent`, None also for a missing member."""
        if (absent and name not in self._document) or self.get(name) is None:
            return None
        return self.text(name)

    def one_of(self, name: str, /, *known: str) -> str:
        value = self.text(name)
        if value not in known:
            raise ValueError(
                f"the member {self._named(name)} is {value[:40]!r}, and one of {', '.join(known)} is needed"
            )
        return value

    def count(self, name: str, /, *, least: int = 0, most: int = _WHOLE - 1) -> int:
        value = self.get(name)
        if type(value) is not int:
            raise self._odd(name, "a whole number")
        if not least <= value <= most:
            raise ValueError(f"the member {self._named(name)} is not between {least} and {most}")
        return value

    def moment(self, name: str, /) -> str:
        """Returns a time as it is written."""
        value = self.text(name)
        try:
            moment(value)
        except ValueError as error:
            raise ValueError(f"the member {self._named(name)} is odd: {error}") from None
        return value

    def members(self, name: str, /) -> Members:
        return Members(self.get(name), self._named(name))

    def texts(self, name: str, /) -> dict[str, str]:
        """Returns an object of texts."""
        found = self.members(name)
        return {each: found.text(each) for each in found._document}  # noqa: SLF001 - of this very class

    def texts_in(self, name: str, /) -> list[str]:
        """Returns a list of texts."""
        value = self.get(name)
        if type(value) is not list or not all(type(each) is str for each in value):
            raise self._odd(name, "a list of texts")
        return value

    def plain(self, name: str, /) -> dict[str, Any]:
        """Returns an object of any JSON, of moderate depth and with numbers that every reader can represent."""
        value = self.members(name)._document  # noqa: SLF001 - of this very class
        _check_plain(value, self._named(name), _DEEPEST)
        return value


def _check_plain(value: Any, of: str, depth: int) -> None:
    if not depth:
        raise ValueError(f"the member {of} is nested too deeply")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, (int, float)):
        if not (isfinite(value) if isinstance(value, float) else -_WHOLE <= value < 2 * _WHOLE):
            raise ValueError(f"the member {of} has a number that is too large")
    elif isinstance(value, (dict, list)):
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_plain(each, of, depth - 1)


def _word(value: Any) -> str:
    # The value itself may be long, or a secret that somebody put in the wrong place.
    return "null" if value is None else _WORDS.get(type(value), "no JSON")
