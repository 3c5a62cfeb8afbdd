"""Stored results: record format, layout, commit protocol, reading."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.results.load import load_result
    from holdall.results.record import Record
    from holdall.results.references import (
        ResultLiteral,
        ResultReference,
        from_json,
        is_literal,
        origin_json,
        reference_json,
    )
    from holdall.results.store import ResultStore
    from holdall.types import SerializerReference, StorageReference

_HOMES = {
    "_rebuild": "references",  # which pickled references name
    "Record": "record",
    "ResultLiteral": "references",
    "ResultReference": "references",
    "ResultStore": "store",
    "SerializerReference": "references",
    "StorageReference": "references",
    "from_json": "references",
    "is_literal": "references",
    "load_result": "load",
    "origin_json": "references",
    "reference_json": "references",
}

__all__ = [
    "Record",
    "ResultLiteral",
    "ResultReference",
    "ResultStore",
    "SerializerReference",
    "StorageReference",
    "from_json",
    "is_literal",
    "load_result",
    "origin_json",
    "reference_json",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
