"""NumpySerializer: NumPy's own files, without a copy and without pickle."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from holdall import task
from holdall.errors import CorruptResultError, HoldallError, SerializationError
from holdall.filesystems import LocalFileSystem
from holdall.testing.serializers import SerializerContract
from holdall.testing.sources import BytesSource
from holdall_numpy import NumpySerializer

VECTORS = Path(__file__).parent / "vectors" / "numpy-v1"
NPZ = NumpySerializer(format="npz")
RECORD = np.dtype(
    {"names": ["a", "é"], "formats": ["<i4", ("<f8", (2,))], "offsets": [4, 16], "itemsize": 40, "titles": ["A", None]}
)


def write(value: Any, serializer: NumpySerializer | None = None) -> bytes:
    return b"".join((serializer or NumpySerializer()).dump(value))


def read(data: bytes, serializer: NumpySerializer | None = None, *, writable: bool = True) -> Any:
    return (serializer or NumpySerializer()).load(BytesSource(data, writable=writable))


def arrays() -> dict[str, Any]:
    """One of each kind that has its own way into the file."""
    structured = np.zeros(3, RECORD)
    structured["a"] = [1, 2, 3]
    return {
        "floats": np.array([[1.5, -0.0], [np.nan, np.inf]]),
        "fortran": np.asfortranarray(np.arange(6, dtype="<i2").reshape(2, 3)),
        "steps": np.arange(20, dtype="<u4").reshape(4, 5)[::2, ::-2],
        "zero-dimensional": np.array(7, "<i8"),
        "empty": np.empty((0, 3), "<c16"),
        "big-endian": np.array([1, 2], ">i4"),
        "booleans": np.array([True, False]),
        "half": np.array([1, 2], "<f2"),
        "moments": np.array(["2024-02-29", "NaT"], "<M8[s]"),
        "moments-25": np.array([1, 2], "<M8[25us]"),
        "moments-bare": np.array(["NaT"], "<M8"),
        "durations": np.array([1, -1], "<m8[ns]"),
        "text": np.array(["a", "é\U0001f392"]),
        "bytes": np.array([b"a", b"bcd"]),
        "void": np.array([b"\0\1"], "V2"),
        "structured": structured,
        "nested": np.zeros(2, [("point", [("x", "<f4"), ("y", "<f4", (2, 1))]), ("when", "<M8[D]")]),
        "no-fields": np.zeros(2, np.dtype([])),
        "no-width": np.zeros(2, [("s", "S0")])["s"],
    }


def several() -> dict[str, Any]:
    found = arrays()
    return {
        "dict": {"b": found["floats"], "a/é": found["fortran"], "": found["empty"], "x.npy": found["steps"]},
        "tuple": (found["nested"], found["zero-dimensional"]),
        "list": [found["moments"]] * 11,
        "dict-empty": {},
        "tuple-empty": (),
    }


def alike(one: Any, other: Any) -> bool:
    """Types, order and every bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(alike, one.values(), other.values()))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    fortran = one.flags.f_contiguous and not one.flags.c_contiguous
    return (
        one.dtype == other.dtype
        and one.dtype.fields == other.dtype.fields
        and one.shape == other.shape
        and fortran == (other.flags.f_contiguous and not other.flags.c_contiguous)
        and one.tobytes() == other.tobytes()
        and other.flags.writeable
    )


class TestNpy(SerializerContract):
    @pytest.fixture
    def serializer(self) -> NumpySerializer:
        return NumpySerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [*arrays().values(), np.arange(300_000).reshape(-1, 3)[:, ::2]]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return np.zeros(2, [("ok", "i4"), ("bad", object)]), 'result["bad"]'

    def same(self, one: Any, other: Any, /) -> bool:
        return alike(one, other)


class TestNpz(TestNpy):
    @pytest.fixture
    def serializer(self) -> NumpySerializer:
        return NPZ

    @pytest.fixture
    def values(self) -> list[Any]:
        return list(several().values())

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return [np.zeros(1), np.zeros(2, [("ok", "i4"), ("bad", object)])], 'result[1]["bad"]'


@pytest.mark.parametrize("name", sorted(arrays()))
def test_numpy_reads_the_npy(name: str) -> None:
    """With its own function, and nothing of holdall."""
    array = arrays()[name]
    raw = np.load(BytesIO(write(array)), allow_pickle=False)

    assert array.dtype == raw.dtype or name == "no-width"  # NumPy itself reads S0 as S1
    assert array.shape == raw.shape
    assert str(array.tolist()) == str(raw.astype(array.dtype).tolist())


@pytest.mark.parametrize("name", sorted(several()))
def test_numpy_and_zip_tools_read_the_npz(name: str) -> None:
    """Checksums and all."""
    value = several()[name]
    expected = value if isinstance(value, dict) else {f"arr_{n}": each for n, each in enumerate(value)}
    data = write(value, NPZ)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        broken = archive.testzip()
    with np.load(BytesIO(data), allow_pickle=False) as raw:
        found = dict(raw)

    assert broken is None
    assert alike(expected, found)


@pytest.mark.parametrize("name", sorted(arrays()))
def test_npy_vectors_are_written_and_read(name: str) -> None:
    """The format is public: these bytes do not change within a version of it."""
    stored = (VECTORS / f"{name}.npy").read_bytes()

    assert stored == write(arrays()[name])
    assert alike(read(stored), read(write(arrays()[name])))


@pytest.mark.parametrize("name", sorted(several()))
def test_npz_vectors_are_written_and_read(name: str) -> None:
    """As those of `.npy`."""
    stored = (VECTORS / f"{name}.npz").read_bytes()

    assert stored == write(several()[name], NPZ)
    assert alike(several()[name], read(stored, NPZ)) or name == "dict"  # "steps" comes back in C order
    assert alike(read(write(several()[name], NPZ), NPZ), read(stored, NPZ))


@pytest.mark.parametrize(
    ("serializer", "value", "path", "reason"),
    [
        (NumpySerializer(), np.array([None]), "result", "Python objects"),
        (NumpySerializer(), np.float64(1), "result", "a scalar"),
        (NumpySerializer(), 1.5, "result", "a float and no NumPy array"),
        (NumpySerializer(), {"a": np.zeros(1)}, "result", r'NumpySerializer\(format="npz"\)'),
        (NumpySerializer(), np.ma.array([1], mask=[True]), "result", "a masked array"),
        (NumpySerializer(), np.zeros(1, "i4").view(np.recarray), "result", "come back as a plain array"),
        (NumpySerializer(), np.zeros(1, np.dtype((np.record, [("a", "i4")]))), "result", "do not keep as it is"),
        (NumpySerializer(), np.zeros(1, np.dtype("i4", metadata={"unit": "m"})), "result", "metadata"),
        (NumpySerializer(), np.zeros(1, [("f", [("g", "O", (2,))])]), 'result["f"]["g"]', "Python objects"),
        (
            NumpySerializer(),
            np.zeros(1, {"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]}),
            "result",
            "do not keep as it is",
        ),
        (NumpySerializer(), np.zeros(1, [(f"field-{n}", "i4") for n in range(700)]), "result", "a header longer"),
        (NPZ, np.zeros(1), "result", 'result_serializer="numpy"'),
        (NPZ, {"a": np.zeros(1), "b": [np.zeros(1)]}, 'result["b"]', "a list"),
        (NPZ, {"a": np.zeros(1), 1: np.zeros(1)}, "result.keys()[1]", "no name for a file"),
        (NPZ, {"\0": np.zeros(1)}, "result.keys()[0]", "no name for a file"),
        (NPZ, {"\ud800": np.zeros(1)}, "result.keys()[0]", "no name for a file"),
        (NPZ, (1,), "result[0]", "an int and no NumPy array"),
        (NPZ, "text", "result", "no dict, tuple or list"),
    ],
)
def test_refused_with_path_and_hint(serializer: NumpySerializer, value: Any, path: str, reason: str) -> None:
    """What the file would change, and why."""
    with pytest.raises(SerializationError, match=reason) as caught:
        write(value, serializer)

    assert path == caught.value.path


def test_what_numpy_would_pickle_is_refused() -> None:
    """Strings of any length, which NumPy has from 2.0 on; here any dtype that is not what its description makes."""
    strings = getattr(np.dtypes, "StringDType", lambda: np.dtype((np.record, [("a", "i4")])))
    with pytest.raises(SerializationError, match="do not keep as it is|Python objects"):
        write(np.zeros(1, strings()))


@pytest.mark.parametrize("value", [np.zeros(1_000_000), np.asfortranarray(np.zeros((1000, 1000)))])
def test_an_array_is_written_from_its_own_memory(value: Any) -> None:
    """Not copied: the storage gets a view, in `.npz` too."""
    for parts in (NumpySerializer().dump(value), NPZ.dump([value])):
        assert any(
            np.shares_memory(np.frombuffer(part, np.uint8), value) for part in parts if len(part) == value.nbytes
        )


def test_an_array_in_pieces_is_written_in_pieces() -> None:
    """The peak is a piece, not the whole."""
    value = np.zeros((8_000_000, 2))[:, :1]
    tracemalloc.start()
    size = sum(len(part) for part in NumpySerializer().dump(value))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 64_000_000
    assert peak < 40_000_000


def test_what_is_read_is_a_view_of_the_source() -> None:
    """Private memory is not copied again, and members of an archive lie where a processor wants them."""
    source = BytesSource(write({"a": np.zeros(3), "longer name": np.ones(1000)}, NPZ), writable=True)
    data = source.buffer()
    source.buffer = lambda: data  # type: ignore[method-assign]
    found = NPZ.load(source)
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]

    assert all(np.shares_memory(np.frombuffer(data, np.uint8), each) for each in found.values())
    assert [0, 0] == [(each.__array_interface__["data"][0] - start) % 64 for each in found.values()]


def test_reads_are_memory_mapped_where_the_storage_maps(tmp_path: Path) -> None:
    """On local storage: the array's memory is the file, and writing to it changes no file."""
    storage = LocalFileSystem(basepath=str(tmp_path), memory_map=True)
    expected = np.arange(1_000_000, dtype="f8")

    @task(persist_result=True, result_storage=storage, result_serializer="numpy", result_storage_key="big")
    def big() -> Any:
        return expected

    reference = big.with_options(return_state=True, cache_result_in_memory=False)().reference
    found = reference.get()
    base: Any = found.base
    found[0] = 5

    assert "mmap" == type(base).__name__
    assert 0.0 == reference.get()[0]
    assert np.array_equal(expected, np.load(tmp_path / "big.npy"))


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"


def npy(header: bytes, data: bytes = b"\0" * 8, *, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\x93NUMPY\1\0",
        npy(HEADER, b""),
        npy(HEADER, b"\0" * 9),
        npy(HEADER, version=b"\2\0"),
        npy(HEADER.replace(b"<f8", b"|O")),
        npy(HEADER.replace(b"<f8", b"<f7")),
        npy(HEADER.replace(b"'<f8'", b"[('a', '<f8'), ('a', '<f8')]")),
        npy(HEADER.replace(b"'<f8'", b"[('a', '<f8', (-1,))]")),
        npy(HEADER.replace(b"'<f8'", b"'f8,f8'")),
        npy(HEADER.replace(b"'<f8'", b"('<f8', (1,))")),
        npy(HEADER.replace(b"(1,)", b"(-1,)")),
        npy(HEADER.replace(b"(1,)", b"(True,)")),
        npy(HEADER.replace(b"(1,)", b"[1]")),
        npy(HEADER.replace(b"(1,)", b"(1099511627776, 1099511627776)")),
        npy(HEADER.replace(b"(1,)", b"(0, 18446744073709551616)"), b""),
        npy(HEADER.replace(b"(1,)", b"(" + b"1," * 100 + b")")),
        npy(HEADER.replace(b"False", b"None")),
        npy(HEADER.replace(b"False", b"(" * 3000)),
        npy(b"[1]"),
        npy(b"{}"),
        npy(b" " * 20_000),
        npy(b"__import__('antigravity')"),
    ],
)
def test_bytes_that_no_writer_made_are_corrupt(data: bytes) -> None:
    """One error, and no memory for shapes that the bytes only claim."""
    tracemalloc.start()
    with pytest.raises(CorruptResultError):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4_000_000


def archive(*members: tuple[str, bytes], comment: bytes = b"holdall:dict", compression: int = 0) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        made.comment = comment
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        archive(("a.npy", write(np.zeros(1))), comment=b""),
        archive(("a", write(np.zeros(1)))),
        archive(("a.npy", b"x")),
        archive(("a.npy", write(np.zeros(1))), compression=zipfile.ZIP_DEFLATED),
        archive(("arr_1.npy", write(np.zeros(1))), comment=b"holdall:tuple"),
        archive(("a.npy", write(np.zeros(1))), ("b.npy", write(np.zeros(1)))).replace(b"b.npy", b"a.npy"),
    ],
)
def test_archives_that_no_writer_made_are_corrupt(data: bytes) -> None:
    """Names, order, compression and what they were made of."""
    with pytest.raises(CorruptResultError):
        read(data, NPZ)


def test_no_two_arrays_share_memory() -> None:
    """A directory that names one member twice is refused."""
    data = write({"a": np.zeros(1), "b": np.ones(1)}, NPZ)
    offset = data.rindex(b"b.npy") + len(b"b.npy") + 20
    doubled = data[:offset] + bytes(8) + data[offset + 8 :]

    with pytest.raises(CorruptResultError, match="as it was written"):
        read(doubled, NPZ)


def test_mutated_files_end_in_an_array_or_in_our_error() -> None:
    """Larger changes than the contract's: slices moved, doubled and left out."""
    chance = random.Random(4)
    for serializer, value in ((NumpySerializer(), arrays()["structured"]), (NPZ, several()["dict"])):
        data = write(value, serializer)
        for _ in range(400):
            one, two, three = sorted(chance.randrange(len(data)) for _ in range(3))
            mutated = chance.choice(
                [data[:one] + data[two:], data[:two] + data[one:], data[:one] + data[two:three] + data[one:two]]
            )
            try:
                read(mutated, serializer)
            except HoldallError:
                continue


@given(npst.arrays(st.one_of(npst.scalar_dtypes(), npst.array_dtypes()), npst.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back(value: Any) -> None:
    """Alone and in an archive; or is refused."""
    if type(value) is not np.ndarray:
        return

    assert alike(value, read(write(value)))
    assert alike((value,), read(write((value,), NPZ), NPZ))


def test_numpy_is_imported_when_the_first_value_moves() -> None:
    """Not by whoever names the serializer."""
    code = (
        "import sys; from holdall_numpy import NumpySerializer; made = NumpySerializer(format='npz'); "
        "made.suffix, made.options(); print('numpy' in sys.modules)"
    )

    assert "False\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_it_is_found_by_its_slug() -> None:
    """The entry point; the options are in the record."""
    from holdall.plugins import registry

    assert NPZ == registry.serializer("numpy", {"format": "npz"})
    assert {"format": "npz"} == NPZ.options()
