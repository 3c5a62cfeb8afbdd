"""Containers in one archive: the contract, hostile archives, and that any zip tool reads it."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from core.tests.builtin import arrays

from holdall import register
from holdall.builtin.bundle.serializer import BundleSerializer
from holdall.builtin.bundle.zip_archive import zip_parts
from holdall.builtin.bytes import BytesSerializer
from holdall.builtin.compressed.serializer import CompressedSerializer
from holdall.builtin.text import TextSerializer
from holdall.errors import CorruptResultError, HoldallError, SerializationError, UntrustedResultError
from holdall.testing.distributions import registrations_undone
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust

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


ZIPPED = CompressedSerializer(serializer="json")
SIZE = 100_002


def bundle_of(count: int, **more: Any) -> bytes:
    """Leaves of `SIZE` bytes, compressed; `more` is what each says of itself beside what it has to."""
    leaf = {"type": "compressed", "options": ZIPPED.options(), "written_with": {}, **more}
    leaves = [{"path": f"leaves/{number}.json.gz", **leaf} for number in range(count)]
    tree = [{"$type": "leaf", "value": number} for number in range(count)]
    document = json.dumps({"bundle": 1, "leaves": leaves, "result": tree}).encode()
    files = [(str(each["path"]), list(ZIPPED.dump("x" * (SIZE - 2)))) for each in leaves]
    return b"".join(zip_parts([*files, ("result.json", [document])]))


def within(data: bytes, bound: int | None) -> Any:
    return BundleSerializer().load(BytesSource(data, trust=Trust(max_bytes=bound)))


@pytest.mark.parametrize("count", [1, 3, 10])
def test_leaves_that_declare_their_size_share_a_bound(count: int) -> None:
    """All of them together have it, to the byte, and none has more than it declares."""
    data = bundle_of(count, decoded=SIZE)

    assert count == len(within(data, count * SIZE)) == len(within(data, None))
    with pytest.raises(CorruptResultError, match=r"The leaf leaves/\d\.json\.gz .* is the bound here"):
        within(data, count * SIZE - 1)
    with pytest.raises(CorruptResultError, match=f"{SIZE - 1:,} is the bound here"):
        within(bundle_of(count, decoded=SIZE - 1), 1 << 30)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_leaves_that_declare_nothing_share_what_is_left(count: int) -> None:
    """As those of old bundles do."""
    data = bundle_of(count)

    assert count == len(within(data, count * SIZE))
    with pytest.raises(CorruptResultError, match=f"{SIZE - 1:,} is the bound here"):
        within(data, count * SIZE - 1)


@pytest.mark.parametrize("decoded", [-1, True, 1.5, "1", [1]])
def test_a_leaf_that_declares_no_size_is_corrupt(decoded: Any) -> None:
    """As in a record."""
    with pytest.raises(CorruptResultError, match="does not say how large it is"):
        within(bundle_of(1, decoded=decoded), None)


def test_the_bundle_declares_what_its_leaves_do() -> None:
    """With those that declare nothing left out; nothing where none does."""

    class Zipped(CompressedSerializer):
        slug: ClassVar[str] = "zipped"

        def __init__(self) -> None:
            super().__init__(serializer="json")

        def dump_as(self, obj: Any, /) -> Any:
            return super().dump_as(obj.text)

    class Wide:
        def __init__(self, text: str) -> None:
            self.text = text

    register(Zipped, types=[Wide])
    serializer = BundleSerializer()
    parts = serializer.dump([Wide("x" * 1000), Wide("y" * 2000), np.arange(5)])
    data = b"".join(parts)
    document = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("result.json"))
    plain = serializer.dump([np.arange(5)])
    b"".join(plain)

    assert [1002, 2002, None] == [leaf.get("decoded") for leaf in document["leaves"]]
    assert 3004 == serializer.decoded_size(parts)
    assert None is serializer.decoded_size(plain)
