"""Decodes the value of a record: chooses the codec, bounds its memory, opens its source."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from holdall.abc.bound import OutgrownError
from holdall.errors import ConfigurationError, ExpiredResultError, PluginError, ResultError
from holdall.results.payload import codecs
from holdall.results.payload.bounds import bounded, told_of
from holdall.results.payload.reader import PayloadSource
from holdall.serialization.sources import MemorySource
from holdall.storage import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.abc.codec import Codec
    from holdall.results.reader import ResultReader
    from holdall.results.record import Payload, Record
    from holdall.security.policy import Policy
    from holdall.types import Trust


def value(store: ResultReader, record: Record, trust: Trust, columns: Sequence[str] | None, /) -> Any:
    """Reads the value of a record that was read from the store, or columns of it.

    Raises:
        ResultError, ConfigurationError, PluginError, StorageError: As `ResultReference.get`.
    """
    if (until := record.expires_at) is not None and until <= time.time():
        raise ExpiredResultError(f"The result {record.title} in {store.label} was kept until {record.expires}.")
    if record.payload is None:
        return record.literal
    try:
        codec = _codec_of(store, record, trust)
        if record.written_with:
            codec.check_written_with(record.written_with)
        size, declared = record.payload.size, record.payload.decoded
        trust = within_bounds(trust, codec, store.policy, stored=size, declared=declared, partly=columns is not None)
        if record.payload.path is None:
            return codecs.load(codec, source_of(store, record.payload, trust), columns)
        with progress.receiving(store.label, size, enabled=store.settings.progress):
            return codecs.load(codec, source_of(store, record.payload, trust), columns)
    except (ResultError, ConfigurationError, PluginError) as error:  # the latter two: a format that is unknown here
        # What reads the bytes knows neither where they lie nor what they are called.
        message = f"{error}{told_of(trust, record.payload.decoded)}" if isinstance(error, OutgrownError) else error
        error.args = (f"The result {record.title} in {store.label} cannot be read. {message}", *error.args[1:])
        raise


def within_bounds(
    trust: Trust, codec: Codec, policy: Policy, /, *, stored: int, declared: int | None, partly: bool = False
) -> Trust:
    """Returns the trust with a bound on what the stored bytes may decode to; see `bounds.bounded`."""
    limit = policy.max_bytes
    return bounded(trust, stored=stored, declared=declared, expands=codec.expands, limit=limit, partly=partly)


def _codec_of(store: ResultReader, record: Record, trust: Trust) -> Codec:
    own = record.serializer == store.serializer
    codec = store.codec if own else codecs.make_codec(record.serializer).with_policy(store.policy)
    # A record names its own serializer: who can write here would otherwise choose that code is run.
    trust.serializer(codec)
    return codec


def source_of(store: ResultReader, payload: Payload, trust: Trust) -> MemorySource | PayloadSource:
    """Returns the source of a record's payload."""
    if payload.inline is not None:
        return MemorySource(payload.inline, trust)
    if payload.path is None or payload.checksum is None:
        raise TypeError("a payload is inline or has a path and a checksum")
    return PayloadSource(store.storage, payload.path, payload.size, payload.checksum, trust)
