"""Values whose digests stay what they are in every release; run as a program, it prints them as JSON.

What changes one of them makes every user's cache miss once: then the change log says so, and `inputs_golden.json` is written
anew with `python core/tests/cache/inputs_golden.py > core/tests/cache/inputs_golden.json`.
"""

from __future__ import annotations

import array
import datetime as dt
import decimal
import ipaddress
import json
import pathlib
import re
import sys
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from PIL import Image

from holdall.cache.digest import digest


def _labels(*texts: str) -> Any:
    """As objects: which dtype texts get by default is another in each generation of pandas."""
    return pd.Index(texts, dtype=object)


def _frame() -> Any:
    found = pd.DataFrame(
        {
            "number": np.array([1, 2, 3], dtype="int64"),
            "text": 0,
            "category": pd.Categorical(["a", "b", "a"], _labels("b", "a"), ordered=True),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "moment": pd.DatetimeIndex(["2024-01-01", "2024-01-02", None], tz="Europe/Berlin").as_unit("us"),
        },
        index=pd.date_range("2024-01-01", periods=3, freq="D").as_unit("ns"),
    )
    found["text"] = pd.Series(["x", None, "z"], dtype=object, index=found.index)
    found.columns = _labels(*found.columns)
    return found


def _cycle() -> Any:
    found: dict[str, Any] = {"name": "x"}
    found["self"] = [found]
    return found


def _image() -> Any:
    found = Image.new("P", (2, 2), 1)
    found.putpalette([0, 0, 0, 255, 0, 0])
    return found


VALUES: dict[str, Any] = {
    "None": None,
    "booleans": [True, False],
    "integers": [0, -1, 2**63, 10**50],
    "many integers": list(range(2500)),
    "floats": [0.0, -0.0, 1.5, float("nan"), float("inf")],
    "complex": 1 - 2j,
    "texts": ["", "a", "ä\n'\"", "\ud800"],
    "bytes": [b"", b"\0\xff", bytearray(b"a")],
    "mixed": (1, "a", 2.5, None, True),
    "nested": {"a": [1, {"b": (2, 3)}], 4: {5, 6}, "c": frozenset({"x"})},
    "cycle": _cycle(),
    "range": range(0, 10, 3),
    "ordered": OrderedDict(b=1, a=2),
    "counter": Counter("hello"),
    "defaultdict": defaultdict(list, a=[1]),
    "deque": deque([1, 2], maxlen=3),
    "path": pathlib.PurePosixPath("a/b.txt"),
    "moment": dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "date and time": [dt.date(2024, 2, 29), dt.time(1, 2, 3), dt.timedelta(days=-1, microseconds=5), dt.UTC],
    "decimal": decimal.Decimal("1.10"),
    "fraction": Fraction(1, 3),
    "uuid": uuid.UUID(int=5),
    "network": ipaddress.ip_network("10.0.0.0/8"),
    "pattern": re.compile("a+", re.IGNORECASE),
    "array": array.array("d", [1.5, float("nan")]),
    "view": memoryview(b"abcd").cast("H"),
    "exception": ValueError("x", 1),
    "OSError": FileNotFoundError(2, "missing", "a.txt"),
    "type": [int, ValueError, list[int]],
    "function": [len, sorted],
    "ndarray": np.arange(6.0).reshape(2, 3),
    "ndarray, big-endian": np.arange(3, dtype=">i4"),
    "ndarray of moments": np.array(["2024-01-01", "NaT"], dtype="M8[s]"),
    "ndarray of texts": np.array(["a", "bc"]),
    "ndarray of objects": np.array(["a", None, 1], dtype=object),
    "structured": np.array([(1, 2.5)], dtype=[("a", "<i2"), ("b", "<f4")]),
    "masked": np.ma.masked_array([1, 2], mask=[True, False]),
    "scalars": [np.float32(1.5), np.int64(2), np.bool_(True)],
    "frame": _frame(),
    "series": pd.Series([1.5, np.nan], name="x"),
    "multi-index": pd.MultiIndex.from_product([_labels("a", "b"), [1, 2]], names=["l", "n"]),
    "timestamp": pd.Timestamp("2024-01-01", tz="UTC").as_unit("ms"),
    "offset": pd.offsets.Week(2, weekday=1),
    "arrow": pa.table({"a": [1, None], "t": ["x", "yz"], "l": [[1], []]}),
    "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
    "polars": pl.DataFrame({"a": [1, None], "t": ["x", "yz"], "l": [[1], []]}),
    "image": _image(),
}

if __name__ == "__main__":
    json.dump({name: digest(value) for name, value in VALUES.items()}, sys.stdout, indent=2)
    sys.stdout.write("\n")
