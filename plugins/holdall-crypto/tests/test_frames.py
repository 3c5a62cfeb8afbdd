"""The format: any length, any range, and whatever somebody without the key does to it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given
from hypothesis import strategies as st

from holdall.errors import CorruptResultError, HoldallError
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.testing.sources import BytesSource
from holdall_crypto import EncryptedSerializer
from holdall_crypto.decrypted_source import DecryptedSource
from holdall_crypto.frames import TAG, Header, encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parent / "vectors" / "encrypted-v1"
KEY = bytes(range(32))
ONE = bytes([1]) * 32
RING = KeyRing.parse(f"one:{urlsafe_b64encode(ONE).decode()}", source="the test")


def sealed(data: bytes, chunk: int = 16, key_id: str = "k") -> tuple[bytes, Header]:
    """A file with small chunks."""
    header = Header.make(key_id, KEY, chunk)
    return b"".join(encrypt([data], header, AESGCM(KEY))), header


def opened(data: bytes) -> DecryptedSource:
    """The file as the serializer inside reads it."""
    return DecryptedSource(BytesSource(data), Header.read(data), AESGCM(KEY))


def chunks(file: bytes, header: Header) -> list[bytes]:
    """What stands behind the header."""
    size = header.chunk + TAG
    body = file[len(header.raw) :]
    return [body[at : at + size] for at in range(0, len(body), size)]


@given(st.binary(max_size=100), st.integers(1, 40), st.integers(0, 110), st.integers(0, 110))
def test_any_length_and_any_range(data: bytes, chunk: int, start: int, stop: int) -> None:
    """Around the borders of chunks."""
    file, _ = sealed(data, chunk)
    source = opened(file)

    assert len(data) == source.size
    assert data == bytes(source.buffer())
    assert data[start:stop] == bytes(source.read_range(start, stop))
    assert data == source.open().read()


@given(st.lists(st.binary(max_size=50), max_size=6), st.integers(1, 40))
def test_parts_of_any_length_make_one_file(parts: list[bytes], chunk: int) -> None:
    """Also where a source fills one buffer again and again."""
    header = Header.make("k", KEY, chunk)

    def again() -> Iterator[memoryview]:
        buffer = bytearray(50)
        for part in parts:
            buffer[: len(part)] = part
            yield memoryview(buffer)[: len(part)]

    whole = b"".join(encrypt([b"".join(parts)], header, AESGCM(KEY)))

    assert whole == b"".join(encrypt(again(), header, AESGCM(KEY)))


def test_every_bit_counts() -> None:
    """Of the header and of the chunks."""
    file, _ = sealed(b"0123456789" * 5)
    for at in range(len(file)):
        changed = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        with pytest.raises(HoldallError):
            opened(changed).buffer()


def test_every_cut_is_found() -> None:
    """At the borders of chunks as well."""
    file, _ = sealed(b"0123456789" * 5)
    for length in range(len(file)):
        with pytest.raises(CorruptResultError):
            opened(file[:length]).buffer()


def test_chunks_are_bound_to_their_place() -> None:
    """Swapped, twice, left out, with more behind the end, or from another result under the same key."""
    file, header = sealed(b"0123456789abcdef" * 4)
    one, two, three, four = chunks(file, header)
    other = chunks(*sealed(b"0123456789abcdef" * 4, key_id="j"))
    for bad in (
        [two, one, three, four],
        [one, one, two, three, four],
        [one, three, four],
        [one, two, three],
        [one, two, three, four, four],
        [one, other[1], three, four],
    ):
        with pytest.raises(CorruptResultError, match="Chunk"):
            opened(header.raw + b"".join(bad)).buffer()


@given(st.binary(max_size=200))
def test_hostile_bytes_are_errors_of_ours(data: bytes) -> None:
    """Behind the magic number as well, whatever sizes they claim."""
    serializer = EncryptedSerializer(serializer="json").with_policy(Policy(encryption=RING))
    for file in (data, b"\x89HDENC\r\n" + data, b"\x89HDENC\r\n\x01" + data):
        with pytest.raises(HoldallError):
            serializer.load(BytesSource(file))


def test_a_newer_version_is_named() -> None:
    """With what to do."""
    file, _ = sealed(b"x")
    with pytest.raises(CorruptResultError, match="of version 2, and this holdall-crypto reads 1"):
        opened(file[:8] + b"\x02" + file[9:])


def test_ranges_decrypt_what_they_touch() -> None:
    """So that a part of a large result costs a part of the time."""
    damaged = bytearray(sealed(bytes(160))[0])
    damaged[-1] ^= 1

    assert bytes(20) == bytes(opened(bytes(damaged)).read_range(30, 50))
    with pytest.raises(CorruptResultError, match="Chunk 9"):
        opened(bytes(damaged)).read_range(150, 151)


def read_without_holdall(data: bytes, keys: dict[str, bytes]) -> bytes:
    """By the page of the format, and nothing else."""
    assert data[:9] == b"\x89HDENC\r\n\x01"
    chunk, name, wrapped = (int.from_bytes(data[at:to], "big") for at, to in ((9, 13), (13, 15), (15, 17)))
    header = data[: 17 + name + wrapped]
    cipher = AESGCM(aes_key_unwrap(keys[header[17 : 17 + name].decode()], header[17 + name :]))
    pieces = [data[at : at + chunk + 16] for at in range(len(header), len(data), chunk + 16)]
    plain = b""
    for number, piece in enumerate(pieces):
        flag = b"\x01" if number == len(pieces) - 1 else b"\x00"
        plain += cipher.decrypt(number.to_bytes(11, "big") + flag, piece, header)
    return plain


@pytest.mark.parametrize(
    ("name", "plain", "serializer", "value"),
    [
        ("small.json.enc", b'{"a":[1,2]}', "json", {"a": [1, 2]}),
        ("chunks.txt.enc", b"0123456789" * 10, "text", "0123456789" * 10),
    ],
)
def test_vectors_are_read(name: str, plain: bytes, serializer: str, value: object) -> None:
    """By this version, and by who has read the page alone."""
    data = (VECTORS / name).read_bytes()

    assert plain == read_without_holdall(data, {"one": ONE})
    assert value == EncryptedSerializer(serializer=serializer).with_policy(Policy(encryption=RING)).load(
        BytesSource(data)
    )
