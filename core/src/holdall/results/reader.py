"""Reads the results of one storage: records by key or by name, and their values."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import CorruptResultError, KeyMissing, MissingResultError, ResultError
from holdall.results import record as records
from holdall.results.layout import candidates, is_own
from holdall.results.owner import at_home, of_run
from holdall.results.payload import codecs, decode
from holdall.results.policy import believed, policy_of
from holdall.serialization.sources import MemorySource
from holdall.settings.model import current
from holdall.storage.guard import guard
from holdall.types import CALLS, SerializerReference, StorageReference, Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage
    from holdall.results.record import Record
    from holdall.security.policy import Policy
    from holdall.settings.model import Settings

_NO_TRUST: Final = Trust()
_PLAIN: Final = '{"picklelib":"pickle"}'  # what most small results say of themselves, without asking json


class ResultReader:
    """Reads the results of one storage, whichever serializer wrote them. See `ResultStore`, which also writes."""

    __slots__ = (
        "_familiar",
        "_heads",
        "_start",
        "codec",
        "label",
        "place",
        "policy",
        "serializer",
        "settings",
        "storage",
        "where",
    )

    def __init__(
        self,
        storage: Storage,
        codec: Codec,
        *,
        where: StorageReference | None = None,
        settings: Settings | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Opens the reader; arguments and errors are those of `ResultStore`."""
        self.storage = guard(storage)
        self.settings = current() if settings is None else settings
        self.policy = policy_of(self.storage, self.settings) if policy is None else policy
        self.codec = codec = codec.with_policy(self.policy)
        self.where = where or StorageReference.of(self.storage)
        self.label = self.where.label
        self.place = to_json({"slug": self.where.slug, "type": self.where.type, "location": self.where.location})
        self._heads: dict[Codec, tuple[SerializerReference, str]] = {}
        self.serializer, head = self._head(codec)
        self._start = head.encode()
        self._familiar = b""

    def _head(self, codec: Codec) -> tuple[SerializerReference, str]:
        """Returns the reference to a codec, and the beginning of the records that it writes here."""
        known = self._heads.get(codec)
        if known is None:
            serializer = SerializerReference(type=codec.slug, options=codec.options())
            how = to_json({"type": serializer.type, "options": serializer.options})
            known = self._heads[codec] = (serializer, records.head(self.place, how))
        return known

    def record(self, key: str, /, *, run_id: str | None = None, accept: Iterable[str] = ()) -> Record:
        """Reads the record under exactly this key.

        Args:
            key: As `Stored.key` and `ResultReference.key` have it.
            run_id: The run that must have written it; None for any.
            accept: What is accepted beside what the policy accepts, as `unsigned`.

        Raises:
            MissingResultError: There is none, or one that another run has written since.
            CorruptResultError: It is damaged, or the record of another key.
            UntrustedResultError: It is not signed, or not by a trusted signer.
            StorageError: The storage failed.
        """
        try:
            data = self.storage.get(key)
        except KeyMissing as error:
            raise MissingResultError(
                f"There is no result under {key} in {self.label}. It was deleted or never written there; "
                "`holdall result ls` lists what the catalog knows."
            ) from error
        where = f"{key} in {self.label}"
        record = at_home(believed(data, self.policy, where, accept=accept), key, where=where)
        return of_run(record, run_id, label=self.label)

    def find(self, name: str, /, *, accept: Iterable[str] = ()) -> Record:
        """Reads the record of a user's `name`, or under a key.

        Args:
            name: What the result was written with as `name`, or the key of a record.
            accept: As in `record`.

        Raises:
            MissingResultError, CorruptResultError, UntrustedResultError, StorageError: As `record`.
        """
        errors: list[ResultError] = []
        for key in candidates(name):
            try:
                return self.record(key, accept=accept)
            except MissingResultError as error:
                errors.append(error)
            except CorruptResultError as error:
                if is_own(key):
                    raise
                errors.append(error)  # perhaps the copy of a name of before, whose record lies beside it
        damaged = [error for error in errors if isinstance(error, CorruptResultError)]
        raise (damaged or errors[:2])[-1]

    def read(self, key: str, /, *, accept: Iterable[str] = ()) -> Any:
        """Reads the value under a record's key.

        Args:
            key: As in `record`.
            accept: Modules that stored data may import, and what else is refused otherwise: `pickle`, `unsigned`.

        Raises:
            ResultError, ConfigurationError, StorageError: As `ResultReference.get`.
        """
        return self.load(self.record(key, accept=accept), accept=accept)

    def read_quickly(self, key: str, /, *, having: bytes = b"") -> tuple[Any, str] | None:
        """Reads a small result that this very store wrote; the engine's path of a cache hit.

        Returns:
            The value and its run; None for every other record, and for one without the bytes `having`: `load` reads it.

        Raises:
            StorageError: The storage failed; KeyMissing included.
            ResultError: The bytes cannot be read; `load` may have more to say.
        """
        if self.policy.signing is not None:
            return None  # the long way looks at the signature
        data = self.storage.get(key)
        quick = records.quick_payload(data, self._start, key, time.time())
        if quick is None or (having and having not in bytes(data)):
            return None
        if quick.written_with != self._familiar:
            written_with = records.written_with_of(quick.written_with)
            if written_with is None:
                return None
            self.codec.check_written_with(written_with)
            self._familiar = quick.written_with
        trust = decode.within_bounds(_NO_TRUST, self.codec, self.policy, stored=len(quick.data), declared=quick.decoded)
        return codecs.load(self.codec, MemorySource(quick.data, trust)), quick.run_id

    def load(
        self,
        record: Record,
        /,
        *,
        run_id: str | None = None,
        accept: Iterable[str] = (),
        columns: Sequence[str] | None = None,
    ) -> Any:
        """Reads the value of a record that was read from this store.

        If a later record has replaced it meanwhile, the value is that of the later one.

        Args:
            record: From `record` or `find`.
            run_id: The run that must have written the later record; None for any.
            accept: As in `read`.
            columns: The columns of a table to read; None for the whole value.

        Raises:
            ResultError, ConfigurationError, StorageError: As `ResultReference.get`.
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
        """Does what `load` does; returns the record that the value is of, and the value."""
        trust = Trust(
            accept=self.policy.accept.union(accept, map(CALLS.__add__, self.codec.calls)),
            runs_code=self.codec.trusted_only,
            no_pickle=self.policy.no_pickle,
            reader=self.codec.slug,
        )
        try:
            return record, decode.value(self, record, trust, columns)
        except MissingResultError:
            # Replaced while we read: the new record names the new payload. If it is the same record, its payload may have
            # been set aside for a moment to look whether it was written again; else it is gone for good.
            again = self.record(record.key, run_id=run_id, accept=accept)
            return again, decode.value(self, again, trust, columns)

    def exists(self, key: str, /) -> bool:
        """Returns whether there is a record under the key, expired or not; reads no payload.

        Raises:
            StorageError: The storage failed.
        """
        return self.storage.exists(key)


def to_json(value: Any, /) -> str:
    """Returns the JSON of a member of records, without spaces."""
    if not value:
        return "{}"
    return _PLAIN if value == {"picklelib": "pickle"} else json.dumps(value, separators=(",", ":"))
