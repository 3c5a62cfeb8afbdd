"""What a stored serializer names to be called: never because it is stored, wherever it stands; always for its own reader."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap
import zipfile
from base64 import urlsafe_b64encode
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from tests.trust.forging import forge, kept

from holdall import flow, task
from holdall.errors import ConfigurationError, CorruptResultError, HoldallError, UntrustedResultError
from holdall.results import from_json
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.serializers import CompressedSerializer, JSONSerializer, PickleSerializer
from holdall.testing.sources import BytesSource
from holdall_crypto import EncryptedSerializer

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.abc.codec import Codec

CUSTOM = b'{"$type":"custom","value":"touch ran"}'
KEY = f"one:{urlsafe_b64encode(bytes([1]) * 32).decode()}"


class Own:
    """No form covers it."""

    def __init__(self, number: int) -> None:
        self.number = number


def to_data(obj: Any) -> Any:
    return {"number": obj.number}


def from_data(data: Any) -> Any:
    return Own(data["number"])


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was called of an imported module with every function that a stored option could name."""
    calls: list[str] = []
    module = ModuleType("loaded_library")

    def spring(name: str) -> Any:
        return lambda *_, **__: calls.append(name)

    for name in ("dumps", "loads", "encode", "decode", "wrap", "unwrap", "__getattr__"):
        setattr(module, name, spring(name))
    monkeypatch.setitem(sys.modules, "loaded_library", module)
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", KEY)
    return calls


def plain(slug: str, options: Any, payload: bytes) -> tuple[str, Any, bytes]:
    return slug, options, payload


def compressed(slug: str, options: Any, payload: bytes) -> tuple[str, Any, bytes]:
    made = b"".join(CompressedSerializer(serializer="bytes").dump(payload))
    return "compressed", {"serializer": {"type": slug, "options": options}}, made


def encrypted(slug: str, options: Any, payload: bytes) -> tuple[str, Any, bytes]:
    made = b"".join(_under_key(EncryptedSerializer(serializer="bytes")).dump(payload))
    return "encrypted", {"serializer": {"type": slug, "options": options}}, made


def bundled(slug: str, options: Any, payload: bytes) -> tuple[str, Any, bytes]:
    leaf = {"path": "leaves/0.x", "type": slug, "options": options, "written_with": {}}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("leaves/0.x", payload)
        tree = {"$type": "leaf", "value": 0}
        archive.writestr("result.json", json.dumps({"bundle": 1, "leaves": [leaf], "result": tree}))
    return "bundle", {}, out.getvalue()


def _under_key(serializer: EncryptedSerializer) -> Codec:
    return serializer.with_policy(Policy(encryption=KeyRing.parse(KEY, source="the test")))


PLACES = [plain, compressed, encrypted, bundled, lambda *each: compressed(*bundled(*each))]


@pytest.mark.parametrize("placed", PLACES)
@pytest.mark.parametrize(
    ("slug", "options", "payload", "accept"),
    [
        ("json", {"object_decoder": "loaded_library:decode"}, CUSTOM, "calls:loaded_library:decode"),
        ("json", {"object_decoder": "os:system"}, CUSTOM, "calls:os:system"),
        ("json", {"jsonlib": "loaded_library"}, b"[NaN]", "calls:loaded_library"),
        ("pickle", {"picklelib": "loaded_library"}, b"x", "calls:loaded_library"),
        (
            "encrypted",
            {"key_provider": "loaded_library:provider", "serializer": {"type": "json"}},
            b"".join(_under_key(EncryptedSerializer(serializer="json")).dump([1])),
            "calls:loaded_library:provider",
        ),
    ],
)
def test_what_stored_options_name_is_not_called(
    placed: Any, slug: str, options: Any, payload: bytes, accept: str, called: list[str], tmp_path: Path
) -> None:
    """Refused with the `accept=` that would let it in, whatever else the reader accepts, and whatever is imported."""
    reference = kept(tmp_path, "json")
    slug, options, payload = placed(slug, options, payload)
    forge(tmp_path / reference.key, slug=slug, options=options, payload=payload)
    for more in ([], ["loaded_library", "os", "calls:os", "calls:loaded_library:dumps"]):
        with pytest.raises(UntrustedResultError) as caught:
            reference.get(accept=["pickle", "compressed", *more])

        assert f"accept=[{accept!r}]" in str(caught.value)
    assert [] == called


@pytest.mark.parametrize("placed", PLACES)
@pytest.mark.parametrize(
    "options",
    [
        {"jsonlib": "loaded_library"},
        {"jsonlib": "no_such_library"},
        {"jsonlib": "loaded_library", "loads_kwargs": {"object_hook": "os:system"}},
        {"loads_kwargs": {"object_hook": "loaded_library:decode", "cls": "loaded_library:decode"}},
        {"object_decoder": "loaded_library:decode", "object_encoder": "loaded_library:encode"},
    ],
)
def test_data_that_needs_no_function_is_read_without(
    placed: Any, options: Any, called: list[str], tmp_path: Path
) -> None:
    """JSON has one normal form, and a decoder is for what has the form of one."""
    reference = kept(tmp_path, "json")
    slug, options, payload = placed("json", options, b'{"a":[1,{"$type":"tuple","value":[2]}]}')
    forge(tmp_path / reference.key, slug=slug, options=options, payload=payload)

    assert {"a": [1, (2,)]} == reference.get()
    assert [] == called


@pytest.fixture
def dill_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dill_like.py").write_text("from cloudpickle import dumps, loads\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", KEY)


@pytest.mark.usefixtures("dill_like")
@pytest.mark.parametrize(
    "made",
    [
        lambda: JSONSerializer(object_encoder=to_data, object_decoder=from_data),
        lambda: JSONSerializer(object_encoder=to_data, object_decoder=from_data, jsonlib="orjson"),
        lambda: CompressedSerializer(serializer=JSONSerializer(object_encoder=to_data, object_decoder=from_data)),
        lambda: EncryptedSerializer(serializer=JSONSerializer(object_encoder=to_data, object_decoder=from_data)),
        lambda: CompressedSerializer(
            serializer={
                "type": "json",
                "options": {"object_encoder": f"{__name__}:to_data", "object_decoder": f"{__name__}:from_data"},
            }
        ),
        lambda: PickleSerializer(picklelib="dill_like"),
    ],
)
def test_a_task_reads_what_it_keeps(made: Any, tmp_path: Path) -> None:
    """Its own state, a cached hit, a replay; a reference that was parsed has no serializer of its own."""
    ran = []
    options = {"result_storage": tmp_path / "place", "result_serializer": made(), "cache_result_in_memory": False}

    @task(cache_key_fn=lambda *_: "k", **options)
    def cached() -> Own:
        ran.append("cached")
        return Own(1)

    @task(**options)
    def replayed() -> Own:
        ran.append("replayed")
        return Own(2)

    @flow(retries=1, persist_result=True)
    def around() -> int:
        got = replayed()
        ran.append("around")
        if ran.count("around") == 1:
            raise ValueError
        return got.number

    state: Any = cached.with_options(return_state=True)()
    again: Any = cached.with_options(return_state=True)()

    assert [1, 1, 1, 1] == [each.number for each in (state.result(), cached(), again.result(), again.reference.get())]
    assert 2 == around()
    assert ["cached", "replayed", "around", "around"] == ran
    with pytest.raises(UntrustedResultError, match=r"accept=\['calls:"):
        from_json(state.reference.json()).get()


WORKER = """
import sys
from holdall import task
from holdall.serializers import JSONSerializer
sys.path.insert(0, "")
class Own:
    def __init__(self, number): self.number = number
def to_data(obj): return obj.number
def from_data(data): return Own(data)
@task(result_storage="./place", result_serializer=JSONSerializer(object_encoder=to_data, object_decoder=from_data),
      cache_key_fn=lambda *_: "k", cache_result_in_memory=False)
def cached():
    print("ran", flush=True)
    return Own(7)
print(cached().number)
"""


def test_another_process_reads_through_the_task(tmp_path: Path) -> None:
    """It has the same serializer, and so its functions."""
    (tmp_path / "job.py").write_text(textwrap.dedent(WORKER))
    said = [
        subprocess.run([sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]

    assert ["ran\n7\n", "7\n"] == said


@pytest.mark.usefixtures("dill_like")
def test_a_reference_grants_what_it_says_of_the_functions_it_needs(tmp_path: Path) -> None:
    """The exact entry that the message prints lets it in, and nothing less."""
    serializer = JSONSerializer(object_encoder=to_data, object_decoder=from_data)
    reference = kept(tmp_path / "place", serializer, Own(3))

    assert 3 == reference.get(accept=[f"calls:{__name__}:from_data"]).number


def test_the_readers_own_function_serves_other_options_too(tmp_path: Path) -> None:
    """It is the reader's, whatever else a record says: a result from before the task was given another indent."""

    def reads(**options: Any) -> Any:
        serializer = JSONSerializer(object_encoder=to_data, object_decoder=from_data, **options)
        run = task(
            result_storage=tmp_path,
            result_serializer=serializer,
            cache_key_fn=lambda *_: "k",
            cache_result_in_memory=False,
        )
        return run(lambda: Own(len(options)))()

    assert [0, 0] == [reads().number, reads(dumps_kwargs={"indent": 1}).number]


@pytest.mark.parametrize("picklelib", ["cloudpickle", "pickle"])
def test_a_reference_that_names_pickle_grants_it(
    picklelib: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever parsed it has read that it does; not where nothing of the kind is to be read."""
    reference = kept(tmp_path, PickleSerializer(picklelib=picklelib), {"a": {1}})

    assert {"a": {1}} == reference.get()
    monkeypatch.setenv("HOLDALL_RESULTS_NO_PICKLE", "1")
    with pytest.raises(UntrustedResultError, match="no_pickle"):
        from_json(reference.json()).get(accept=["pickle"])


@pytest.mark.parametrize("depth", [9, 100, 300])
def test_serializers_nest_only_so_deep(depth: int, tmp_path: Path) -> None:
    """In stored options, counted before one is made."""
    reference = kept(tmp_path, "json")
    options: Any = {}
    for _ in range(depth):
        options = {"serializer": {"type": "compressed", "options": options}}
    forge(tmp_path / reference.key, slug="compressed", options=options, payload=b"x")
    with pytest.raises(HoldallError, match="wrap one another"):
        CompressedSerializer.from_options(options)
    with pytest.raises(HoldallError, match="wrap one another|valid record"):
        reference.get()


@pytest.mark.parametrize("around", [bundled, lambda *each: compressed(*bundled(*each))])
def test_containers_nest_only_so_deep(around: Any, tmp_path: Path) -> None:
    """A bundle in a bundle in a bundle."""
    reference = kept(tmp_path, "json")

    def forged(depth: int) -> Any:
        made = ("json", {}, b"[1]")
        for _ in range(depth):
            made = around(*made)
        slug, options, payload = made
        forge(tmp_path / reference.key, slug=slug, options=options, payload=payload)
        return from_json(reference.json()).get()

    assert [1] == forged(8)
    for depth in (9, 300):
        with pytest.raises(CorruptResultError, match="containers"):
            forged(depth)


def test_configured_serializers_nest_as_deep_as_stored_ones() -> None:
    """What can be written can be read."""
    eight = "compressed/" * 8 + "json"
    made: Any = CompressedSerializer(serializer="compressed/" * 7 + "json")

    assert [1] == type(made).from_options(made.options()).load(BytesSource(b"".join(made.dump([1]))))
    with pytest.raises(ConfigurationError, match="wrap one another"):
        CompressedSerializer(serializer=eight)
