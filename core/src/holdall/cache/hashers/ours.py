"""Hashers of references, futures and states of holdall: they count by what is stored, without loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.cache.hashers.parts import Step, Uncounted
from holdall.errors import ResultError
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.engine.state import State
    from holdall.results.references import ResultReference


def reference(value: ResultReference) -> Any:
    """Hashes a reference by the checksum of its result: location and producer do not count.

    Each key reads the record anew, as another result may be there by then.
    """
    try:
        record = value._record()  # noqa: SLF001 - the way to a record, for keys alone
    except ResultError as error:
        raise Uncounted(type(value), f"leads to a result that cannot be counted ({error})") from error
    if record.payload is None:
        return "literal", record.literal
    payload = record.payload
    serializer = record.serializer.type, dict(record.serializer.options)
    if payload.inline is not None:
        return "inline", serializer, bytes(payload.inline)
    return "payload", serializer, payload.size, payload.checksum.json() if payload.checksum is not None else None


def state(value: State[Any]) -> Any:
    """Hashes how a run ended and what it returned; its identity does not count."""
    if value._error is not None:  # noqa: SLF001 - as below
        return value.type, "error", Step("._error", value._error)  # noqa: SLF001 - a failed run has no other result
    if value.reference is not None:
        return value.type, "result", Step(".reference", value.reference)
    found = value._value  # noqa: SLF001 - asking for the result of a run that kept none raises
    return value.type, "value", "unset" if found is UNSET else ("set", Step(".result()", found))


def future(value: Any) -> Any:
    if not value.done():
        raise Uncounted(
            type(value), "is a run that still goes on (pass its result, or the future itself as an argument)"
        )
    return Step(".state()", value.inner.result())
