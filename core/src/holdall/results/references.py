"""What holdall remembers of a return value: the value itself, or where it lies."""

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
    """Whether the catalog holds the value itself. Exactly these types: `1` equals True and is none."""
    return value is None or value is True or value is False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLiteral:
    """True, False or None, kept in the catalog with no object in storage."""

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
    """Where a result lies and how to read it: the key of its record, the storage, the serializer.

    `run_id` is the run that made it: for a hit, the one that wrote the entry. A record of another run, which has come to
    lie under the key since, is not read; where it is None, as in references of before, whatever lies there is. `name`
    is the user's own name for it (`result_storage_key`), if any.

    Goes through pickle and JSON and works in another process. The object it resolved stays with it, but never in
    equality, `repr`, pickle or JSON.
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
        """In messages: the user's name, where there is one, before the key."""
        return self.key if self.name is None else f"{self.name} ({self.key})"

    def json(self) -> str:
        return reference_json(self.key, self.run_id, self.name, origin_json(self.storage, self.serializer))

    def get(self, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
        """The object: read, checked and deserialised on the first call.

        `accept` names modules that stored data may have imported, and what else readers refuse otherwise: `pickle`,
        `unsigned`. With `columns`, those of a table are read from storage, and not kept in memory.

        Raises:
            MissingResultError: the record or its payload is gone, or the record is another run's by now.
            ExpiredResultError: it was kept until a moment that has passed.
            CorruptResultError: the bytes are not those that were written.
            UntrustedResultError: the data names a module that this process has not imported or accepted, is a pickle that
                this reader does not accept, or is not signed as it has to be.
            ConfigurationError: the result has no such `columns`.
            StorageError: the storage cannot be reached or refuses.
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
        """What is known of the result without reading it: its size, its checksum, who made it and when.

        Raises:
            MissingResultError, ExpiredResultError, CorruptResultError, UntrustedResultError, StorageError: as `get`.
        """
        from holdall.results.load import find
        from holdall.settings.model import current

        return find(self, current())

    async def aget(self, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
        """As `get`, without blocking the event loop."""
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
        """The reference to what a record, or the bytes of one as they lie in storage, keeps.

        Raises:
            CorruptResultError: the bytes are no record, a damaged one, or one of a newer version.
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
    """Members of a reference's JSON that all results of one storage and serializer share."""
    where = {"slug": storage.slug, "type": storage.type, "location": dict(storage.location)}
    how = {"type": serializer.type, "options": dict(serializer.options)}
    return json.dumps({"storage": where, "serializer": how})[1:-1]


def reference_json(key: str, run_id: str | None, name: str | None, origin: str, /) -> str:
    """The only spelling of a reference's JSON; `origin` comes from `origin_json`, which callers may keep."""
    made_by = "null" if run_id is None else _quoted(run_id)
    named = "" if name is None else f', "name": {_quoted(name)}'
    return f'{{"type": "reference", "key": {_quoted(key)}, "run_id": {made_by}{named}, {origin}}}'


def _rebuild(text: str, cache_in_memory: bool) -> ResultReference:
    found = from_json(text)
    if not isinstance(found, ResultReference):
        raise ConfigurationError("This pickle of a ResultReference holds a literal.")
    return replace(found, cache_in_memory=cache_in_memory)


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
    """What `.json()` of either type wrote.

    Raises:
        ConfigurationError: the text is of neither type, or a member is odd.
    """
    try:
        document = Members(loads(text if isinstance(text, str) else text.decode()))
        if document.one_of("type", "result", "reference") == "reference":
            return _reference(document)
        return ResultLiteral(value=_VALUES[document.one_of("value", *_VALUES)])
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(f"This is not the JSON of a ResultLiteral or a ResultReference: {error}.") from error
