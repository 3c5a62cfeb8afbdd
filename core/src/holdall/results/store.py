"""A storage, a serializer and the record that joins them: write, read, exists, delete.

The commit protocol: the payload first, under a name of its own; then the record, atomically; only then the catalog.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.errors import CorruptResultError, KeyMissing, MissingResultError, ResultError, StorageError
from holdall.results import delete as removal
from holdall.results import record as records
from holdall.results.layout import candidates, copy_name, is_own, name_key
from holdall.results.owner import at_home, of_run
from holdall.results.payload import codecs, readable_copy, writer
from holdall.results.payload import decode as reading
from holdall.results.policy import believed, check_signer, policy_of
from holdall.results.references import ResultReference, origin_json, reference_json
from holdall.serialization.sources import MemorySource
from holdall.settings.model import current
from holdall.storage import circuit_breaker
from holdall.storage.guard import guard
from holdall.types import CALLS, UNSET, SerializerReference, StorageReference, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage
    from holdall.results.payload.writer import Written
    from holdall.results.record import Record
    from holdall.security.policy import Policy
    from holdall.types import OnFailure

_WRITES: Final = 2  # a put that failed for a passing reason is repeated once, by dumping again
_ROUNDS: Final = 3  # so often a writer is stopped for long in one write, before somebody is taken to be at fault
_NO_TRUST: Final = Trust()
_PLAIN: Final = '{"picklelib":"pickle"}'  # what most small results say of themselves, without asking json


class Stored(NamedTuple):
    """A result that is in its storage: the key of its record, how it was serialised, the bytes of its payload."""

    key: str
    serializer: SerializerReference
    size: int


class ResultStore:
    """Writes results to one storage with one serializer, and reads whatever records lie there."""

    __slots__ = (
        "_familiar",
        "_heads",
        "_origin",
        "_start",
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
        self.storage = guard(storage)
        self.policy = policy_of(self.storage, current()) if policy is None else policy
        codec = codec.with_policy(self.policy)
        self.codec = codec
        self.where = where or StorageReference.of(self.storage)
        self.label = self.where.label
        self.place = _json({"slug": self.where.slug, "type": self.where.type, "location": self.where.location})
        self._heads: dict[Codec, tuple[SerializerReference, str]] = {}
        self.serializer, head = self._head(codec)
        self._start = head.encode()
        self._familiar = b""
        self._origin = origin_json(self.where, self.serializer)

    def _head(self, codec: Codec) -> tuple[SerializerReference, str]:
        """How records name a codec, and how those begin that it wrote here."""
        found = self._heads.get(codec)
        if found is None:
            serializer = SerializerReference(type=codec.slug, options=codec.options())
            how = _json({"type": serializer.type, "options": serializer.options})
            found = self._heads[codec] = (serializer, records.head(self.place, how))
        return found

    @property
    def on_failure(self) -> OnFailure:
        """What becomes of a run whose result the storage does not take."""
        return self.storage.on_failure

    def write(
        self,
        value: Any,
        /,
        *,
        key: str | None = None,
        name: str | None = None,
        published: bool = True,
        producer: str = "{}",
        created: float | None = None,
        expires: float | None = None,
    ) -> Stored:
        """Store the value under a record's key, a user's own name, or both; when this returns, it is there.

        With a name, the payload never lies inside a record, and is published under the name for other tools, unless
        `published` says no. `producer` is JSON.

        Raises:
            SerializationError: the value cannot be serialised.
            StorageError: the storage did not take it.
        """
        self.check_signer()
        facts = {"created": time.time() if created is None else created, "expires": expires, "producer": producer}
        for remaining in range(_WRITES - 1, -1, -1):
            try:
                written, primary, copy = self._written(value, key, name, facts, published=published)
            except StorageError as error:
                if not (error.transient and remaining) or circuit_breaker.is_down(self.storage):
                    error.value = value
                    raise
            else:
                break
        if published and copy is not None and written.path is not None:
            try:
                readable_copy.publish(self.storage, primary, written.path, copy, label=self.label)
            except StorageError as error:
                error.value, error.kept = value, f"{primary} in {self.label}"
                raise
        return Stored(primary, self._head(written.codec)[0], written.size)

    def _written(
        self, value: Any, key: str | None, name: str | None, facts: dict[str, Any], *, published: bool
    ) -> tuple[Written, str, str | None]:
        """A payload and its records, all of which are there now; the payload anew where they come late.

        Also returns the key of the last record, and the name of the readable copy, which is still to be made.
        """
        for remaining in range(_ROUNDS - 1, -1, -1):
            written = writer.write(
                value, self.codec, self.storage, inline=name is None, label=self.label, policy=self.policy
            )
            if remaining and written.is_doubtful(self.storage):
                writer.discard(self.storage, written.path)
                continue
            copy = None if name is None else copy_name(name, written.codec.suffix)
            if name is not None and published:
                copy = readable_copy.claim(self.storage, name_key(name), copy, label=self.label)
            addresses = records.addresses(key, name, copy)
            draft = partial(
                records.body,
                self._head(written.codec)[1],
                written_with=_json(written.written_with),
                payload=written.member,
                **facts,
            )
            self._commit(draft, addresses, written.path)
            if not (remaining and written.is_old) and not written.is_gone(self.storage):
                return written, addresses[-1][0], copy
        raise StorageError(
            f"The result is not kept in {self.label}: its payload was deleted each time before its record was written. See "
            "whether a `holdall gc` runs there with a --grace of seconds.",
            block=self.storage.slug,
            key=addresses[-1][0],
            operation="put",
        )

    def reference(
        self,
        key: str,
        value: Any,
        serializer: SerializerReference,
        /,
        *,
        run_id: str | None,
        name: str | None = None,
        cache_in_memory: bool,
    ) -> ResultReference:
        """A reference that holds its store, and the object where it may stay in memory."""
        return ResultReference(
            key=key,
            storage=self.where,
            serializer=serializer,
            run_id=run_id,
            name=name,
            cache_in_memory=cache_in_memory,
            _object=value if cache_in_memory else UNSET,
            _store=self,
        )

    def reference_json(self, key: str, run_id: str | None, name: str | None = None, /) -> str:
        """`ResultReference.json` for a result of this store's own serializer, without dumping what all of them share."""
        return reference_json(key, run_id, name, self._origin)

    def write_literal(
        self,
        value: bool | None,
        /,
        *,
        key: str | None = None,
        name: str | None = None,
        producer: str = "{}",
        expires: float | None = None,
    ) -> None:
        """A record that is the value, under a key or a user's name, for whoever has the storage and not the catalog."""
        addresses = records.addresses(key, name, None)
        if name is not None:
            readable_copy.claim(self.storage, name_key(name), None, label=self.label)
        draft = partial(
            records.body,
            self._head(self.codec)[1],
            written_with="{}",
            payload=f'null,"literal":"{json.dumps(value)}"',
            created=time.time(),
            expires=expires,
            producer=producer,
        )
        self._commit(draft, addresses)

    def _commit(self, draft: Callable[..., str], addresses: list[tuple[str, str]], path: str | None = None) -> None:
        keys = self.policy.signing
        self.check_signer()
        writer.commit(self.storage, draft, addresses, path, None if keys is None else keys.current)

    def check_signer(self) -> None:
        """Raises `ConfigurationError` where results would be written that no reader with this policy takes."""
        check_signer(self.policy, self.label)

    def record(self, key: str, /, *, run_id: str | None = None, accept: Iterable[str] = ()) -> Record:
        """The record under exactly this key; that of the run `run_id`, where one is given.

        Raises:
            MissingResultError: nothing lies there, or what another run has written since.
            CorruptResultError: it is damaged, or the record of another key.
            UntrustedResultError: it is not signed as the policy asks.
            StorageError: the storage did not answer.
        """
        try:
            data = self.storage.get(key)
        except KeyMissing as error:
            raise MissingResultError(
                f"There is no result under {key} in {self.label}. It was deleted or never written there; "
                "`holdall result ls` lists what the catalog knows."
            ) from error
        where = f"{key} in {self.label}"
        found = at_home(believed(data, self.policy, where, accept=accept), key, where=where)
        return of_run(found, run_id, label=self.label)

    def find(self, name: str, /, *, accept: Iterable[str] = ()) -> Record:
        """The record under a key, or of what a user called `name`."""
        errors: list[ResultError] = []
        for each in candidates(name):
            try:
                return self.record(each, accept=accept)
            except MissingResultError as error:
                errors.append(error)
            except CorruptResultError as error:
                if is_own(each):
                    raise
                errors.append(error)  # perhaps the copy of a name of before, whose record lies beside it
        damaged = [error for error in errors if isinstance(error, CorruptResultError)]
        raise (damaged or errors[:2])[-1]

    def read(self, key: str, /, *, accept: Iterable[str] = ()) -> Any:
        """The value under a record's key; see `ResultReference.get` for what it raises."""
        return self.load(self.record(key, accept=accept), accept=accept)

    def read_quickly(self, key: str, /, *, having: bytes = b"") -> tuple[Any, str] | None:
        """The value of a small result that this very store wrote, and its run; None: the long way then finds out why.

        Nor is a record read here that has not the bytes `having`.

        Raises:
            StorageError: KeyMissing included.
            ResultError: the long way may have more to say of it.
        """
        if self.policy.signing is not None:
            return None  # the long way looks at the signature
        data = self.storage.get(key)
        found = records.quick_payload(data, self._start, key, time.time())
        if found is None or (having and having not in bytes(data)):
            return None
        if found.written_with != self._familiar:
            written_with = records.written_with_of(found.written_with)
            if written_with is None:
                return None
            self.codec.check_written_with(written_with)
            self._familiar = found.written_with
        trust = reading.within_bounds(
            _NO_TRUST, self.codec, self.policy, stored=len(found.data), declared=found.decoded
        )
        return codecs.load(self.codec, MemorySource(found.data, trust)), found.run_id

    def load(
        self,
        record: Record,
        /,
        *,
        run_id: str | None = None,
        accept: Iterable[str] = (),
        columns: Sequence[str] | None = None,
    ) -> Any:
        """The value of a record that was read from here, or columns of it; see `ResultReference.get` for what it raises.

        Where a later record has replaced it meanwhile, the value is of that one, if `run_id` has made it or is None.
        """
        return self.loaded(record, run_id=run_id, accept=accept, columns=columns)[1]

    def loaded(
        self,
        record: Record,
        /,
        *,
        run_id: str | None = None,
        accept: Iterable[str] = (),
        columns: Sequence[str] | None = None,
    ) -> tuple[Record, Any]:
        """The same, and the record that the value is of."""
        trust = Trust(
            accept=self.policy.accept.union(accept, map(CALLS.__add__, self.codec.calls)),
            runs_code=self.codec.trusted_only,
            no_pickle=self.policy.no_pickle,
            reader=self.codec.slug,
        )
        try:
            return record, reading.value(self, record, trust, columns)
        except MissingResultError:
            # Replaced while we read: the new record names the new payload. If it is the same record, somebody may have
            # set its payload aside to look whether it was written again; else it is gone for good.
            again = self.record(record.key, run_id=run_id, accept=accept)
            return again, reading.value(self, again, trust, columns)

    def exists(self, key: str, /) -> bool:
        """Whether there is a record, expired or not; reads no payload."""
        return self.storage.exists(key)

    def delete(self, key: str, /, *, run_id: str | None = None) -> None:
        """Remove a record, that of the run `run_id` where one is given, and what only it leads to.

        Raises:
            MissingResultError: another run has written there since.
            CorruptResultError: what lies there is no record at all, and somebody else's. A damaged one is removed, and so
                is one that is not believed; its payload is left.
        """
        removal.remove(self.storage, key, run_id=run_id, label=self.label, policy=self.policy)


def _json(value: Any) -> str:
    if not value:
        return "{}"
    return _PLAIN if value == {"picklelib": "pickle"} else json.dumps(value, separators=(",", ":"))
