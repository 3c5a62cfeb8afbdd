"""A storage, a serializer and the record that joins them: write, read, exists, delete.

The commit protocol: the payload first, under a name of its own; then the record, atomically; only then the catalog.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from holdall import boundary, circuit, decoding, transit
from holdall import payload as payloads
from holdall import record as records
from holdall.abc.bound import OutgrownError
from holdall.bounds import bounded, told_of
from holdall.errors import (
    ConfigurationError,
    CorruptResultError,
    ExpiredResultError,
    KeyMissing,
    MissingResultError,
    PluginError,
    ResultError,
    StorageError,
    UntrustedResultError,
)
from holdall.keys import beside
from holdall.policies import policy_of
from holdall.results import ResultReference, SerializerReference, StorageReference
from holdall.settings import current
from holdall.signing import UNSIGNED, verify
from holdall.sources import InlineSource, PayloadSource
from holdall.types import UNSET, Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdall.abc.codec import Codec
    from holdall.abc.policy import Policy
    from holdall.abc.storage import Storage
    from holdall.record import Payload, Record

_WRITES: Final = 2  # a put that failed for a passing reason is repeated once, by dumping again
_NO_TRUST: Final = Trust()
_PLAIN: Final = '{"picklelib":"pickle"}'  # what most small results say of themselves, without asking json


class ResultStore:
    """Writes results to one storage with one serializer, and reads whatever records lie there."""

    __slots__ = (
        "_familiar",
        "_heads",
        "_start",
        "_tail",
        "codec",
        "label",
        "place",
        "policy",
        "serializer",
        "storage",
        "where",
    )

    def __init__(
        self,
        storage: Storage,
        codec: Codec,
        *,
        where: StorageReference | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`where` is the place that records name, `policy` what holds there; left out, they are the storage's own.

        Raises:
            ConfigurationError: a key of the policy is none.
        """
        self.storage = storage
        self.policy = policy_of(storage, current()) if policy is None else policy
        codec = codec.under(self.policy)
        self.codec = codec
        self.where = where or StorageReference(slug=storage.block_slug, type=storage.slug, location=storage.location())
        self.label = label(self.where)
        self.place = _json({"slug": self.where.slug, "type": self.where.type, "location": self.where.location})
        self._heads: dict[Codec, tuple[SerializerReference, str]] = {}
        self.serializer, head = self._head(codec)
        self._start = head.encode()
        self._familiar = b""
        how = _json({"type": self.serializer.type, "options": self.serializer.options})
        self._tail = f',"storage":{self.place},"serializer":{how}}}'

    def _head(self, codec: Codec) -> tuple[SerializerReference, str]:
        """How records name a codec, and how those begin that it wrote here."""
        found = self._heads.get(codec)
        if found is None:
            serializer = SerializerReference(type=codec.slug, options=codec.options())
            how = _json({"type": serializer.type, "options": serializer.options})
            found = self._heads[codec] = (serializer, records.head(self.place, how))
        return found

    @property
    def spools(self) -> bool:
        """Whether a run goes on whose result the storage does not take."""
        # A plugin may have been written before there was such a choice.
        return getattr(self.storage, "on_failure", "raise") == "spool"

    def write(
        self,
        value: Any,
        /,
        *,
        key: str,
        producer: str = "{}",
        created: float | None = None,
        expires: float | None = None,
        named: bool = False,
        also: str | None = None,
        cache_in_memory: bool = True,
    ) -> tuple[ResultReference, int]:
        """Store the value; when this returns, it is there. Also returns the size of its payload in bytes.

        `producer` is JSON. `named` says that the user chose the key: the payload is then published under it for other
        tools, and never lies inside the record. `also` is the key of a second record of the same payload.

        Raises:
            SerializationError: the value cannot be serialised.
            StorageError: the storage did not take it.
        """
        for remaining in range(_WRITES - 1, -1, -1):
            try:
                written = payloads.write(
                    value,
                    self.codec,
                    self.storage,
                    inline=not named,
                    label=self.label,
                    policy=self.policy,
                )
                codec, path = written.codec, written.path
                serializer, head = self._head(codec)
                record_key = _record_key(key, codec) if named else key
                keys = (record_key,) if also is None else (also, record_key)
                for each in keys:
                    body = records.body(
                        head,
                        key=each,
                        written_with=_json(written.written_with),
                        payload=written.member,
                        created=time.time() if created is None else created,
                        expires=expires,
                        producer=producer,
                    )
                    self._commit(each, body, path if each is keys[0] else None)
            except StorageError as error:
                if not (error.transient and remaining) or circuit.is_down(self.storage):
                    error.value = value
                    raise
            else:
                break
        if named and path is not None:
            try:
                boundary.publish(self.storage, path, key if record_key != key else key + codec.suffix)
            except StorageError as error:
                error.value, error.kept = value, f"{record_key} in {self.label}"
                raise
        return self.reference(record_key, value, serializer, cache_in_memory=cache_in_memory), written.size

    def reference(
        self, key: str, value: Any, serializer: SerializerReference, /, *, cache_in_memory: bool
    ) -> ResultReference:
        """A reference that holds its store, and the object where it may stay in memory."""
        return ResultReference(
            key=key,
            storage=self.where,
            serializer=serializer,
            cache_in_memory=cache_in_memory,
            _object=value if cache_in_memory else UNSET,
            _store=self,
        )

    def reference_json(self, key: str, /) -> str:
        """`ResultReference.json` for a key of this store, without dumping the storage and serializer anew."""
        return f'{{"type":"reference","key":{records.quoted(key)}{self._tail}'

    def write_literal(
        self,
        value: bool | None,
        /,
        *,
        key: str,
        producer: str = "{}",
        expires: float | None = None,
    ) -> None:
        """A record that is the value, for whoever has the storage and not the catalog."""
        payload = f'null,"literal":"{json.dumps(value)}"'
        body = records.body(
            self._head(self.codec)[1],
            key=key,
            written_with="{}",
            payload=payload,
            created=time.time(),
            expires=expires,
            producer=producer,
        )
        boundary.put(self.storage, key, [self._sealed(body)])

    def _commit(self, key: str, body: str, path: str | None) -> None:
        """Write a record; where that fails, remove the payload at `path`, to which no other record leads."""
        try:
            boundary.put(self.storage, key, [self._sealed(body)])
        except StorageError:
            if path is not None:
                self._discard(path)
            raise

    def _sealed(self, body: str) -> bytes:
        keys = self.policy.signing
        return records.seal(body.encode(), None if keys is None else keys.current)

    def _discard(self, path: str) -> None:
        # The storage is in trouble already, and says so; a payload without a record is garbage to `gc`.
        with suppress(StorageError):
            boundary.delete(self.storage, path)

    def record(self, key: str, /, *, accept: Iterable[str] = ()) -> Record:
        """The record under exactly this key.

        Raises:
            MissingResultError, CorruptResultError, UntrustedResultError, StorageError
        """
        try:
            data = boundary.get(self.storage, key)
        except KeyMissing as error:
            raise MissingResultError(
                f"There is no result under {key} in {self.label}. It was deleted or never written there; "
                "`holdall result ls` lists what the catalog knows."
            ) from error
        where = f"{key} in {self.label}"
        keys = self.policy.signing
        if keys is None:
            return records.parse(data, where=where)
        unsigned = UNSIGNED in {*accept, *self.policy.accept}
        found = records.parse(data, where=where, verify=partial(verify, keys=keys, where=where, unsigned=unsigned))
        if found.key != key:
            raise UntrustedResultError(
                f"{where} is the signed record of {found.key}: somebody has put it under another name. Nothing of it was "
                "used. Restore it from a copy, or delete it so that the result is computed again."
            )
        return found

    def find(self, name: str, /, *, accept: Iterable[str] = ()) -> Record:
        """The record under a key, or beside the payload that `result_storage_key` put under that name."""
        try:
            return self.record(name, accept=accept)
        except (MissingResultError, CorruptResultError):
            try:
                return self.record(beside(name), accept=accept)
            except MissingResultError:
                pass
            raise

    def read(self, key: str, /, *, accept: Iterable[str] = ()) -> Any:
        """The value under a record's key; see `ResultReference.get` for what it raises."""
        return self.load(self.record(key, accept=accept), accept=accept)

    def read_quickly(self, key: str, /) -> Any:
        """The value of a small result that this very store wrote, or UNSET: the long way then finds out why.

        Raises:
            StorageError: KeyMissing included.
            ResultError: the long way may have more to say of it.
        """
        if self.policy.signing is not None:
            return UNSET  # the long way looks at the signature
        found = records.quick_payload(boundary.get(self.storage, key), self._start, time.time())
        if found is None:
            return UNSET
        data, written_with, declared = found
        if written_with != self._familiar:
            self.codec.check_written_with(records.written_with_of(written_with))
            self._familiar = written_with
        trust = self._bounded(_NO_TRUST, self.codec, len(data), declared)
        return decoding.load(self.codec, InlineSource(data, trust))

    def _bounded(self, trust: Trust, codec: Codec, stored: int, declared: int | None, *, partly: bool = False) -> Trust:
        limit = self.policy.max_bytes
        return bounded(trust, stored=stored, declared=declared, expands=codec.expands, limit=limit, partly=partly)

    def load(self, record: Record, /, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
        """The value of a record that was read from here, or columns of it; see `ResultReference.get` for what it raises."""
        trust = Trust(
            accept=self.policy.accept.union(accept),
            runs_code=self.codec.trusted_only,
            no_pickle=self.policy.no_pickle,
            reader=self.codec.slug,
        )
        try:
            return self._value(record, trust, columns)
        except MissingResultError:
            # Replaced while we read: the new record names the new payload. Gone for good if it is the same record.
            again = self.record(record.key, accept=accept)
            if again == record:
                raise
            return self._value(again, trust, columns)

    def _value(self, record: Record, trust: Trust, columns: Sequence[str] | None) -> Any:
        if (until := record.expires_at) is not None and until <= time.time():
            raise ExpiredResultError(f"The result {record.key} in {self.label} was kept until {record.expires}.")
        if record.payload is None:
            return record.literal
        try:
            codec = self._codec_of(record, trust)
            if record.written_with:
                codec.check_written_with(record.written_with)
            size, declared = record.payload.size, record.payload.decoded
            trust = self._bounded(trust, codec, size, declared, partly=columns is not None)
            if record.payload.path is None:
                return decoding.load(codec, self._source(record.payload, trust), columns)
            with transit.receiving(self.label, size):
                return decoding.load(codec, self._source(record.payload, trust), columns)
        except (ResultError, ConfigurationError, PluginError) as error:  # the latter two: a format that is unknown here
            # What reads the bytes knows neither where they lie nor what they are called.
            said = f"{error}{told_of(trust, record.payload.decoded)}" if isinstance(error, OutgrownError) else error
            error.args = (f"The result {record.key} in {self.label} cannot be read. {said}", *error.args[1:])
            raise

    def _codec_of(self, record: Record, trust: Trust) -> Codec:
        own = record.serializer == self.serializer
        codec = self.codec if own else decoding.make_codec(record.serializer).under(self.policy)
        # A record names its own serializer: who can write here would otherwise choose that code is run.
        trust.serializer(codec)
        return codec

    def _source(self, payload: Payload, trust: Trust) -> InlineSource | PayloadSource:
        if payload.inline is not None:
            return InlineSource(payload.inline, trust)
        if payload.path is None or payload.checksum is None:
            raise TypeError("a payload is inline or has a path and a checksum")
        return PayloadSource(self.storage, payload.path, payload.size, payload.checksum, trust)

    def exists(self, key: str, /) -> bool:
        """Whether there is a record, expired or not; reads no payload."""
        return boundary.exists(self.storage, key)

    def delete(self, key: str, /) -> None:
        """Remove the record first, so that no reader finds one without its payload.

        Raises:
            CorruptResultError: what lies there is no record at all, and somebody else's. A damaged one is removed.
        """
        try:
            data = boundary.get(self.storage, key)
        except KeyMissing:
            return
        payload = None
        try:
            payload = records.parse(data, where=f"{key} in {self.label}").payload
        except CorruptResultError:
            if not records.is_ours(data):
                raise
        boundary.delete(self.storage, key)
        if payload is not None and payload.path is not None:
            boundary.delete(self.storage, payload.path)


def _record_key(key: str, codec: Codec) -> str:
    # A name that ends in the format's own extension is where people look for the payload: the record stands aside.
    return beside(key) if key.endswith(codec.suffix) else key


def label(where: StorageReference) -> str:
    """The storage in words: its slug, or its type and place."""
    if where.slug is not None:
        return where.slug
    place = next(iter(where.location.values()), "")
    return f"{where.type}:{place}"


def _json(value: Any) -> str:
    if not value:
        return "{}"
    return _PLAIN if value == {"picklelib": "pickle"} else json.dumps(value, separators=(",", ":"))
