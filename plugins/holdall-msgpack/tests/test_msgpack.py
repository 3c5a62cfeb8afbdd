"""MsgpackSerializer: the forms of JSON as extension types, written and read in pieces."""

from __future__ import annotations

import struct
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped] # it ships no annotations
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import CorruptResultError, HoldallError, SerializationError, UntrustedResultError
from holdall.serialization.typed import FORMS
from holdall.testing.serializers import SerializerContract
from holdall.testing.sources import BytesSource
from holdall.testing.typed import typed_values
from holdall_msgpack import MsgpackSerializer
from holdall_msgpack.codes import CODES, PAYLOADS, SCALAR

VECTORS = Path(__file__).parent / "vectors" / "msgpack-v1"
HERE = "holdall.testing.typed"


def write(value: Any) -> bytes:
    return b"".join(MsgpackSerializer().dump(value))


def read(data: bytes) -> Any:
    return MsgpackSerializer().load(BytesSource(data))


def pack(tree: Any) -> bytes:
    packed: bytes = msgpack.packb(tree)
    return packed


def marked(tag: str, payload: Any, name: str = "", *more: Any) -> bytes:
    return pack([msgpack.ExtType(CODES[tag], name.encode()), payload, *more])


class TestContract(SerializerContract):
    @pytest.fixture
    def serializer(self) -> MsgpackSerializer:
        return MsgpackSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [
            *typed_values().values(),
            b"x" * 300_000,
            list(range(20_000)),
            [0.5] * 2049,
            [[i] for i in range(5000)],
            {str(i): {"n": [i, (i,)]} for i in range(3000)},
            {"deep": [{"blob": b"y" * 70_000, "rest": [1] * 100}] * 3},
        ]


@pytest.mark.parametrize("name", sorted(typed_values()))
def test_vectors_are_written_and_read(name: str) -> None:
    """The format is public: these bytes do not change within a version of it."""
    value = typed_values()[name]
    stored = bytes.fromhex((VECTORS / f"{name}.hex").read_text())

    if name != "set-mixed":  # its order is that of one process
        assert stored == write(value)
    assert value == read(stored)
    assert type(value) is type(read(stored))


def test_a_vector_in_full() -> None:
    """What the README says of the layout, byte by byte."""
    value = (1, b"\x02", datetime(2024, 1, 1, tzinfo=UTC))

    assert bytes.fromhex("92 c7 00 20 93 01 c4 01 02 d6 ff 65 92 00 80") == write(value)


def test_every_form_has_a_code() -> None:
    """But those that the format has of itself."""
    assert {form.tag for form in FORMS} - {"float", "bytes"} == set(CODES)
    assert len(CODES) == len(set(CODES.values()))
    assert {PAYLOADS[tag] for tag, code in CODES.items() if code in SCALAR} == {"text", "blob"}


def test_the_readme_lists_the_codes() -> None:
    """All of them, as they are."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

    for tag, code in CODES.items():
        assert f"| {code} | `{tag}` |" in readme


@pytest.mark.parametrize("name", sorted(typed_values()))
def test_keeps_what_json_keeps(name: str) -> None:
    """One table of forms for both."""
    value = typed_values()[name]
    json = JSONSerializer()

    assert json.load(BytesSource(b"".join(json.dump(value)))) == read(write(value))


def test_other_readers_see_the_data() -> None:
    """A plain MessagePack library reads plain data, and the inside of tagged containers."""
    assert {"a": [1, b"x", 0.5]} == msgpack.unpackb(write({"a": [1, b"x", 0.5]}))
    assert [1, [2]] == msgpack.unpackb(write((1, [2])))[1]


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": [np.zeros(3)]}, 'result["a"][0]', "numpy.ndarray"),
        ([1, np.float64(2)], "result[1]", "numpy.float64"),
        ([msgpack.Timestamp(1, 2)], "result[0]", "Timestamp"),
        (["\ud800"], "result[0]", "lone surrogate"),
    ],
)
def test_refused_with_path_and_hint(value: Any, path: str, reason: str) -> None:
    """As JSON does: which part, of what type, and what to use instead."""
    with pytest.raises(SerializationError, match='result_serializer="pickle"') as caught:
        MsgpackSerializer().dump(value)

    assert path == caught.value.path
    assert reason in str(caught.value)


def test_large_bytes_are_parts_of_their_own() -> None:
    """Not copied: the very object goes to the storage."""
    blob = b"z" * 1_000_000
    parts = list(MsgpackSerializer().dump({"head": 1, "blob": (blob, 2)}))

    assert any(part is blob for part in parts)


def test_large_results_are_packed_while_they_are_written() -> None:
    """The peak of a dump is a piece, not the whole."""
    value = [{"n": i, "text": "x" * 100} for i in range(50_000)]
    tracemalloc.start()
    size = sum(len(part) for part in MsgpackSerializer().dump(value))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 5_000_000
    assert peak < size / 4


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffabc",
        b"\xc6\xff\xff\xff\xffabc",
        b"\xc9\xff\xff\xff\xff\x01abc",
        b"\x91" * 5000,
        b"\x91" * 600 + pack(msgpack.ExtType(CODES["uuid"], b"x")),
        pack([1]) + b"\x00",
        pack({1: 2}),
        b"\x82\xa1a\x01\xa1a\x02",
        b"\xa1\xff",
        pack(msgpack.ExtType(99, b"")),
        pack([msgpack.ExtType(99, b""), 1]),
        pack(msgpack.ExtType(CODES["tuple"], b"")),
        pack([msgpack.ExtType(CODES["tuple"], b"")]),
        pack([1, msgpack.ExtType(CODES["tuple"], b""), []]),
        marked("tuple", [], "a:B"),
        marked("tuple", [], "", {"more": 1}),
        marked("tuple", [], "", 5),
        marked("tuple", {}),
        marked("model", {}),
        marked("model", {}, f"{HERE}:Plain"),
        pack(msgpack.ExtType(CODES["uuid"], b"\xff")),
        pack(msgpack.ExtType(CODES["decimal"], b"x")),
        pack([msgpack.ExtType(CODES["model"], b"\xff"), {}]),
        pack(msgpack.Timestamp(2**40, 0)),
        pack(msgpack.Timestamp(0, 1)),
        b"\xd4\xfex",
    ],
)
def test_bytes_that_no_writer_made_are_corrupt(data: bytes) -> None:
    """One error, and no memory for lengths that the bytes only claim."""
    tracemalloc.start()
    with pytest.raises(CorruptResultError):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4_000_000


def test_classes_need_trust() -> None:
    """A module that is not imported stays so."""
    with pytest.raises(UntrustedResultError, match=r"accept=\['antigravity'\]"):
        read(marked("dataclass", {}, "antigravity:Thing"))


def test_custom_objects_are_jsons_alone() -> None:
    """There is no decoder here to make them with."""
    with pytest.raises(SerializationError, match="object_decoder"):
        read(marked("custom", 1))


def test_it_is_found_by_its_slug() -> None:
    """The entry point."""
    from importlib.metadata import entry_points

    (found,) = entry_points(group="holdall.serializers", name="msgpack")

    assert MsgpackSerializer is found.load()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=80)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers() | st.binary(), inner)
    ),
    max_leaves=200,
)


@given(VALUES)
def test_any_nesting_comes_back(value: Any) -> None:
    """And is valid MessagePack, in one object."""
    data = write(value)

    assert value == read(data)
    msgpack.unpackb(data)


@given(st.sampled_from(sorted(CODES)), VALUES, st.sampled_from(["", f"{HERE}:Person", f"{HERE}:Colour", f"{HERE}:x"]))
def test_hostile_forms_fail_cleanly(tag: str, payload: Any, name: str) -> None:
    """Whatever stands behind a code, the answer is a value or one of our errors."""
    inner = write(payload)
    for data in (
        b"\x92" + pack(msgpack.ExtType(CODES[tag], name.encode())) + inner,
        struct.pack(">BIB", 0xC9, len(inner), CODES[tag]) + inner,
    ):
        try:
            read(data)
        except HoldallError as error:
            assert not isinstance(error, UntrustedResultError)  # noqa: PT017 - the module is imported
