"""Result store: writes results to one storage with one serializer, reads and deletes them.

The commit protocol: the payload first, under a name of its own; then the record, atomically; only then the catalog.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.errors import StorageError
from holdall.results import record as records
from holdall.results.delete import remove
from holdall.results.layout import copy_name, name_key
from holdall.results.payload import readable_copy, writer
from holdall.results.policy import check_signer
from holdall.results.reader import ResultReader, to_json
from holdall.results.references import ResultReference, origin_json, reference_json
from holdall.storage import circuit_breaker
from holdall.types import UNSET, SerializerReference

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage
    from holdall.results.payload.writer import Written
    from holdall.security.policy import Policy
    from holdall.settings.model import Settings
    from holdall.types import OnFailure, StorageReference

_WRITES: Final = 2  # a put that failed for a passing reason is repeated once, by dumping again
_ROUNDS: Final = 3  # so often a writer is stopped for long in one write, before somebody is taken to be at fault


class Stored(NamedTuple):
    """A result that is in its storage."""

    key: str
    """Of its record."""
    serializer: SerializerReference
    """What wrote it: of a codec that chooses by the value, its choice."""
    size: int
    """Bytes of its payload."""


class ResultStore(ResultReader):
    """Writes results to one storage with one serializer, reads whatever results are there, and deletes them.

    This is what the engine persists results with. A bridge from another orchestrator uses it without running a task:
    it writes a value, passes `reference(...)` on, and any process that reaches the storage reads it with `get`. No
    catalog and no cache are involved. Several threads may share a store; another process makes its own.

    Attributes:
        storage: The storage, guarded: whatever it raises is a `HoldallError`.
        codec: The serializer that writes.
        serializer: How records and references name it.
        where: How records and references name the storage.
        label: The same for people, in messages.
        policy: Keys, and what may be read.
        settings: What was not decided by arguments was decided by these.

    ```python
    store = ResultStore(LocalFileSystem(basepath="results"), JSONSerializer())
    stored = store.write({"rows": 2}, name="reports/today")
    store.reference(stored.key, {"rows": 2}, stored.serializer, name="reports/today").json()
    ```
    """

    __slots__ = ("_origin",)

    def __init__(
        self,
        storage: Storage,
        codec: Codec,
        *,
        where: StorageReference | None = None,
        settings: Settings | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Opens the store; touches no storage.

        Args:
            storage: A block, or any other storage.
            codec: The serializer of results that are written; results of other serializers are read all the same.
            where: The location that records and references name; by default that of `storage`.
            settings: By default those of this process, read once here.
            policy: Keys, and what may be read; by default what the block says, else the settings.

        Raises:
            ConfigurationError: A key of the policy is not valid.
            PluginError: The plugin of a key's scheme is missing.
        """
        super().__init__(storage, codec, where=where, settings=settings, policy=policy)
        self._origin = origin_json(self.where, self.serializer)

    @property
    def on_failure(self) -> OnFailure:
        """What a run does whose result the storage does not take."""
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
        """Writes a value under a record's key, a user's own name, or both. Durable when it returns.

        What is there under the key or name is replaced.

        Args:
            value: What to write.
            key: The key of the record, counted from the base of the storage.
            name: A name of the user's, as `result_storage_key`: `find` and `load_result(key=...)` take it.
            published: With a name, also publish the payload under it for other tools.
            producer: JSON of an object that says who made the value: `kind`, `name`, `function`, `run_id`, `holdall`,
                `python` are texts, others are free.
            created: Seconds since the epoch; by default now.
            expires: Seconds since the epoch from which on readers refuse it; None for never.

        Returns:
            The key of its record: that of `name`, if one is given.

        Raises:
            SerializationError: The value cannot be serialised, or would come back as another.
            ConfigurationError: The policy demands signatures, and there is no key to sign with.
            StorageError: The storage did not take it; the value is on the error.
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
        """Writes a payload and its records; the payload anew where they come late.

        Returns:
            The payload, the key of the last record, and the name of the readable copy, which is still to be made.
        """
        for remaining in range(_ROUNDS - 1, -1, -1):
            written = writer.write(
                value,
                self.codec,
                self.storage,
                inline=name is None,
                label=self.label,
                policy=self.policy,
                show_progress=self.settings.progress,
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
                written_with=to_json(written.written_with),
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
        run_id: str | None = None,
        name: str | None = None,
        cache_in_memory: bool = True,
    ) -> ResultReference:
        """Returns the reference to a result of this store; reads nothing. It pickles, and goes through JSON.

        Args:
            key: `Stored.key`.
            value: What `get` returns in this process, if it may stay in memory.
            serializer: `Stored.serializer`.
            run_id: The run that wrote it, as `producer` says; None: whatever is under the key is read.
            name: The user's name that it was written with.
            cache_in_memory: Hold `value`, and what `get` reads.
        """
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
        """Returns `ResultReference.json` for a result of this store's own serializer, without dumping what all share."""
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
        """Writes a record that is itself the value, for readers that have the storage and not the catalog.

        Args:
            value: True, False or None.
            key: As in `write`.
            name: As in `write`.
            producer: As in `write`.
            expires: As in `write`.

        Raises:
            ConfigurationError, StorageError: As `write`.
        """
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
        """Checks that readers with this store's policy accept what it writes.

        Raises:
            ConfigurationError: The policy demands signatures, and there is no key to sign with.
        """
        check_signer(self.policy, self.label)

    def delete(self, key: str, /, *, run_id: str | None = None) -> None:
        """Deletes a result: its record, its readable copy, and its payload unless another record names it.

        Where there is none, nothing happens. Of a damaged record, and of one that is not trusted, the payload is left.

        Args:
            key: `Stored.key`.
            run_id: The run that must have written it; None for any.

        Raises:
            MissingResultError: Another run has written there since.
            CorruptResultError: What is there is not a record, but another program's file.
            StorageError: The storage failed.
        """
        remove(self.storage, key, run_id=run_id, label=self.label, policy=self.policy)
