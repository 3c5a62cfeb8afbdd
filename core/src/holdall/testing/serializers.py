"""Contract suite of a serializer: subclass, define one fixture or two, and pytest runs it."""

from __future__ import annotations

import json
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from holdall.abc.codec import Codec
from holdall.errors import HoldallError, SerializationError
from holdall.serialization.compare import difference
from holdall.testing.sources import BytesSource
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE_SIZE = 2048
"""Bytes of a payload up to which it is cut and flipped at every place."""

_BOUND = 64 << 20

_ran: list[str] = []


def _spring() -> None:
    _ran.append("a payload chose what to run")


class Trap:
    """Object whose unpickling runs code, which leaves a trace."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _spring, ()


def payload(serializer: Codec, value: Any, /) -> bytes:
    """Returns the bytes of one dump."""
    return b"".join(serializer.dump(value))


class SerializerContract:
    """Contract of a serializer. Override `values` with what it can write, and `same` if `==` does not compare them."""

    @pytest.fixture
    def serializer(self) -> Codec:
        """The serializer under test."""
        raise NotImplementedError

    @pytest.fixture
    def values(self) -> list[Any]:
        """Values that come back with the same type and equal; add those that the format is for."""
        return [
            None,
            True,
            0,
            -1,
            2**40,
            1.5,
            "",
            "é\U0001f392",
            [],
            {},
            [1, [2, {"a": None}]],
            {"k": [1, 2]},
            "x" * 300_000,
        ]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        """A value that cannot be written, and the path of the part that is the reason."""
        return [{"deep": threading.Lock()}], 'result[0]["deep"]'

    def same(self, one: Any, other: Any, /) -> bool:
        return type(one) is type(other) and bool(one == other)

    def test_describes_itself(self, serializer: Codec) -> None:
        """The record and the payload's name need a slug, a media type, an extension with its dot, and trust."""
        assert isinstance(serializer, Codec)
        assert serializer.slug
        assert serializer.media_type.count("/") == 1
        assert serializer.suffix.startswith(".")
        assert isinstance(serializer.trusted_only, bool)

    def test_gives_back_what_it_was_given(self, serializer: Codec, values: list[Any]) -> None:
        """Type and value survive, from a read-only source and from a private one."""
        for value in values:
            data = payload(serializer, value)

            for writable in (False, True):
                assert self.same(value, serializer.load(BytesSource(data, writable=writable)))

    def test_exact_is_exact(self, serializer: Codec, values: list[Any]) -> None:
        """A serializer that says so is not checked when it writes: it gives back each part with its type and value."""
        for value in values if serializer.exact else []:
            found = difference(value, serializer.load(BytesSource(payload(serializer, value))))

            assert None is found

    def test_parts_are_buffers(self, serializer: Codec, values: list[Any]) -> None:
        """Storages write parts as they come: each is bytes, bytearray or a flat view of bytes."""
        for value in values:
            for part in serializer.dump(value):
                assert isinstance(part, bytes | bytearray | memoryview)
                assert memoryview(part).nbytes == len(part)

    def test_dumps_do_not_disturb_each_other(self, serializer: Codec, values: list[Any]) -> None:
        """The parts of two dumps, read alternately, are still two whole payloads."""
        for value, another in zip(values, [*values[1:], values[0]], strict=True):
            one, other = iter(serializer.dump(value)), iter(serializer.dump(another))
            first, second = bytearray(), bytearray()
            for left, right in _alternately(one, other):
                first += left
                second += right

            assert self.same(value, serializer.load(BytesSource(first)))
            assert self.same(another, serializer.load(BytesSource(second)))

    def test_a_payload_is_never_empty(self, serializer: Codec, values: list[Any]) -> None:
        """An empty payload is always a damaged one, so no value may make one, and none may be read from one."""
        for value in values:
            assert payload(serializer, value)
        with pytest.raises(HoldallError):
            serializer.load(BytesSource(b""))

    def test_cut_payloads_fail_cleanly(self, serializer: Codec, values: list[Any]) -> None:
        """However a payload was cut short, the answer is a value or a `HoldallError`."""
        for data in self._small(serializer, values):
            for length in range(len(data)):
                _survives(serializer, data[:length])

    def test_flipped_payloads_fail_cleanly(self, serializer: Codec, values: list[Any]) -> None:
        """Whatever byte is wrong, the answer is a value or a `HoldallError`.

        Where loading may run code that the bytes choose, only the checksums stand before it: such a one is spared.
        """
        if not serializer.trusted_only:
            for data in self._small(serializer, values):
                for place in range(len(data)):
                    for mask in (0x01, 0x80, 0xFF):
                        _survives(serializer, data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])

    def test_noise_fails_cleanly(self, serializer: Codec) -> None:
        """Bytes of any origin are refused, or read, without a crash."""
        noise = random.Random(1)  # noqa: S311 - the same noise in each run
        for length in (1, 2, 7, 64, 1000, 70_000):
            for _ in range(20):
                _survives(serializer, noise.randbytes(length))

    def test_says_so_where_loading_may_run_code(self, serializer: Codec) -> None:
        """A serializer that is not `trusted_only` runs nothing that a payload names."""
        _ran.clear()
        data = pickle.dumps(Trap())
        if serializer.trusted_only:
            return
        _survives(serializer, data)

        assert _ran == []

    def test_options_make_it_again(self, serializer: Codec) -> None:
        """A record keeps slug and options as JSON: they are enough to read with."""
        options = json.loads(json.dumps(serializer.options()))

        assert serializer == type(serializer).from_options(options)
        assert type(serializer).from_options(options).options() == options

    def test_pickles(self, serializer: Codec, values: list[Any]) -> None:
        """It travels to workers."""
        there = pickle.loads(pickle.dumps(serializer))

        assert there == serializer
        assert hash(there) == hash(serializer)
        for value in values:
            assert self.same(value, there.load(BytesSource(payload(serializer, value))))

    def test_written_with_is_ready_for_json(self, serializer: Codec, values: list[Any]) -> None:
        """The record keeps names and versions as strings, and what wrote a moment ago reads without a warning."""
        for value in values:
            parts = serializer.dump(value)
            for _ in parts:
                pass
            recorded = serializer.written_with(parts)

            assert {str} >= {type(text) for entry in recorded.items() for text in entry}
            serializer.check_written_with(recorded)

    def test_declares_what_reading_makes(self, serializer: Codec, values: list[Any]) -> None:
        """Readers allow what the record declares and no more: that is enough, and one that expands declares it."""
        for value in values:
            parts = serializer.dump(value)
            data = b"".join(parts)
            size = serializer.decoded_size(parts)
            trust = Trust(runs_code=serializer.trusted_only, max_bytes=size)

            assert size is None or (type(size) is int and size >= 0)
            assert self.same(value, serializer.load(BytesSource(data, trust=trust)))

    def test_threads_share_it(self, serializer: Codec, values: list[Any]) -> None:
        """One instance serves every thread of a run."""

        def work(number: int) -> bool:
            turned = values[number % len(values) :] + values[: number % len(values)]
            return all(self.same(v, serializer.load(BytesSource(payload(serializer, v)))) for v in turned)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(16)))

    def test_refusals_name_the_path(self, serializer: Codec, refused: tuple[Any, str]) -> None:
        """What cannot be written is refused with the place inside the object, and the value is not lost."""
        value, path = refused
        with pytest.raises(SerializationError) as caught:
            payload(serializer, value)

        assert path == caught.value.path
        assert path in str(caught.value)
        assert value is caught.value.value

    def _small(self, serializer: Codec, values: list[Any]) -> Iterator[bytes]:
        for value in values:
            data = payload(serializer, value)
            if len(data) <= HOSTILE_SIZE:
                yield data


def _survives(serializer: Codec, data: bytes) -> None:
    with suppress(HoldallError):
        serializer.load(BytesSource(data, trust=Trust(max_bytes=_BOUND)))


def _alternately(one: Iterator[Any], other: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    while True:
        left, right = next(one, None), next(other, None)
        if left is None and right is None:
            return
        yield left or b"", right or b""
