"""Few bytes cost little: payloads that no writer made, and that would keep a reader busy, or its memory full."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import SerializationError
from holdall.testing.sources import BytesSource
from holdall_msgpack import MsgpackSerializer


def node(tag: str, value: Any) -> Any:
    return {"$type": tag, "value": value}


def integer(value: int) -> Any:
    return value if abs(value) < 2**63 else node("int", hex(value))


PRIME = 2**61 - 1
HOSTILE = {
    "a text for a number of a fraction": node("fraction", ["1e400000000", None]),
    "a decimal for one": node("fraction", [node("decimal", "1e400000"), 1]),
    "a float for one": node("fraction", [1e308, 1]),
    "a truth value for one": node("fraction", [True, 1]),
    "a nested fraction": node("fraction", [node("fraction", [1, 2]), 1]),
    "three numbers": node("fraction", [1, 2, 3]),
    "a negative denominator": node("fraction", [1, -2]),
    "numbers that take long to reduce": node("fraction", [integer(3**900_000), integer(2**1_500_000 - 1)]),
    "a longest deque that is no number": node("deque", [[], True]),
    "a longest deque beyond memory": node("deque", [[], 2**64 - 1]),
    "a range of texts": node("range", ["0", "1", "2"]),
    "a range of decimals": node("range", [node("decimal", "1e400000"), 1, 1]),
    "numbers with the same hash": node("set", [integer(i * PRIME) for i in range(1, 20_000)]),
    "the same in a frozenset": node("frozenset", [integer(i * PRIME) for i in range(1, 20_000)]),
    "the same as keys": node("dict", [[integer(i * PRIME), 0] for i in range(1, 20_000)]),
    "the same in tuples": node("counter", [[node("tuple", [integer(i * PRIME)]), 0] for i in range(1, 20_000)]),
    "sets of characters beyond Latin-1": node("pattern", ["[\0-\uffff]" * 2000, 2]),
    "the same in escapes": node("pattern", [r"[\u0000-\uffff]" * 1000, 2]),
    "many sets of characters": node("pattern", ["[a-z]" * 3000, 2]),
    "a long pattern": node("pattern", ["(?:a|b|c)?" * 20_000, 0]),
    "a pattern in brackets": node("pattern", ["(" * 8000 + ")" * 8000, 0]),
    "a repeat beyond bounds": node("pattern", ["a{" + "9" * 5000 + "}", 0]),
    "no pattern at all": node("pattern", [None, 0]),
    "a days count beyond bounds": node("timedelta", [integer(2**5000), 0, 0]),
    "a factory by another name": node("default-dict", ["__import__", []]),
    "a factory that is none": node("default-dict", [["list"], []]),
    "a flag without flags": {"$type": "flag", "class": "enum:Flag", "value": 1 << 40},
    "levels without end": json.loads('{"$type":"tuple","value":[' * 200 + "]}" * 200),
}

READ = """
import json, resource, sys, time
from holdall.builtin.json import JSONSerializer
from holdall.errors import HoldallError
from holdall.testing.sources import BytesSource
from holdall_orjson import OrjsonSerializer
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for name, tree in json.load(sys.stdin).items():
    data = json.dumps(tree).encode()
    for serializer in (JSONSerializer(), OrjsonSerializer()):
        before = time.process_time()
        try:
            said = f"a {type(serializer.load(BytesSource(data))).__name__}"
        except HoldallError as error:
            said = "refused"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        if time.process_time() - before > 3:
            said += " after a long time"
        if said != "refused":
            print(name, said, flush=True)
"""


def test_few_bytes_cost_little() -> None:
    """Each is an error of ours, in a moment and little memory."""
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=json.dumps(HOSTILE),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ("", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("serializer", [JSONSerializer(), MsgpackSerializer()], ids=repr)
@pytest.mark.parametrize(
    "value",
    [
        Fraction(3**900_000, 2**1_500_000 - 1),
        re.compile("[\u0100-\u0200]" * 100),
        re.compile("(?:a|b|c)?" * 2000),
        {i * PRIME for i in range(1, 2000)},
        {i * PRIME: 1 for i in range(1, 2000)},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_be_refused_is_not_written(serializer: Any, value: Any) -> None:
    """`auto` pickles it, and what is written can be read."""
    with pytest.raises(SerializationError):
        list(serializer.dump(value))


@pytest.mark.parametrize("serializer", [JSONSerializer(), MsgpackSerializer()], ids=repr)
@pytest.mark.parametrize(
    "value",
    [
        Fraction(3**100_000, 2**150_000),
        re.compile(r"[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+|[\u4e00-\u9fff]+", re.IGNORECASE),
        set(range(-5000, 5000)),
        {i * 2**40 for i in range(5000)},
        range(True, 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_honest_ones_come_back(serializer: Any, value: Any) -> None:
    """The bounds are far above what programs keep."""
    assert value == serializer.load(BytesSource(b"".join(serializer.dump(value))))
