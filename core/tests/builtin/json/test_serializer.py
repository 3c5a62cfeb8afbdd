"""JSONSerializer as users configure it: options, libraries, functions for other types, and what it trusts."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from fractions import Fraction
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import ConfigurationError, CorruptResultError, SerializationError, UntrustedResultError
from holdall.testing.serializers import SerializerContract
from holdall.testing.sources import BytesSource
from holdall.testing.typed import typed_values
from holdall.types import Trust

if TYPE_CHECKING:
    from pathlib import Path


class Opaque:
    """No form covers it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.number == other.number

    __hash__ = None  # type: ignore[assignment] # mutable


def encode(obj: Any) -> Any:
    if isinstance(obj, Opaque):
        return {"opaque": (obj.number,)}
    raise TypeError


def decode(value: Any) -> Any:
    return Opaque(value["opaque"][0])


def fail(_: Any) -> Any:
    raise IndexError


def text(serializer: JSONSerializer, value: Any) -> str:
    return b"".join(serializer.dump(value)).decode()


def load(serializer: JSONSerializer, data: str, *, trust: Trust | None = None) -> Any:
    return serializer.load(BytesSource(data.encode(), trust=trust))


class TestStandardLibrary(SerializerContract):
    @pytest.fixture
    def serializer(self) -> JSONSerializer:
        return JSONSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [*typed_values().values(), "x" * 300_000]


class TestOrjson(TestStandardLibrary):
    @pytest.fixture
    def serializer(self) -> JSONSerializer:
        return JSONSerializer(jsonlib="orjson")


class TestFunctions(TestStandardLibrary):
    @pytest.fixture
    def serializer(self) -> JSONSerializer:
        return JSONSerializer(object_encoder=encode, object_decoder=decode, dumps_kwargs={"indent": 2})

    @pytest.fixture
    def values(self) -> list[Any]:
        return [Opaque(1), {"a": [Opaque(2), (Opaque(3),)]}]


def test_defaults_have_no_options() -> None:
    """A record says nothing about a serializer that nobody configured."""
    assert {} == JSONSerializer().options()


def test_functions_are_stored_by_name() -> None:
    """A function of a module is written as its path, and equal to that path."""
    serializer = JSONSerializer(object_encoder=encode, object_decoder=decode)

    assert {"object_encoder": f"{__name__}:encode", "object_decoder": f"{__name__}:decode"} == serializer.options()
    assert JSONSerializer(**serializer.options()) == serializer


def test_a_lambda_has_no_name_to_store() -> None:
    """It works where it is configured, and the record does not pretend to know it."""
    serializer = JSONSerializer(object_encoder=lambda obj: obj.number, object_decoder=lambda n: Opaque(n + 0))

    assert {} == serializer.options()
    assert Opaque(4) == load(serializer, text(serializer, Opaque(4)))


def test_encoded_objects_need_a_decoder() -> None:
    """Never a plain dict in silence."""
    data = text(JSONSerializer(object_encoder=encode), Opaque(1))
    with pytest.raises(SerializationError, match="object_decoder"):
        load(JSONSerializer(), data)


def test_an_encoder_that_declines_refuses_with_the_path() -> None:
    """What it raises is told, with the place of the object."""
    with pytest.raises(SerializationError, match="TypeError") as caught:
        text(JSONSerializer(object_encoder=encode), {"a": [print]})

    assert 'result["a"][0]' == caught.value.path


def test_an_encoder_that_gives_the_object_back_refuses() -> None:
    """It would go on for ever."""
    with pytest.raises(SerializationError, match="gave back as it was"):
        text(JSONSerializer(object_encoder=lambda obj: obj), print)


def test_an_encoder_is_asked_where_a_form_cannot_say_it() -> None:
    """A class inside a function has no name; an encoder may know better."""

    class Local(Opaque):
        pass

    serializer = JSONSerializer(object_encoder=encode, object_decoder=decode)

    assert Opaque(7) == load(serializer, text(serializer, [Local(7)]))[0]


def test_a_decoder_that_fails_is_named() -> None:
    """The error is about the object, not about the bytes."""
    serializer = JSONSerializer(object_encoder=encode)
    with pytest.raises(SerializationError, match="object_decoder raised") as caught:
        load(JSONSerializer(object_decoder=fail), text(serializer, Opaque(1)))

    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize("name", ["", ".json", "no such module", "no_such_json"])
def test_a_library_that_is_not_there_is_refused_when_configured(name: str) -> None:
    """Before anything runs, with the line that installs it."""
    with pytest.raises(ConfigurationError, match="pip install"):
        JSONSerializer(jsonlib=name)


@pytest.mark.parametrize("name", ["math", "zlib"])
def test_a_module_that_is_no_json_library_is_refused_when_configured(name: str) -> None:
    """It must have dumps and loads."""
    with pytest.raises(ConfigurationError, match="lacks dumps"):
        JSONSerializer(jsonlib=name)


@pytest.mark.parametrize(
    "options",
    [
        {"jsonlib": 1},
        {"object_encoder": "nocolon"},
        {"object_decoder": 3},
        {"dumps_kwargs": {"default": str}},
        {"loads_kwargs": {1, 2}},
        {"no_such_option": 1},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    """All of them as the one error that says what to change."""
    with pytest.raises(ConfigurationError, match="JSONSerializer"):
        JSONSerializer(**options)


def test_any_module_with_dumps_and_loads_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets plain data and keyword arguments, and may return str or bytes."""
    (tmp_path / "shouting_json.py").write_text(
        "import json\ndef dumps(tree, *, indent): return json.dumps(tree, indent=indent).encode()\nloads = json.loads\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    serializer = JSONSerializer(jsonlib="shouting_json", dumps_kwargs={"indent": 1})

    assert "[\n 1\n]" == text(serializer, [1])
    assert (1, {2}) == load(serializer, text(serializer, (1, {2})))


def test_what_a_library_refuses_is_told() -> None:
    """Options of another library, say."""
    with pytest.raises(SerializationError, match=r"orjson\.dumps refused"):
        text(JSONSerializer(jsonlib="orjson", dumps_kwargs={"indent": 2}), [1])


@pytest.mark.parametrize("name", sorted(typed_values()))
def test_both_libraries_write_the_same_data(name: str) -> None:
    """There is one normal form, and each reads what the other wrote."""
    value = typed_values()[name]
    standard, other = JSONSerializer(), JSONSerializer(jsonlib="orjson")
    one, two = text(standard, value), text(other, value)

    assert json.loads(one) == json.loads(two)
    assert load(standard, two) == load(other, one)


def test_text_is_readable() -> None:
    """Unicode is written as it is."""
    assert '{"städte":["Köln"]}' == text(JSONSerializer(), {"städte": ["Köln"]})


def test_stored_options_import_nothing() -> None:
    """A library that only stored options name is not needed to read, nor is it imported."""
    serializer = JSONSerializer.from_options({"jsonlib": "antigravity", "dumps_kwargs": {"indent": 2}})

    assert [1, (2,)] == load(serializer, text(JSONSerializer(), [1, (2,)]))
    assert "[1]" == text(serializer, [1])
    assert "antigravity" not in sys.modules


def test_stored_functions_need_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that stored options name is called on the reader's word alone; the one configured here just is."""
    (tmp_path / "stored_decoder.py").write_text("def decode(value): return [value]\n")
    monkeypatch.syspath_prepend(tmp_path)
    data = text(JSONSerializer(object_encoder=encode), Opaque(1))
    stored = JSONSerializer.from_options({"object_decoder": "stored_decoder:decode"})
    copies = (stored, pickle.loads(pickle.dumps(stored)), copy.copy(stored), copy.deepcopy(stored), stored.model_copy())
    for serializer in copies:
        with pytest.raises(UntrustedResultError, match=r"accept=\['calls:stored_decoder:decode'\]"):
            load(serializer, data)
        with pytest.raises(UntrustedResultError):
            load(serializer, data, trust=Trust(accept=frozenset({"stored_decoder"}), runs_code=True))
    assert "stored_decoder" not in sys.modules
    expected = [{"opaque": (1,)}]

    assert expected == load(stored, data, trust=Trust(accept=frozenset({"calls:stored_decoder:decode"})))
    with pytest.raises(UntrustedResultError):  # imported by now, which grants nothing
        load(stored, data)
    assert [1] == load(stored, "[1]")
    monkeypatch.delitem(sys.modules, "stored_decoder")
    assert expected == load(JSONSerializer(object_decoder="stored_decoder:decode"), data)


def test_a_right_to_call_is_none_to_name_a_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither grants the other."""
    (tmp_path / "stored_types.py").write_text("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n")
    monkeypatch.syspath_prepend(tmp_path)
    named = '{"$type":"namedtuple","class":"stored_types:P","value":{"x":1}}'
    with pytest.raises(UntrustedResultError, match=r"accept=\['stored_types'\]"):
        load(JSONSerializer(), named, trust=Trust(accept=frozenset({"calls:stored_types:P", "calls:stored_types"})))

    assert "stored_types" not in sys.modules


def test_a_stored_library_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is imported: there is one normal form of JSON. What the standard library cannot read asks for the library."""
    called = []
    library = ModuleType("loaded_json")
    library.dumps, library.loads = called.append, lambda text, **_: called.append(text) or ["its own"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "loaded_json", library)
    stored = JSONSerializer.from_options({"jsonlib": "loaded_json", "loads_kwargs": {"object_hook": "os:system"}})

    assert [1, (2,)] == load(stored, text(JSONSerializer(), [1, (2,)]))
    assert "[1]" == text(stored, [1])
    with pytest.raises(UntrustedResultError, match=r"accept=\['calls:loaded_json'\]"):
        load(stored, "[NaN]")
    assert [] == called
    assert ["its own"] == load(stored, "[NaN]", trust=Trust(accept=frozenset({"calls:loaded_json"})))


def test_stored_options_of_the_wrong_type_are_refused() -> None:
    """A record is data: nothing in it is a function."""
    with pytest.raises(ConfigurationError):
        JSONSerializer.from_options({"jsonlib": ["json"]})
    with pytest.raises(ConfigurationError):
        JSONSerializer.from_options({"surprise": 1})


READ = """
import sys
from holdall.builtin.json import JSONSerializer
from holdall.errors import UntrustedResultError
from holdall.testing.sources import BytesSource
from holdall.types import Trust
data = sys.argv[1].encode()
try:
    JSONSerializer().load(BytesSource(data))
except UntrustedResultError as error:
    print(error)
print("strange_models" in sys.modules)
made = JSONSerializer().load(BytesSource(data, trust=Trust(accept=frozenset({"strange_models"}))))
print(type(made).__module__, made.x)
"""


@pytest.mark.parametrize("kind", ["model", "dataclass"])
def test_a_class_of_a_module_that_is_not_imported_needs_trust(kind: str, tmp_path: Path) -> None:
    """In a fresh process: refused with the accept= that would let it in, nothing imported; with it, the object."""
    body = {
        "model": "from pydantic import BaseModel\nclass Thing(BaseModel):\n    x: int\n",
        "dataclass": "from dataclasses import dataclass\n@dataclass\nclass Thing:\n    x: int\n",
    }
    (tmp_path / "strange_models.py").write_text(body[kind])
    data = json.dumps({"$type": kind, "class": "strange_models:Thing", "value": {"x": 3}})
    done = subprocess.run(
        [sys.executable, "-c", READ, data],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    said, imported, made = done.stdout.splitlines()

    assert "accept=['strange_models']" in said
    assert "False" == imported
    assert "strange_models 3" == made


MAIN = """
import sys
from dataclasses import dataclass
from holdall.builtin.json import JSONSerializer
from holdall.testing.sources import BytesSource
@dataclass
class Mine:
    x: int
sys.stdout.buffer.write(JSONSerializer().dump(Mine(5))[0])
assert JSONSerializer().load(BytesSource(JSONSerializer().dump(Mine(5))[0])) == Mine(5)
"""


def test_classes_of_main_come_back_where_main_has_them() -> None:
    """A script reads its own results; another one is told why it cannot."""
    done = subprocess.run([sys.executable, "-c", MAIN], capture_output=True, text=True, check=True)
    with pytest.raises(SerializationError, match="only found by the script"):
        load(JSONSerializer(), done.stdout)


@pytest.mark.parametrize("library", ["json", "orjson"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1,]",
        b"\xff",
        b'"\\ud800"',
        b'{"$type":"tuple","value":["\\uD83C"]}',
        b"NaN",
        b"[Infinity]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 300 + b'{"$type":"tuple","value":[]}' + b"]" * 300,
    ],
)
def test_bytes_that_are_no_json_are_corrupt(library: str, data: bytes) -> None:
    """One error for all of them, whatever the library raised."""
    with pytest.raises(CorruptResultError):
        JSONSerializer(jsonlib=library).load(BytesSource(data))


def test_a_key_twice_is_corrupt() -> None:
    """Two readers could take two different values for it."""
    with pytest.raises(CorruptResultError, match="twice"):
        load(JSONSerializer(), '{"a":1,"a":2}')


def test_paired_escapes_are_text() -> None:
    """Other writers may escape what is outside the basic plane."""
    assert ["\U0001f392"] == load(JSONSerializer(), '["\\ud83c\\udf92"]')


def test_a_key_in_escapes_is_still_a_tag() -> None:
    """JSON knows no difference."""
    assert (1,) == load(JSONSerializer(), '{"\\u0024type":"tuple","value":[1]}')


def test_subclasses_of_builtins_keep_their_type_or_are_refused() -> None:
    """Never flattened in silence."""

    class Text(str):
        __slots__ = ()

    with pytest.raises(SerializationError, match="a subclass of str"):
        text(JSONSerializer(), [Text("x")])
    with pytest.raises(SerializationError, match=r"result\[Fraction\(1, 2\)\]|values"):
        text(JSONSerializer(), {Fraction(1, 2): Text("x")})
