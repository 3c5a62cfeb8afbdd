"""The golden data: how it is written, read, loaded and compared. It loads holdall only when something is loaded."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

DATA: Final = Path(__file__).parent / "golden" / "members.txt"
"""A line each: the distribution, the name of the member, the form, and the bytes in base64."""
FORMS: Final = ("cloudpickle", "json", "own-json", "pickle")
"""`json` is what the json serializer writes of the object, `own-json` what its method of that name gives."""

Datum = tuple[str, str]


def read() -> dict[Datum, tuple[str, bytes]]:
    """Member and form, and the distribution and the bytes for each."""
    rows = (line.split(" ") for line in DATA.read_text("ascii").splitlines())
    return {(name, form): (package, b64decode(text)) for package, name, form, text in rows}


def write(data: dict[Datum, tuple[str, bytes]], /) -> None:
    """Sorted by distribution, member and form."""
    rows = sorted((package, name, form, b64encode(found).decode()) for (name, form), (package, found) in data.items())
    DATA.write_text("".join(" ".join(row) + "\n" for row in rows), "ascii")


def dump(form: str, value: Any, /) -> bytes | None:
    """The bytes of a form; None where the object has none of that form."""
    if form == "pickle":
        return pickle.dumps(value, protocol=4)
    if form == "cloudpickle":
        import cloudpickle

        return bytes(cloudpickle.dumps(value))
    if form == "own-json":
        from holdall import ResultLiteral, ResultReference

        return value.json().encode() if isinstance(value, (ResultLiteral, ResultReference)) else None
    from holdall import SerializationError
    from holdall.serializers import JSONSerializer

    try:
        return b"".join(JSONSerializer().dump(value))
    except SerializationError:
        return None


def load(form: str, data: bytes, /) -> Any:
    """The object again, as a reader who has just started and trusts holdall gets it."""
    if form in {"pickle", "cloudpickle"}:
        return pickle.loads(data)
    if form == "own-json":
        from holdall.results.references import from_json

        return from_json(data)
    from holdall.serializers import JSONSerializer
    from holdall.testing.sources import BytesSource
    from holdall.types import Trust

    return JSONSerializer().load(BytesSource(data, trust=Trust(accept=frozenset({"holdall", "golden_members"}))))


def differences(form: str, loaded: Any, made: Any, /) -> list[str]:
    """What of the loaded object is not as in the one that was made anew, for people."""
    found = []
    if type(loaded) is not type(made):
        return [f"it is a {type(loaded)} in place of a {type(made)}"]
    # The JSON of a reference leaves out what is of one process, and what `==` leaves out too.
    if form != "own-json" and anatomy(loaded) != anatomy(made):
        found.append(f"it holds {anatomy(loaded)} in place of {anatomy(made)}")
    if type(made).__eq__ is not object.__eq__ and loaded != made:
        found.append("it is not equal")
    # Sets print in the order of this process's hashes.
    if type(made).__repr__ is not object.__repr__ and sorted(repr(loaded)) != sorted(repr(made)):
        found.append(f"it prints {loaded!r} in place of {made!r}")
    if type(made).__str__ is not object.__str__ and sorted(str(loaded)) != sorted(str(made)):
        found.append(f"it reads {loaded} in place of {made}")
    if dump("own-json", loaded) != dump("own-json", made):
        found.append("its JSON is another one")
    return found


def anatomy(value: Any, /) -> Any:
    """All that an object holds, as tuples that can be compared: by type and content, whatever its `__eq__` says."""
    kind = type(value)
    if value is None or kind in {bool, int, float, str, bytes}:
        return kind, repr(value)
    if kind in {tuple, list}:
        return kind, tuple(map(anatomy, value))
    if kind in {set, frozenset}:
        return kind, frozenset(map(anatomy, value))
    if kind is dict:
        return kind, tuple((anatomy(key), anatomy(inner)) for key, inner in value.items())
    named = isinstance(value, (type, FunctionType, BuiltinFunctionType, Enum))
    reduced = "" if named else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return "this one", id(value)
    made, arguments, state, *more = (*reduced, None)[: max(len(reduced), 3)]
    return kind, anatomy(made), anatomy(arguments), anatomy(state), tuple(anatomy(list(each or ())) for each in more)
