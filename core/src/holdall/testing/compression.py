"""Contract suite of a `CompressionSerializer`: subclass, define two fixtures, and pytest runs it."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from holdall.errors import ConfigurationError, CorruptResultError, HoldallError
from holdall.plugins import registry
from holdall.serialization.compression import CHUNK
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.compression import CompressionSerializer


ROWS: Final = [{"id": number, "name": f"name {number}"} for number in range(100)]
"""What the files of `FormatContract.vectors` hold."""


class Raw(NamedTuple):
    """The compression format's library without holdall."""

    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


class CompressionContract(SerializerContract):
    """Contract of a compression around pickle, in addition to that of a serializer."""

    @pytest.fixture
    def serializer(self) -> CompressionSerializer:
        """The serializer under test, without options."""
        raise NotImplementedError

    @pytest.fixture
    def raw(self) -> Raw:
        """What other tools read and write."""
        raise NotImplementedError

    @pytest.fixture
    def values(self) -> list[Any]:
        return [None, {"k": [1, 2]}, "x" * (3 * CHUNK), list(range(1000)), random.Random(1).randbytes(CHUNK + 1)]  # noqa: S311

    def test_other_tools_open_it(self, serializer: CompressionSerializer, raw: Raw, values: list[Any]) -> None:
        """The file is one of the format, and what it holds is the inner serializer's own."""
        for value in values:
            assert raw.decompress(payload(serializer, value)) == payload(serializer.serializer, value)
        assert serializer.suffix.startswith(serializer.serializer.suffix + ".")

    def test_files_of_other_tools_are_read(
        self, serializer: CompressionSerializer, raw: Raw, values: list[Any]
    ) -> None:
        """What the library writes by itself is read, too."""
        for value in values:
            assert self.same(value, serializer.load(BytesSource(raw.compress(payload(serializer.serializer, value)))))

    def test_equal_values_make_equal_bytes(self, serializer: CompressionSerializer, values: list[Any]) -> None:
        """No time stamp goes into the file."""
        for value in values:
            assert payload(serializer, value) == payload(serializer, value)

    def test_damage_is_corruption(self, serializer: CompressionSerializer, values: list[Any]) -> None:
        """Cut short, followed by something, and not compressed at all are three ways to be refused."""
        for value in values:
            made = payload(serializer, value)

            for bad in (made[:-1], made[: len(made) // 2], made + b"x", made + made, b"plain text", b""):
                with pytest.raises(CorruptResultError):
                    serializer.load(BytesSource(bad))

    def test_reads_up_to_its_bound(self, serializer: CompressionSerializer, values: list[Any]) -> None:
        """It declares what is inside, to the byte, and one byte less is too little."""
        for value in values:
            parts = serializer.dump(value)
            data = b"".join(parts)
            size = serializer.decoded_size(parts)
            trust = Trust(runs_code=True, max_bytes=size)

            assert len(payload(serializer.serializer, value)) == size
            assert self.same(value, serializer.load(BytesSource(data, trust=trust)))
            with pytest.raises(CorruptResultError, match="is the bound here"):
                serializer.load(BytesSource(data, trust=replace(trust, max_bytes=size - 1)))

    def test_a_bomb_stops_at_its_bound(self, serializer: CompressionSerializer) -> None:
        """However much more there would be."""
        data = payload(serializer, bytes(64 * CHUNK))
        tracemalloc.start()
        with pytest.raises(CorruptResultError, match="is the bound here"):
            serializer.load(BytesSource(data, trust=Trust(runs_code=True, max_bytes=CHUNK)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 8 * CHUNK

    def test_what_does_not_shrink_is_stored(self, serializer: CompressionSerializer) -> None:
        """It costs hardly a byte, and the same bytes stand in the file."""
        noise = random.Random(1).randbytes(2 * CHUNK)  # noqa: S311 - the same noise in each run
        made = payload(serializer, noise)

        assert noise == serializer.load(BytesSource(made))
        assert len(made) < 1.001 * len(noise)
        if serializer.compression.storing() is not None:
            assert noise[CHUNK : CHUNK + 10_000] in made

    def test_streams_both_ways(self, serializer: CompressionSerializer) -> None:
        """Neither way holds more than the object, its bytes and a few pieces in memory."""
        big = bytes(24 * CHUNK)
        tracemalloc.start()
        made = payload(serializer, big)
        wrote = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        found = serializer.load(BytesSource(made))
        read = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert found == big
        assert wrote < 12 * CHUNK
        assert read < 2.5 * len(big)

    def test_levels_are_those_of_the_format(self, serializer: CompressionSerializer, raw: Raw) -> None:
        """Each is read by anyone; a higher one makes fewer bytes; any other is refused."""
        kind, levels, options = type(serializer), serializer.compression.levels, serializer.options()
        text = " ".join(str(number * number) for number in range(20_000))
        sizes = []
        for level in (levels[0], levels[-1]):
            made = payload(kind(**{**options, "level": level}), text)
            sizes.append(len(made))

            assert payload(serializer.serializer, text) == raw.decompress(made)
        for level in (levels[0] - 1, levels[-1] + 1):
            with pytest.raises(ConfigurationError, match=f"{levels[0]} to {levels[-1]}"):
                kind(**{**options, "level": level})
        assert sizes[1] < sizes[0]

    def test_noise_in_a_file_fails_cleanly(self, serializer: CompressionSerializer, values: list[Any]) -> None:
        """Whatever stands where, the answer is a value or one of our errors."""
        chance = random.Random(2)  # noqa: S311 - the same places in each run
        made = payload(serializer, values[1])
        for _ in range(300):
            data = bytearray(made)
            start, size = chance.randrange(len(data)), chance.randint(1, 6)
            data[start : start + size] = chance.randbytes(size)
            with suppress(HoldallError):
                serializer.load(BytesSource(data, trust=Trust(max_bytes=CHUNK)))


class FormatContract(CompressionContract):
    """Contract of a distribution that brings a compressed format, in addition to that of its serializer.

    It is installed, so that `serializer.slug` finds it. Keep files that each version wrote: later versions read them.
    """

    @pytest.fixture
    def vectors(self) -> dict[str, bytes]:
        """Files that earlier versions wrote of `ROWS` with `serializer="json"`, by name."""
        raise NotImplementedError

    @pytest.fixture
    def frame(self) -> bytes:
        """The whole file of `b"abc"`, stored as it is; its bytes do not change within a version of the format."""
        raise NotImplementedError

    @pytest.fixture
    def greedy(self) -> list[bytes]:
        """Beginnings of files whose headers claim gigabytes."""
        raise NotImplementedError

    @pytest.fixture
    def library(self) -> str:
        """The module that compresses, which is imported when the first value moves."""
        raise NotImplementedError

    def test_files_of_earlier_versions_are_read(
        self, serializer: CompressionSerializer, vectors: dict[str, bytes]
    ) -> None:
        """There are some, and each holds the same rows."""
        kind, options = type(serializer), serializer.options()

        read = {name: kind(**{**options, "serializer": "json"}).load(BytesSource(vectors[name])) for name in vectors}

        assert vectors
        assert dict.fromkeys(vectors, ROWS) == read

    def test_a_stored_file_in_full(self, serializer: CompressionSerializer, frame: bytes) -> None:
        """Byte for byte as the format says."""
        storing = serializer.compression.storing()

        assert storing is not None
        assert frame == bytes(storing.compress(memoryview(b"abc"))) + bytes(storing.flush())

    def test_greedy_headers_get_an_error_and_no_memory(
        self, serializer: CompressionSerializer, greedy: list[bytes]
    ) -> None:
        """The message names the format."""
        peaks = []
        for data in greedy:
            tracemalloc.start()
            with pytest.raises(CorruptResultError, match=serializer.compression.name):
                serializer.load(BytesSource(data, trust=Trust(runs_code=True)))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

        assert greedy
        assert max(peaks) < 4 * CHUNK

    def test_the_library_is_imported_with_the_first_value(
        self, serializer: CompressionSerializer, library: str
    ) -> None:
        """Not with the package, and not with the serializer."""
        kind = type(serializer)
        code = (
            f"import sys\nfrom {kind.__module__} import {kind.__qualname__} as kind\nmade = kind(**{serializer.options()!r})\n"
            f"print({library!r} in sys.modules)\nlist(made.dump([1]))\nprint({library!r} in sys.modules)"
        )

        assert ["False", "True"] == subprocess.check_output([sys.executable, "-c", code], text=True).split()  # noqa: S603 - our own lines

    def test_the_core_compresses_with_it(self, serializer: CompressionSerializer) -> None:
        """As `compressionlib` of the serializer `compressed`, and both are read by either: the same bytes."""
        name = serializer.compression.name
        of_core = registry.load("serializers", "compressed")
        own = registry.load("serializers", name)

        made = payload(own(level=1), ROWS)

        assert made == payload(of_core(compressionlib=name, level=1), ROWS)
        assert ROWS == of_core(compressionlib=name).load(BytesSource(made))
