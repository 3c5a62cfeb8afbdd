"""Containers in one archive: the contract, hostile archives, and that any zip tool reads it."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from core.tests.builtin import arrays

from holdall.builtin.bundle import BundleSerializer
from holdall.builtin.octets import BytesSerializer
from holdall.builtin.text import TextSerializer
from holdall.errors import CorruptResultError, HoldallError, SerializationError, UntrustedResultError
from holdall.testing.distributions import registrations_undone
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    with registrations_undone():
        arrays.register()
        yield


class TestBundle(SerializerContract):
    """With leaves and without."""

    @pytest.fixture
    def serializer(self) -> BundleSerializer:
        return BundleSerializer(pickle=False)

    @pytest.fixture
    def values(self) -> list[Any]:
        return [{"a": [np.arange(4)], "b": (1, 2)}, [1, {"k": None}], {"$type": "leaf", "value": 0}, None, "é"]

    def same(self, one: Any, other: Any, /) -> bool:
        return repr(one) == repr(other)


class TestText(SerializerContract):
    """Texts alone."""

    @pytest.fixture
    def serializer(self) -> TextSerializer:
        return TextSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return ["a", "é\U0001f392\r\n", "x" * 300_000, "\0"]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return "", "result"


class TestBytes(SerializerContract):
    """Bytes alone."""

    @pytest.fixture
    def serializer(self) -> BytesSerializer:
        return BytesSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [b"\0", b"x" * 300_000]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return "text", "result"


@pytest.mark.parametrize(
    ("serializer", "value"), [(TextSerializer(), "\ud800"), (TextSerializer(), 3), (BytesSerializer(), b"")]
)
def test_what_a_file_cannot_hold_is_refused(serializer: Any, value: Any) -> None:
    """With another serializer that can."""
    with pytest.raises(SerializationError, match="Use result_serializer="):
        serializer.dump(value)


def archive(**members: bytes) -> bytes:
    """A zip archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/").replace("_", "."), data)
    return out.getvalue()


def manifest(result: Any, *leaves: Any, **more: Any) -> bytes:
    """What `result.json` may say."""
    return json.dumps({"bundle": 1, "leaves": leaves, "result": result, **more}).encode()


def test_any_zip_tool_reads_it() -> None:
    """Each leaf is a file of its own format, at a multiple of 64 bytes, and the checksums of the archive are right."""
    data = payload(BundleSerializer(), {"big": np.arange(10_000), "text": "é"})
    file = zipfile.ZipFile(io.BytesIO(data))

    assert file.testzip() is None
    assert ["leaves/0.npy", "result.json"] == file.namelist()
    assert np.array_equal(np.arange(10_000), np.load(io.BytesIO(file.read("leaves/0.npy"))))
    assert {"big": {"$type": "leaf", "value": 0}, "text": "é"} == json.loads(file.read("result.json"))["result"]
    assert 0 == data.index(b"\x93NUMPY") % 64


def test_large_leaves_are_parts_themselves() -> None:
    """No second copy of an array on its way out."""
    array = np.zeros(100_000)
    parts = list(BundleSerializer().dump([array]))

    assert any(
        isinstance(part, memoryview) and np.shares_memory(np.frombuffer(part, np.uint8), array) for part in parts
    )


LEAF = {"path": "leaves/0.npy", "type": "numpy", "options": {}, "written_with": {}}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive(a=b"1"), "is no bundle"),
        (archive(result_json=b"{"), "cannot be read"),
        (archive(result_json=b"[]"), "not that of a bundle"),
        (archive(result_json=manifest(1, bundle=2)), "version 2, and this holdall reads 1"),
        (archive(result_json=manifest(1, leaves={})), "lists no leaves"),
        (archive(result_json=manifest(1, LEAF)), "the leaves that it lists"),
        (archive(leaves__0_npy=b"x", result_json=manifest(1)), "the leaves that it lists"),
        (archive(leaves__0_npy=b"x", result_json=manifest(1, 3)), "not described"),
        (archive(leaves__0_npy=b"x", result_json=manifest(1, {**LEAF, "path": ["a"]})), "how it was written"),
        (archive(leaves__0_npy=b"x", result_json=manifest(1, {**LEAF, "path": "leaves/1.npy"})), "is not in it"),
        (archive(leaves__0_npy=b"x", result_json=manifest(1, {**LEAF, "type": 3})), "how it was written"),
        (
            archive(leaves__0_npy=b"x", result_json=manifest(1, LEAF)),
            r"leaves/0\.npy of the stored bundle cannot be read",
        ),
        (archive(result_json=manifest({"$type": "leaf", "value": 0})), "leaf that it does not hold"),
        (archive(result_json=manifest({"$type": "leaf", "value": True})), "leaf that it does not hold"),
    ],
)
def test_hostile_archives_are_corrupt(data: bytes, said: str) -> None:
    """Whatever they claim."""
    with pytest.raises(CorruptResultError, match=said):
        BundleSerializer().load(BytesSource(data))


def test_a_bundle_chooses_no_pickle_for_its_reader() -> None:
    """Its leaves are under the reader's trust as it is itself."""
    data = archive(
        leaves__0_pkl=b"cos\nsystem\n(S'true'\ntR.",
        result_json=manifest(1, {**LEAF, "path": "leaves/0.pkl", "type": "pickle"}),
    )
    with pytest.raises(UntrustedResultError, match="may run code"):
        BundleSerializer().load(BytesSource(data))


def test_members_that_overlap_or_are_compressed_are_refused() -> None:
    """Nothing is inflated, and no two leaves share memory."""
    plain = payload(BundleSerializer(), [np.arange(3), np.arange(4)])
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("result.json", manifest(1))
    with pytest.raises(CorruptResultError, match="as it was written"):
        BundleSerializer().load(BytesSource(deflated.getvalue()))
    start = plain.index(b"PK\x01\x02")
    second = plain.index(b"PK\x01\x02", start + 4)
    moved = plain[: second + 42] + plain[start + 42 : start + 46] + plain[second + 46 :]
    with pytest.raises(CorruptResultError):
        BundleSerializer().load(BytesSource(moved))


def test_mutations_end_in_errors_of_ours() -> None:
    """Bytes changed at random places, several at a time."""
    data = payload(BundleSerializer(), {"a": np.arange(3), "b": b"x" * 70_000})
    chance = random.Random(4)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.choice([chance.randrange(400), -chance.randrange(1, 900)])] = chance.randrange(256)
        try:
            BundleSerializer().load(BytesSource(bytes(changed)))
        except HoldallError:
            continue
