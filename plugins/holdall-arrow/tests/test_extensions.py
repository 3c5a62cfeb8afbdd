"""Extension types in stored tables: no class is called because a file names it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from pandas.api.extensions import ExtensionDtype
from pandas.core.dtypes.base import _registry as registry

from holdall.errors import HoldallError, SerializationError, UntrustedResultError
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_arrow import ArrowSerializer, ParquetSerializer, libraries, pandas_dtypes
from holdall_arrow import files as arrow_files

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLED: list[bytes] = []


class Own(pa.ExtensionType):  # type: ignore[misc] # pyarrow ships no annotations
    """Tells when pyarrow makes one from stored bytes."""

    def __init__(self, name: str = "own.type") -> None:
        super().__init__(pa.int64(), name)

    def __arrow_ext_serialize__(self) -> bytes:
        return b"chosen by the writer"

    @classmethod
    def __arrow_ext_deserialize__(cls, _: Any, serialized: bytes) -> Any:
        CALLED.append(serialized)
        return cls()


@pytest.fixture
def registered() -> Iterator[None]:
    pa.register_extension_type(Own())
    CALLED.clear()
    yield
    pa.unregister_extension_type("own.type")


def column() -> Any:
    return pa.ExtensionArray.from_storage(Own(), pa.array([1, 2]))


PLACES = {
    "alone": lambda: pa.table({"a": column()}),
    "in a struct": lambda: pa.table({"a": pa.StructArray.from_arrays([column()], ["b"])}),
    "in a list": lambda: pa.table({"long name": pa.ListArray.from_arrays([0, 2], column())}),
    **{
        f"{n} columns on": lambda n=n: pa.table({**{"x" * i: [1, 2] for i in range(1, n)}, "a": column()})
        for n in range(1, 8)
    },
}


def files(table: Any) -> dict[str, tuple[Any, bytes]]:
    parquet, arrow = pa.BufferOutputStream(), pa.BufferOutputStream()
    pq.write_table(table, parquet)
    with pa.ipc.new_file(arrow, table.schema) as out:
        out.write_table(table)
    made = {"parquet": (ParquetSerializer(), parquet), "arrow": (ArrowSerializer(), arrow)}
    return {name: (serializer, sink.getvalue().to_pybytes()) for name, (serializer, sink) in made.items()}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("columns", [None, ["a"]])
def test_a_registered_class_is_not_called(place: str, form: str, columns: list[str] | None) -> None:
    """Refused with the `accept=` that lets it in, and then it is."""
    table = PLACES[place]()
    serializer, data = files(table)[form]
    rows, has_it = table.num_rows, columns is None or "a" in table.column_names
    CALLED.clear()

    def read(accept: str) -> Any:
        source = BytesSource(data, trust=Trust(accept=frozenset({accept}), runs_code=True))
        return serializer.load(source) if columns is None else serializer.load_columns(source, columns)

    if has_it:
        for nothing in ("own.type", "pickle", __name__):
            with pytest.raises(UntrustedResultError, match=r"accept=\['calls:own\.type'\]"):
                read(nothing)
        assert [] == CALLED
        assert read("calls:own.type").num_rows == rows


@pytest.mark.usefixtures("registered")
def test_the_schema_in_the_notes_is_looked_at_too() -> None:
    """It is read when a type has no form in the format."""
    from holdall_arrow.libraries import from_arrow

    text = b64encode(pa.schema([pa.field("a", Own())]).serialize()).decode()
    table = pa.table({"a": [1]}).replace_schema_metadata(
        {b"holdall": f'{{"library":"pyarrow","schema":"{text}"}}'.encode()}
    )
    with pytest.raises(UntrustedResultError):
        from_arrow(table, Trust(), "parquet")

    assert [] == CALLED


@pytest.mark.parametrize("serializer", [ParquetSerializer(), ArrowSerializer()], ids=repr)
def test_it_is_refused_when_it_is_written(serializer: Any) -> None:
    """So that what is written can be read."""
    with pytest.raises(SerializationError, match=r"own\.type") as caught:
        list(serializer.dump(PLACES["alone"]()))

    assert 'result["a"]' == caught.value.path


@pytest.mark.parametrize("serializer", [ParquetSerializer(), ArrowSerializer()], ids=repr)
def test_those_of_arrow_and_pandas_come_back(serializer: Any) -> None:
    """Nobody has to accept them."""
    frame = pd.DataFrame({"p": pd.period_range("2024-01", periods=2, freq="M"), "i": pd.interval_range(0, 2)})
    table = pa.table(
        {
            "u": pa.array([b"0" * 16], pa.uuid()),
            "b": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())),
        }
    )

    for value in (frame, table):
        made = serializer.load(BytesSource(b"".join(bytes(part) for part in serializer.dump(value))))
        assert made.equals(value)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_damage_calls_nothing(form: str) -> None:
    """Wherever a byte is another one."""
    serializer, data = files(PLACES["alone"]())[form]
    CALLED.clear()
    for place in range(len(data)):
        damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            serializer.load(BytesSource(damaged))
        except HoldallError:
            continue

    assert [] == CALLED


SPRUNG: list[str] = []


class OwnDtype(ExtensionDtype):  # type: ignore[misc] # as above
    name = "own"
    type = int

    def __from_arrow__(self, array: Any) -> Any:
        SPRUNG.append("__from_arrow__")
        return pd.array(array.to_numpy(), dtype="Int64")


@pytest.mark.parametrize("serializer", [ParquetSerializer(), ArrowSerializer()], ids=repr)
def test_a_type_that_is_registered_with_pandas_is_not_called(serializer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata that names it is refused; so is a table with it that is to be written."""
    monkeypatch.setattr(registry, "dtypes", [*registry.dtypes, OwnDtype])
    frame = pd.DataFrame({"a": [1, 2]})
    table, library = libraries.to_arrow(frame, serializer.table_format)
    said, forged_type = b'"numpy_type": "int64"', b'"numpy_type": "own"'
    metadata = {key: value.replace(said, forged_type) for key, value in table.schema.metadata.items()}
    parts = arrow_files.Parts(table.replace_schema_metadata(metadata), library, serializer.table_format)
    forged = b"".join(bytes(part) for part in parts)
    SPRUNG.clear()

    with pytest.raises(UntrustedResultError, match=r"accept=\['calls:own'\]"):
        serializer.load(BytesSource(forged))
    assert [] == SPRUNG
    serializer.load(BytesSource(forged, trust=Trust(accept=frozenset({"calls:own"}))))
    assert ["__from_arrow__"] == SPRUNG
    assert ("a", "own") == pandas_dtypes.unknown(table.replace_schema_metadata(metadata))
