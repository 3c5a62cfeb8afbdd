"""Encoder of plain data as JSON through orjson, with a check that no value is altered."""

from __future__ import annotations

from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from holdall.serialization.typed import MAX_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

encode: Final = orjson.dumps
decode: Final = orjson.loads

_STRICT: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_LEAVES: Final[frozenset[type]] = frozenset({str, int, float, bool, type(None)})
_BUT_FLOATS: Final = _LEAVES - {float}
_BOXES: Final = frozenset({dict, list})
_KEY: Final = b'"$type"'
_SOME: Final = 512


def encode_plain(obj: Any, /) -> bytes | None:
    """Encodes an object of plain data; returns None for one that needs tagged forms.

    orjson rejects most values without a plain form: other classes, keys that are not strings, integers beyond 64 bits,
    and invalid text. The values that it would alter silently are searched for: tuples, enums, UUIDs, and floats without
    a number, which it writes as null.
    """
    try:
        data = orjson.dumps(obj, option=_STRICT)
        if _KEY not in data and _is_plain((obj,), _BUT_FLOATS if b"null" in data else _LEAVES):
            return data
    except (TypeError, RecursionError):
        return None
    return None


def _is_plain(values: Iterable[Any], leaves: frozenset[type], level: int = 1) -> bool:
    """Whether values that orjson has encoded, which have no cycles, are plain. Scalars cost one comparison and no call.

    Containers are checked in batches, so that their items are still in the processor's cache.
    """
    boxes = [value for value in values if type(value) not in leaves]
    for start in range(0, len(boxes), _SOME):
        some = boxes[start : start + _SOME]
        kinds = set(map(type, some))
        if float in kinds:
            if not all(map(isfinite, [box for box in some if type(box) is float])):
                return False
            kinds.remove(float)
        if not kinds:
            continue
        if not kinds <= _BOXES or level > MAX_LEVELS:
            return False
        dicts = [box for box in some if type(box) is dict] if dict in kinds else []
        lists = [box for box in some if type(box) is list and not _long_and_plain(box, leaves)] if list in kinds else []
        inside = chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists))
        if not _is_plain(inside, leaves, level + 1):
            return False
    return True


def _long_and_plain(items: list[Any], leaves: frozenset[type]) -> bool:
    """Whether a list is long and has only leaves; checking one list at a time takes half the time."""
    return len(items) > _SOME and leaves.issuperset(map(type, items))
