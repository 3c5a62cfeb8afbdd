"""Compression around another serializer."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pytest

from holdall.abc.codec import Codec
from holdall.builtin.compressed.formats import BUILTIN
from holdall.builtin.compressed.serializer import CompressedSerializer
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import ConfigurationError, CorruptResultError, SerializationError, UnknownSerializerError
from holdall.plugins import registry
from holdall.serialization.compression import CHUNK, Compressing
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Parts, Source

LIBRARIES = ("zlib", "bz2", "lzma")
OPEN: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zlib": gzip.decompress,
    "bz2": bz2.decompress,
    "lzma": lzma.decompress,
}


class TextCodec(Codec):
    """JSON in pieces, read through a file: a serializer that streams both ways."""

    slug: ClassVar[str] = "text"
    media_type: ClassVar[str] = "application/json"
    suffix: ClassVar[str] = ".json"
    seen: ClassVar[list[Any]] = []

    def __init__(self, *, indent: int | None = None) -> None:
        self.indent = indent

    def dump(self, obj: Any, /) -> Parts:
        try:
            for piece in json.JSONEncoder(indent=self.indent).iterencode(obj):
                yield piece.encode()
        except TypeError as error:
            raise SerializationError(f"result[0]: {error}", path='result[0]["deep"]', value=obj) from error

    def load(self, source: Source, /) -> Any:
        self.seen.append(source)
        with source.open() as file:
            try:
                return json.load(io.TextIOWrapper(file, "utf-8"))
            except ValueError as error:
                raise CorruptResultError(str(error)) from error

    def options(self) -> dict[str, Any]:
        return {} if self.indent is None else {"indent": self.indent}


@pytest.fixture(autouse=True)
def _known_serializers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def serializer(slug: str, options: dict[str, Any] | None = None) -> Codec:
        known: dict[str, type[Codec]] = {"text": TextCodec, "pickle": PickleCodec, "compressed": CompressedSerializer}
        if slug not in known:
            raise UnknownSerializerError(f"no serializer goes by {slug!r}")
        return known[slug](**options or {})

    def load(kind: str, slug: str) -> type[Codec]:
        return type(serializer(slug))

    monkeypatch.setattr(registry, "serializer", serializer)
    monkeypatch.setattr(registry, "load", load)
    yield
    TextCodec.seen.clear()


@pytest.mark.parametrize("library", LIBRARIES)
class TestContract(SerializerContract):
    @pytest.fixture
    def serializer(self, library: Any) -> CompressedSerializer:
        return CompressedSerializer(compressionlib=library)

    @pytest.fixture
    def values(self) -> list[Any]:
        return [None, {"k": [1, 2]}, "x" * (3 * CHUNK), list(range(1000))]


class TestStreamingContract(SerializerContract):
    @pytest.fixture
    def serializer(self) -> CompressedSerializer:
        return CompressedSerializer(serializer="text", compressionlib="lzma", level=1)

    @pytest.fixture
    def values(self) -> list[Any]:
        return [None, {"k": [1, 2]}, list(range(1000))]

    def test_refusals_name_the_path(self, serializer: Codec, refused: tuple[Any, str]) -> None:
        """The stand-in is a generator: its refusal comes while the parts are read, and passes through."""
        with pytest.raises(SerializationError) as caught:
            payload(serializer, refused[0])

        assert caught.value.path == refused[1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_other_tools_open_it(library: Any) -> None:
    """The file is a gzip, bzip2 or xz file of the inner format."""
    serializer = CompressedSerializer(serializer="text", compressionlib=library)

    assert OPEN[library](payload(serializer, [1, 2])) == b"[1, 2]"
    assert serializer.suffix == {"zlib": ".json.gz", "bz2": ".json.bz2", "lzma": ".json.xz"}[library]
    assert not serializer.trusted_only
    assert CompressedSerializer().trusted_only


@pytest.mark.parametrize("library", LIBRARIES)
def test_files_of_other_tools_are_read(library: Any) -> None:
    """What gzip, bz2 and xz themselves write is read too."""
    write: dict[str, Callable[[bytes], bytes]] = {"zlib": gzip.compress, "bz2": bz2.compress, "lzma": lzma.compress}
    made = write[library](b"[1]")

    assert CompressedSerializer(serializer="text", compressionlib=library).load(BytesSource(made)) == [1]


def test_equal_values_make_equal_bytes() -> None:
    """No time stamp goes into the file."""
    assert payload(CompressedSerializer(), [1]) == payload(CompressedSerializer(), [1])


def test_options_say_what_is_inside() -> None:
    """The record can make it again: slugs and options, in and out."""
    serializer = CompressedSerializer(serializer=TextCodec(indent=2), compressionlib="bz2", level=3)
    options = serializer.options()

    assert options == {"serializer": {"type": "text", "options": {"indent": 2}}, "compressionlib": "bz2", "level": 3}
    assert CompressedSerializer.from_options(options) == serializer
    assert CompressedSerializer(serializer="pickle") == CompressedSerializer()
    assert CompressedSerializer() != CompressedSerializer(level=1)


def test_trust_reaches_the_inner_serializer() -> None:
    """What the reader accepts is the same inside, and so is the size; the memory is private."""
    trust = Trust(accept=frozenset({"somewhere"}))
    serializer = CompressedSerializer(serializer="text")
    serializer.load(BytesSource(payload(serializer, [1, 2]), trust=trust))
    inside = TextCodec.seen[-1]

    assert inside.trust is trust
    assert inside.size == 6
    assert isinstance(inside.buffer(), bytearray)
    assert bytes(inside.read_range(1, 3)) == b"1,"
    with inside.open() as file:
        file.seek(-2, io.SEEK_END)
        assert file.read() == b"2]"
        assert file.tell() == 6


def test_arrays_come_back_writable() -> None:
    """The decompressed bytes belong to the caller."""
    wide = np.arange(1 << 16, dtype="f8")
    found = CompressedSerializer(level=1).load(BytesSource(payload(CompressedSerializer(level=1), wide)))

    assert np.array_equal(wide, found)
    assert found.flags.writeable


def test_written_with_is_that_of_the_inner_serializer() -> None:
    """Compression changes nothing about what reads the object."""
    plain, code = CompressedSerializer().dump([1]), CompressedSerializer().dump(lambda: 1)
    assert b"".join(plain)
    assert b"".join(code)

    assert CompressedSerializer().written_with(plain) == {"picklelib": "pickle"}
    assert CompressedSerializer().written_with(code)["picklelib"] == "cloudpickle"


@pytest.mark.parametrize("library", LIBRARIES)
def test_damage_is_corruption(library: Any) -> None:
    """Cut short, followed by something, and not compressed at all are three ways to be refused."""
    serializer = CompressedSerializer(compressionlib=library)
    made = payload(serializer, list(range(500)))

    for bad in (made[:-1], made + b"x", made + made, b"plain text", b""):
        with pytest.raises(CorruptResultError):
            serializer.load(BytesSource(bad))


def test_a_greedy_header_is_refused() -> None:
    """An xz header that asks for a dictionary of 3 GiB gets an error, not the memory."""
    greedy = lzma.compress(b"[1]", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096}])
    # Byte 16 of an xz stream with one LZMA2 filter codes the dictionary size; the header's CRC follows at 20.
    head = bytearray(greedy)
    assert head[14:16] == b"\x21\x01"
    head[16] = 39
    head[20:24] = zlib.crc32(head[12:20]).to_bytes(4, "little")

    with pytest.raises(CorruptResultError, match=r"lzma.*[Mm]emory"):
        CompressedSerializer(serializer="text", compressionlib="lzma").load(BytesSource(head))


@pytest.mark.parametrize("library", LIBRARIES)
def test_streams_both_ways(library: Any) -> None:
    """Neither way holds more than the object, its bytes and a few pieces in memory."""
    serializer = CompressedSerializer(compressionlib=library, level=1)
    big = bytes(24 * CHUNK)
    tracemalloc.start()
    made = payload(serializer, big)
    _, wrote = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    found = serializer.load(BytesSource(made))
    _, read = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == big
    assert wrote < 12 * CHUNK
    assert read < 2.5 * len(big)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"compressionlib": "zip"}, ConfigurationError, "zlib, bz2, lzma"),
        ({"compressionlib": "text"}, ConfigurationError, "plugin that compresses"),
        ({"compressionlib": "compressed"}, ConfigurationError, "plugin that compresses"),
        ({"compressionlib": "bz2", "level": 0}, ConfigurationError, "bz2 takes 1 to 9"),
        ({"level": 10}, ConfigurationError, "zlib takes 0 to 9"),
        ({"serializer": "jsn"}, UnknownSerializerError, "jsn"),
        ({"serializer": 3}, ConfigurationError, "not a int"),
        ({"serializer": {"type": "text", "of": 1}}, ConfigurationError, "not a dict"),
    ],
)
def test_wrong_options_are_named(options: Any, error: type[Exception], told: str) -> None:
    """What cannot be is refused when it is configured."""
    with pytest.raises(error, match=told):
        CompressedSerializer(**options)


def test_unknown_stored_options_are_refused() -> None:
    """Options of a newer version are an error of ours."""
    with pytest.raises(ConfigurationError, match="compressed serializer does not take"):
        CompressedSerializer.from_options({"dictionary": "x"})


def test_levels_count() -> None:
    """A higher level makes fewer bytes of the same data."""
    data = list(range(2000))

    assert len(payload(CompressedSerializer(level=9), data)) < len(payload(CompressedSerializer(level=0), data))


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_does_not_shrink_is_stored(library: Any) -> None:
    """A sample tells; the file is of the same format, and hardly longer than what is in it."""
    serializer = CompressedSerializer(compressionlib=library)
    noise = random.Random(1).randbytes(2 * CHUNK)
    made = payload(serializer, noise)

    assert noise == serializer.load(BytesSource(made))
    assert pickle.loads(OPEN[library](made)) == noise
    assert len(made) < 1.01 * len(noise)
    if library == "zlib":
        assert noise[CHUNK : CHUNK + 10_000] in made


@pytest.mark.parametrize("streamed", [False, True])
def test_the_sample_is_of_all_that_lies_in_memory(streamed: Any) -> None:
    """Noise in front does not hide what shrinks behind it; of a stream only the beginning is known."""
    noise, text = random.Random(1).randbytes(CHUNK), b"all the same " * (CHUNK // 4)
    parts = (part for part in (noise, text)) if streamed else [noise, text]
    made = b"".join(Compressing(parts, BUILTIN["zlib"], 1))

    assert noise + text == gzip.decompress(made)
    assert (len(made) < len(noise) + len(text) // 10) is not streamed


@pytest.mark.parametrize("length", [1, 5, 1000, CHUNK // 16, CHUNK + 1])
def test_parts_of_any_length_are_sampled(length: int) -> None:
    """A slice goes on in the next part."""
    text = (b"some words, and more words. " * 100_000)[: 2 * CHUNK]
    parts = [text[start : start + length] for start in range(0, len(text) if length > 5 else CHUNK + 1, length)]
    made = b"".join(Compressing(parts, BUILTIN["zlib"], 1))

    assert b"".join(parts) == gzip.decompress(made)
    assert len(made) < CHUNK // 10
