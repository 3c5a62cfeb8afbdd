"""Plain data to JSON and back by orjson, and the check that nothing was altered on the way."""

from __future__ import annotations

from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from holdall.abc.typed import MAX_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

encode: Final = orjson.dumps
decode: Final = orjson.loads

_STRICT: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_LEAVES: Final = frozenset({str, int, float, bool, type(None)})
_BUT_FLOATS: Final = _LEAVES - {float}


def encode_plain(obj: Any, /) -> bytes | None:
    """The JSON of `obj` where that is its normal form as it stands, else None.

    orjson refuses most of what has no plain form: other classes, keys that are no strings, integers beyond 64 bits,
    text that is none. What it would alter in silence is looked for: tuples, enums, UUIDs, and floats that are no
    numbers, which it writes as null.
    """
    try:
        data = orjson.dumps(obj, option=_STRICT)
    except TypeError:
        return None
    if b'"$type"' in data or not _is_plain(obj, _BUT_FLOATS if b"null" in data else _LEAVES):
        return None
    return data


def _is_plain(obj: Any, leaves: frozenset[type]) -> bool:
    """Level by level, so that what runs for each value is C; to be asked of what orjson has taken, which is no cycle."""
    boxes = [obj]
    dicts: list[dict[str, Any]] = []
    lists: list[list[Any]] = []

    def values() -> Iterator[Any]:
        return chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists))

    for _ in range(MAX_LEVELS + 1):
        kinds = set(map(type, boxes))
        if float in kinds:
            if not all(isfinite(box) for box in boxes if type(box) is float):
                return False
            kinds.remove(float)
        if not kinds <= leaves | {dict, list}:
            return False
        dicts = [box for box in boxes if type(box) is dict]
        lists = [box for box in boxes if type(box) is list]
        if not (dicts or lists):
            return True
        boxes = [value for value in values() if type(value) not in leaves]
    return False
