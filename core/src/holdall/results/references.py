"""References to stored results, and literals, which need no storage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError
from holdall.results.members import Members, loads
from holdall.types import UNSET, SerializerReference, StorageReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdall.results.record import Record

_LITERALS: Final = {None: "null", True: "true", False: "false"}
_VALUES: Final = {text: value for value, text in _LITERALS.items()}


def is_literal(value: object) -> bool:
    """Returns whether the catalog holds the value itself. By type: `1` equals True and is not one."""
    return value is None or value is True or value is False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLiteral:
    """True, False or None, stored in the catalog with no object in a storage."""

    value: bool | None

    def __post_init__(self) -> None:
        if not is_literal(self.value):
            raise ConfigurationError(
                f"A ResultLiteral holds True, False or None, not a {type(self.value).__name__}. "
                "Other values are written to a storage and kept as a ResultReference."
            )

    def json(self) -> str:
        return f'{{"type": "result", "value": "{_LITERALS[self.value]}"}}'

    def get(self) -> bool | None:
        return self.value

    async def aget(self) -> bool | None:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultReference:
    """Where a result is and how to read it: the key of its record, the storage, the serializer.

    `run_id` is the run that made it: for a hit, the one that wrote the entry. The record of another run that has since
    replaced it is not read; if `run_id` is None, whatever is under the key is read. `name` is the user's own name for it
    (`result_storage_key`), if any.

    It goes through pickle and JSON and works in another process. The object that it has read stays with it, but is not
    part of equality, `repr`, pickle or JSON.
    """

    key: str
    storage: StorageReference
    serializer: SerializerReference
    run_id: str | None = None
    name: str | None = None
    cache_in_memory: bool = field(default=True, compare=False, repr=False)
    _object: Any = field(default=UNSET, compare=False, repr=False)
    _store: Any = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """The user's name, if there is one, and the key, for messages."""
        return self.key if self.name is None else f"{self.name} ({self.key})"

    def json(self) -> str:
        return reference_json(self.key, self.run_id, self.name, origin_json(self.storage, self.serializer))

    def get(self, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
        """Returns the object: read, checked and deserialised on the first call.

        Args:
            accept: Modules that stored data may import, and what else is refused otherwise: `pickle`, `unsigned`.
            columns: The columns of a table to read from the storage; they do not stay in memory.

        Raises:
            MissingResultError: The record or its payload is gone, or another run has written the record again.
            ExpiredResultError: Its time has passed.
            CorruptResultError: The bytes are not those that were written.
            UntrustedResultError: The data names a module that this process has not imported or accepted, is a pickle that
                this reader does not accept, or is not signed as it has to be.
            ConfigurationError: The result has no such `columns`.
            StorageError: The storage failed.
        """
        if self._object is not UNSET and columns is None:
            return self._object
        from holdall.results.load import fetch
        from holdall.settings.model import current

        value = fetch(self, current(), accept=accept, columns=columns)
        if self.cache_in_memory and columns is None:
            object.__setattr__(self, "_object", value)
        return value

    def _record(self) -> Record:
        """Reads the record of the result: its size, its checksum, who made it and when.

        Raises:
            MissingResultError, ExpiredResultError, CorruptResultError, UntrustedResultError, StorageError: As `get`.
        """
        from holdall.results.load import find
        from holdall.settings.model import current

        return find(self, current())

    async def aget(self, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
        """Does what `get` does, without blocking the event loop."""
        if self._object is not UNSET and columns is None:
            return self._object
        from asyncio import to_thread

        return await to_thread(self.get, accept=accept, columns=columns)

    def set_cached_value(self, value: Any, /) -> None:
        """Sets the object that `get` returns, unless there is one or none may stay in memory; `UNSET` changes nothing."""
        if self._object is UNSET and self.cache_in_memory:
            object.__setattr__(self, "_object", value)

    @classmethod
    def from_record(cls, record: Record | bytes, /) -> ResultReference:
        """Returns the reference to the result of a record, or of the bytes of one.

        Raises:
            CorruptResultError: The bytes are not a record, or a damaged one, or one of a newer version.
        """
        if isinstance(record, (bytes, bytearray, memoryview)):
            from holdall.results.record import parse

            record = parse(record, where="this record")
        return cls(
            key=record.key,
            storage=record.storage,
            serializer=record.serializer,
            run_id=record.run_id,
            name=record.name,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.json(), self.cache_in_memory)


def origin_json(storage: StorageReference, serializer: SerializerReference, /) -> str:
    """Returns the members of a reference's JSON that all results of one storage and serializer share."""
    where = {"slug": storage.slug, "type": storage.type, "location": dict(storage.location)}
    how = {"type": serializer.type, "options": dict(serializer.options)}
    return json.dumps({"storage": where, "serializer": how})[1:-1]


def reference_json(key: str, run_id: str | None, name: str | None, origin: str, /) -> str:
    """Returns a reference's JSON, of which there is one spelling; `origin` is from `origin_json`, once for many."""
    made_by = "null" if run_id is None else _quoted(run_id)
    named = "" if name is None else f', "name": {_quoted(name)}'
    return f'{{"type": "reference", "key": {_quoted(key)}, "run_id": {made_by}{named}, {origin}}}'


def _rebuild(text: str, cache_in_memory: bool) -> ResultReference:
    reference = from_json(text)
    if not isinstance(reference, ResultReference):
        raise ConfigurationError("This pickle of a ResultReference holds a literal.")
    return replace(reference, cache_in_memory=cache_in_memory)


def _reference(document: Members) -> ResultReference:
    storage, serializer = document.members("storage"), document.members("serializer")
    return ResultReference(
        key=document.text("key"),
        storage=StorageReference(
            slug=storage.text_or_none("slug"), type=storage.text("type"), location=storage.plain("location")
        ),
        serializer=SerializerReference(type=serializer.text("type"), options=serializer.plain("options")),
        run_id=document.text_or_none("run_id", absent=True),
        name=document.text_or_none("name", absent=True),
    )


def from_json(text: str | bytes, /) -> ResultLiteral | ResultReference:
    """Parses what `.json()` of a reference or a literal returned.

    Raises:
        ConfigurationError: The text is of neither type, or a member is not valid.
    """
    try:
        document = Members(loads(text if isinstance(text, str) else text.decode()))
        if document.one_of("type", "result", "reference") == "reference":
            return _reference(document)
        return ResultLiteral(value=_VALUES[document.one_of("value", *_VALUES)])
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(f"This is not the JSON of a ResultLiteral or a ResultReference: {error}.") from error
