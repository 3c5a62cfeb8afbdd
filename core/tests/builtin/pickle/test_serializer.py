"""The pickle serializer."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import io
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.builtin.pickle import frame
from holdall.builtin.pickle.codec import PickleCodec
from holdall.builtin.pickle.serializer import PickleSerializer
from holdall.errors import (
    ConfigurationError,
    CorruptResultError,
    HoldallWarning,
    SerializationError,
    UntrustedResultError,
)
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust

LARGE = 64 << 10
PYTHON = ".".join(map(str, sys.version_info[:2]))


@dataclass
class Point:
    x: Any
    y: Any = None


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


class Chooses:
    """Leaves its lock out, and keeps something else that cannot be pickled where asked to."""

    def __init__(self, kept: Any) -> None:
        self.lock = threading.Lock()
        self.kept = kept

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": self.kept}


class Reduces:
    """Says for itself what is pickled, and counts how often it was asked."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.asked = 0

    def __reduce__(self) -> tuple[Any, ...]:
        self.asked += 1
        return Reduces, (self.inner,)


class Refuses:
    def __reduce__(self) -> tuple[Any, ...]:
        raise RuntimeError("not me")


class NotANumber:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


class TestCodecContract(SerializerContract):
    @pytest.fixture
    def serializer(self) -> PickleCodec:
        return PickleCodec()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [
            None,
            1,
            "é",
            {"k": [1, (2, {3})]},
            Point(1, 2),
            b"x" * LARGE,
            bytearray(LARGE),
            array.array("d", [1.0]),
            1 + 2j,
        ]


class TestSerializerContract(TestCodecContract):
    @pytest.fixture
    def serializer(self) -> PickleSerializer:
        return PickleSerializer()


class TestStandardLibraryContract(TestCodecContract):
    @pytest.fixture
    def serializer(self) -> PickleCodec:
        return PickleCodec("pickle")


class TestArraysContract(SerializerContract):
    @pytest.fixture
    def serializer(self) -> PickleCodec:
        return PickleCodec()

    @pytest.fixture
    def values(self) -> list[Any]:
        wide = np.arange(LARGE, dtype="f8")
        return [
            np.arange(3),
            wide,
            wide.reshape(256, -1),
            np.asfortranarray(wide.reshape(256, -1)),
            wide[::2],
            np.zeros(0),
        ]

    def same(self, one: Any, other: Any, /) -> bool:
        return one.dtype == other.dtype and one.flags.writeable == other.flags.writeable and np.array_equal(one, other)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)
named = st.recursive(
    plain
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | st.uuids()
    | st.fractions()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.builds(Point, inner, inner) | st.lists(inner),
)


@settings(deadline=None)  # a busy machine is no failure
@given(plain | named)
def test_bytes_are_those_of_cloudpickle(value: Any) -> None:
    """Whether cloudpickle was asked or not, the file is the one that it would have written."""
    made = payload(PickleCodec(), value)

    assert cloudpickle.dumps(value, 5) == made
    assert value == PickleCodec().load(BytesSource(made))
    assert value == pickle.loads(made)


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x + 1,
        [threading.Thread, re.compile("a"), len, Point, type(None), int],
        {"keys": {}.keys(), "view": memoryview(b"abc"), "module": pathlib, "method": [].append},
        [collections.OrderedDict(a=1), collections.Counter("aab"), collections.deque([1]), range(3), slice(1, 2)],
        [dt.date(2020, 1, 1), dt.UTC, decimal.Decimal("1.5"), uuid.UUID(int=7), pathlib.PurePosixPath("a/b")],
        [Point(lambda: 3), collections.ChainMap],
    ],
    ids=["lambda", "names", "views", "collections", "scalars", "mixed"],
)
def test_judgement_is_that_of_cloudpickle(value: Any) -> None:
    """Code, names and views go the way cloudpickle sends them, in its very bytes."""
    assert cloudpickle.dumps(value, 5) == payload(PickleCodec(), value)


def test_code_goes_by_value() -> None:
    """A function that lives in no module comes back and works."""
    factor = 3

    again = PickleCodec().load(BytesSource(payload(PickleCodec(), lambda x: x * factor)))

    assert again(2) == 6


def test_each_object_is_reduced_once() -> None:
    """An object's `__reduce__` may have side effects, so it runs once for each dump."""
    value = Reduces([1, Reduces(2)])

    payload(PickleCodec(), [1, "plain first", value])

    assert value.asked == 1
    assert value.inner[1].asked == 1


def test_plain_data_needs_no_cloudpickle() -> None:
    """Writing and reading builtins, dates and decimals imports neither cloudpickle nor pydantic."""
    script = (
        "import sys, datetime, decimal, uuid, pathlib\n"
        "from holdall.builtin.pickle.codec import PickleCodec\n"
        "from holdall.testing.sources import BytesSource\n"
        "value = {'a': [1, 2.5, 'x', None, {3}, 1j], 'd': datetime.datetime(2020, 1, 1), 'e': decimal.Decimal(1),"
        " 'u': uuid.UUID(int=1), 'p': pathlib.Path('x')}\n"
        "parts = PickleCodec().dump(value)\n"
        "assert PickleCodec().load(BytesSource(b''.join(parts))) == value\n"
        "print(sorted({'cloudpickle', 'pydantic', 'asyncio', 'logging'} & set(sys.modules)))\n"
    )

    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert said.strip() == "[]"


def test_large_buffers_are_not_copied() -> None:
    """The parts of an array are views of the array itself, aligned to 64 bytes in the file."""
    wide = np.arange(LARGE, dtype="f8")

    parts = list(PickleCodec().dump({"a": wide, "b": wide[: LARGE // 2]}))

    views = [part for part in parts if isinstance(part, memoryview)]
    assert [np.shares_memory(np.frombuffer(view, "f8"), wide) for view in views] == [True, True]
    starts = [sum(len(p) for p in parts[:n]) for n, part in enumerate(parts) if isinstance(part, memoryview)]
    assert [start % 64 for start in starts] == [0, 0]


def test_large_bytes_are_not_copied() -> None:
    """A large bytes object is handed on as it is, in a plain pickle."""
    big = b"x" * (1 << 20)

    parts = list(PickleCodec().dump([big]))

    assert any(part is big for part in parts)
    assert [big] == pickle.loads(b"".join(parts))


def test_small_arrays_make_a_plain_pickle() -> None:
    """Below 64 KiB the file is one that `pickle.load` reads."""
    small = np.arange(100)

    made = payload(PickleCodec(), small)

    assert np.array_equal(small, pickle.load(io.BytesIO(made)))


@pytest.mark.parametrize("writable", [True, False])
def test_arrays_come_back_writable_and_private(writable: bool) -> None:
    """Whatever the source hands out, changing the array changes nobody else's bytes."""
    wide = np.zeros(LARGE)
    made = payload(PickleCodec(), wide)
    source = BytesSource(made, writable=writable)

    first = PickleCodec().load(source)
    first[:] = 1.0

    assert np.array_equal(wide, PickleCodec().load(source))


def test_a_writable_source_is_used_in_place() -> None:
    """Private memory from the storage becomes the array's, with no copy."""
    held = bytearray(payload(PickleCodec(), np.zeros(LARGE)))

    class Private(BytesSource):
        def buffer(self) -> bytearray:
            return held

    found = PickleCodec().load(Private(b""))

    assert np.shares_memory(found, np.frombuffer(held, "u1"))


def test_read_only_arrays_stay_read_only() -> None:
    """Being read-only is part of the value."""
    fixed = np.zeros(LARGE)
    fixed.flags.writeable = False

    assert not PickleCodec().load(BytesSource(payload(PickleCodec(), fixed))).flags.writeable


def test_the_documented_reader_reads() -> None:
    """The code in the reference page, which knows nothing of holdall, reads both kinds of file."""
    page = Path(__file__).parents[4] / "docs/reference/pickle-format.md"
    space: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0], space)  # noqa: S102 - ours
    value: dict[str, Any] = {"a": 1, "w": np.arange(LARGE), "v": np.arange(3 * LARGE, dtype="u1")}

    assert space["read"](payload(PickleCodec(), {"a": 1})) == {"a": 1}
    found = space["read"](payload(PickleCodec(), value))
    assert found["a"] == 1
    assert np.array_equal(value["w"], found["w"])
    assert np.array_equal(value["v"], found["v"])


def _frame() -> bytes:
    return payload(PickleCodec(), [np.zeros(LARGE, "u1"), np.ones(LARGE + 1, "u1")])


@pytest.mark.parametrize("place", range(40))
def test_damaged_headers_are_corrupt(place: int) -> None:
    """Each bit of the header matters, and a wrong one is found before anything is allocated."""
    made = bytearray(_frame())

    for bit in range(8):
        made[place] ^= 1 << bit
        with pytest.raises(CorruptResultError):
            PickleCodec().load(BytesSource(made))
        made[place] ^= 1 << bit


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 2 * LARGE))
def test_cut_frames_are_corrupt(missing: int) -> None:
    """A frame that ends anywhere but at its end is refused."""
    with pytest.raises(CorruptResultError):
        PickleCodec().load(BytesSource(_frame()[:-missing]))


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_invented_headers_are_corrupt(count: int, length: int, lengths: list[int]) -> None:
    """Lengths that no file could have are compared with the file, not believed."""
    head = frame.MAGIC + (1).to_bytes(4, "little") + count.to_bytes(4, "little") + length.to_bytes(8, "little")

    with pytest.raises(CorruptResultError):
        PickleCodec().load(BytesSource(head + b"".join(one.to_bytes(8, "little") for one in lengths)))


def test_buffers_to_spare_are_corrupt() -> None:
    """A frame whose stream asks for fewer buffers than it holds, or for more, was not written by this serializer."""
    stream = pickle.dumps(1, 5)
    wants = pickle.dumps(pickle.PickleBuffer(b"x"), 5, buffer_callback=lambda _: False)
    view = memoryview(b"y" * 10)

    for parts in (
        frame.pack([stream], [view]),
        frame.pack([wants], [view, view]),
        frame.pack([wants], []),
    ):
        with pytest.raises(CorruptResultError):
            PickleCodec().load(BytesSource(b"".join(parts)))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (threading.Lock(), "result"),
        ({"model": Point(threading.Lock())}, 'result["model"].x'),
        ({1: [0, (1, threading.Lock())]}, "result[1][1][1]"),
        ({'a"b': threading.Lock()}, 'result["a\\"b"]'),
        ([Slotted({"a": threading.Lock()})], 'result[0].held["a"]'),
        (Chooses([1, threading.Lock()]), "result.kept[1]"),
        ([{threading.Lock()}], "result[0]{lock}"),
        ({threading.Lock(): 1}, "result.keys()[0]"),
        (Reduces([threading.Lock()]), "result.__reduce__()[1][0][0]"),
        ([1, Refuses()], "result[1]"),
        (np.array([None, threading.Lock()], dtype=object), "result.__reduce__()[2][4][1]"),
        ((n for n in range(3)), "result"),
    ],
    ids=[
        "itself",
        "attribute",
        "items",
        "quoted",
        "slots",
        "getstate",
        "set",
        "key",
        "reduce",
        "raises",
        "objects",
        "generator",
    ],
)
def test_refusals_name_the_part(value: Any, path: str) -> None:
    """The error names the part, keeps the value, and chains what pickle said."""
    with pytest.raises(SerializationError) as caught:
        PickleCodec().dump(value)

    assert path == caught.value.path
    assert f"cannot write {path}: " in str(caught.value)
    assert value is caught.value.value
    assert caught.value.__cause__ is not None


def test_refusals_look_into_closures() -> None:
    """What a function has captured is named."""
    lock = threading.Lock()

    with pytest.raises(SerializationError) as caught:
        PickleCodec().dump({"f": lambda: lock})

    assert caught.value.path == 'result["f"]<closure lock>'


def test_refusals_survive_cycles() -> None:
    """An object that holds itself does not send the search in circles."""
    loop = Point(1)
    loop.x = [loop, {"self": loop}]
    loop.y = threading.Lock()

    with pytest.raises(SerializationError) as caught:
        PickleCodec().dump([loop])

    assert caught.value.path is not None
    assert "lock" in str(caught.value)


def test_nesting_too_deep_is_refused() -> None:
    """Recursion is named for what it is, with the start of the path."""
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]

    with pytest.raises(SerializationError, match="nested deeper") as caught:
        PickleCodec().dump({"tree": deep})

    assert caught.value.path is not None
    assert caught.value.path.startswith('result["tree"][0][0]')
    del caught
    while deep:  # taken apart from outside: so deep a list would be freed recursively
        deep = deep[0]


def test_missing_modules_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class whose module is not installed here is an error that says so."""
    (tmp_path / "elsewhere_module.py").write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("elsewhere_module")
    made = payload(PickleCodec(), module.Thing())
    del module.Thing

    with pytest.raises(SerializationError, match="Thing") as caught:
        PickleCodec().load(BytesSource(made))
    assert isinstance(caught.value.__cause__, AttributeError)

    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "elsewhere_module")
    with pytest.raises(SerializationError, match=r"names the module 'elsewhere_module', which is not installed here"):
        PickleCodec().load(BytesSource(made))


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A pickle library of the user's own, importable and not imported."""
    (tmp_path / "ownpickle.py").write_text(
        "import pickle\n__version__ = '2.3.4'\n"
        "def dumps(obj):\n    return b'own' + pickle.dumps(obj)\n"
        "def loads(data):\n    assert type(data) is bytes\n    return pickle.loads(data[3:])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "ownpickle", sys)  # so that undoing removes what the test imports
    monkeypatch.delitem(sys.modules, "ownpickle")
    return "ownpickle"


def test_any_library_can_pickle(library: str) -> None:
    """A module with dumps and loads is enough; the payload is its own bytes, and its version is recorded."""
    serializer = PickleSerializer(picklelib=library)
    parts = list(serializer.dump({"a": 1}))

    assert b"".join(parts).startswith(b"own")
    assert serializer.load(BytesSource(b"".join(parts))) == {"a": 1}
    assert serializer.options() == {"picklelib": library}
    assert serializer.written_with(parts) == {"picklelib": library, "version": "2.3.4", "python": PYTHON}
    with pytest.raises(SerializationError) as caught:
        serializer.dump({"a": threading.Lock()})
    assert caught.value.path == 'result["a"]'
    with pytest.raises(SerializationError, match="ownpickle cannot rebuild"):
        serializer.load(BytesSource(b"own" + pickle.dumps(NotANumber())))


def test_stored_data_names_no_import(library: str) -> None:
    """A library that only the record names is not imported unless the reader accepts it."""
    made = payload(PickleCodec(), [1])
    for kind in (PickleCodec, PickleSerializer):
        codec = kind.from_options({"picklelib": library})
        codec.check_written_with({"picklelib": library, "version": "1.0"})
        with pytest.raises(UntrustedResultError, match=r"accept=\['calls:ownpickle'\]"):
            codec.load(BytesSource(b"own" + made))

        assert library not in sys.modules
    assert codec.load(BytesSource(b"own" + made, trust=Trust(accept=frozenset({f"calls:{library}"})))) == [1]
    with pytest.raises(UntrustedResultError):  # imported by now, which grants nothing
        codec.load(BytesSource(b"own" + made, trust=Trust(accept=frozenset({library}), runs_code=True)))
    with pytest.raises(ConfigurationError, match="named by stored data alone"):
        codec.dump([1])


@pytest.mark.parametrize("kind", [PickleCodec, PickleSerializer])
def test_a_library_is_checked_when_it_is_named(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that cannot be imported, or cannot do it, is refused before anything runs."""
    (tmp_path / "brokenpickle.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigurationError, match="'nosuchpickle' cannot be imported"):
        kind(picklelib="nosuchpickle")
    with pytest.raises(ConfigurationError, match=r"brokenpickle.*ZeroDivisionError"):
        kind(picklelib="brokenpickle")
    with pytest.raises(ConfigurationError, match="no function dumps"):
        kind(picklelib="textwrap")
    with pytest.raises(ConfigurationError, match="picklelib"):
        kind.from_options({"pickle_lib": "x"})


def test_protocol_is_given_where_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library whose dumps takes a protocol is asked for 5."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "protopickle.py").write_text(
        "import pickle\nloads = pickle.loads\ndef dumps(obj, protocol=0):\n    return pickle.dumps(obj, protocol)\n"
    )

    assert payload(PickleCodec("protopickle"), 1) == pickle.dumps(1, 5)
    monkeypatch.delitem(sys.modules, "protopickle")


def test_plain_data_records_no_version() -> None:
    """What any pickle reads says so; a named class ties it to a Python, code to cloudpickle as well."""
    codec = PickleCodec()

    assert codec.written_with(codec.dump({"a": [1]})) == {"picklelib": "pickle"}
    assert codec.written_with(codec.dump(Point(1))) == {"picklelib": "pickle", "python": PYTHON}
    assert codec.written_with(codec.dump(np.zeros(LARGE))) == {"picklelib": "pickle", "python": PYTHON}
    assert codec.written_with(codec.dump(lambda: 1)) == {
        "picklelib": "cloudpickle",
        "version": cloudpickle.__version__,
        "python": PYTHON,
    }


@pytest.mark.parametrize(
    ("recorded", "told"),
    [
        ({"picklelib": "cloudpickle", "version": "1.0.0", "python": PYTHON}, "cloudpickle 1.0.0"),
        ({"picklelib": "pickle", "python": "3.99"}, "Python 3.99"),
        ({"picklelib": "cloudpickle", "version": cloudpickle.__version__, "python": "3.1"}, "Python 3.1 "),
    ],
)
def test_other_versions_are_warned_of(recorded: dict[str, str], told: str) -> None:
    """Reading with another library or an older Python than wrote it earns one clear warning."""
    with pytest.warns(HoldallWarning, match=re.escape(told)):
        PickleSerializer().check_written_with(recorded)


def test_like_versions_are_silent() -> None:
    """Patch releases, older Pythons for data, and records that say nothing are no cause for a warning."""
    major, minor, *_ = cloudpickle.__version__.split(".")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for recorded in (
            {},
            {"picklelib": "pickle"},
            {"picklelib": "pickle", "python": "3.1"},
            {"picklelib": "cloudpickle", "version": f"{major}.{minor}.99", "python": PYTHON},
            {"picklelib": "cloudpickle", "version": cloudpickle.__version__, "python": "no number"},
        ):
            PickleCodec().check_written_with(recorded)


def test_an_array_is_written_and_read_with_one_copy_in_memory(tmp_path: Path) -> None:
    """128 MiB of array: writing takes at most a tenth of it more, and so does reading beyond the array itself."""
    script = """
import sys, numpy as np
from holdall.builtin.pickle.codec import PickleCodec
from holdall.testing.sources import BytesSource

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

class File(BytesSource):
    def buffer(self):
        with open(sys.argv[1], "rb") as file:
            held = bytearray(128 * 2**20 + 4096)
            return memoryview(held)[: file.readinto(held)]

codec, size = PickleCodec(), 128 * 2**20
codec.load(BytesSource(b"".join(codec.dump(np.zeros(3)))))
if sys.argv[2] == "write":
    wide = np.ones(size // 8)
    before = peak()
    with open(sys.argv[1], "wb") as file:
        for part in codec.dump(wide):
            file.write(part)
else:
    before = peak() + size
    assert codec.load(File(b"")).sum() == size // 8
print((peak() - before) / size)
"""
    for what in ("write", "read"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "wide.pkl"), what], check=True, capture_output=True, text=True
        )

        assert float(done.stdout) <= 0.1, what
