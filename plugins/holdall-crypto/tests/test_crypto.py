"""EncryptedSerializer: the contract, keys and providers, and that nothing is in the clear."""

from __future__ import annotations

import copy as copying
import pickle
import sys
import tracemalloc
from base64 import urlsafe_b64encode
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from holdall import HoldallWarning, flow, task
from holdall.builtin.processes import ProcessRunner
from holdall.errors import ConfigurationError, CorruptResultError, UntrustedResultError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import copy
from holdall.maintenance.known_storages import place_of
from holdall.results import from_json
from holdall.results.load import open_store
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.serializers import CompressedSerializer, JSONSerializer
from holdall.settings import current
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_crypto import EncryptedSerializer, KeyProvider
from holdall_crypto.frames import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRETS = {name: bytes([fill]) * 32 for name, fill in {"one": 1, "two": 2}.items()}
ONE, TWO = (f"{name}:{urlsafe_b64encode(secret).decode()}" for name, secret in SECRETS.items())
WORDS = "the secret words "


def under(keys: str, serializer: EncryptedSerializer) -> Any:
    """As a storage with these keys has it."""
    return serializer.with_policy(Policy(encryption=KeyRing.parse(keys, source="the test")))


class Service(KeyProvider):
    """A key management service in miniature."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def wrap(self, data_key: bytes, /) -> tuple[str, bytes]:
        self.asked.append("wrap")
        return "service", bytes(byte ^ 0x5A for byte in data_key)

    def unwrap(self, key_id: str, wrapped: bytes, /) -> bytes:
        self.asked.append(f"unwrap {key_id}")
        return bytes(byte ^ 0x5A for byte in wrapped)


class TestContract(SerializerContract):
    """With a provider that readers find by its name."""

    @pytest.fixture
    def serializer(self, monkeypatch: pytest.MonkeyPatch) -> EncryptedSerializer:
        module = ModuleType("own_service")
        module.provider = Service()  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "own_service", module)
        return EncryptedSerializer(serializer="json", key_provider="own_service:provider")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", ONE)
    return tmp_path


def kept(value: Any, **options: Any) -> Any:
    """The reference of a result that a run has kept, as another process has it."""
    options = {"result_serializer": "encrypted/json", **options}
    return from_json(task(persist_result=True, return_state=True, **options)(lambda: value)().reference.json())


def files(place: Path) -> bytes:
    """All that was written."""
    return b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("value", [WORDS, WORDS * 5000], ids=["inline", "file"])
@pytest.mark.parametrize(
    "serializer", ["encrypted/json", "encrypted/pickle", "encrypted/compressed/json", "compressed/encrypted/text"]
)
def test_results_go_round_and_nothing_is_in_the_clear(place: Path, value: str, serializer: str) -> None:
    """Neither the value nor a key, in any file."""
    reference = kept(value, result_serializer=serializer)
    written = files(place)

    assert value == reference.get()
    assert b"secret words" not in written
    for secret in (SECRETS["one"], SECRETS["one"].hex().encode(), ONE.partition(":")[2].encode()):
        assert secret not in written


def test_the_file_says_what_is_in_it(place: Path) -> None:
    """By its extension."""
    kept("x" * 20_000)

    assert list(place.glob(".holdall-results/payloads/**/*.json.enc"))


def test_auto_inside_records_what_was_chosen(place: Path) -> None:
    """The reference names it."""
    reference = kept(np.arange(5), result_serializer="encrypted/auto")

    assert {"serializer": {"type": "numpy", "options": {}}} == dict(reference.serializer.options)
    assert [0, 1, 2, 3, 4] == reference.get().tolist()


def test_without_a_key_the_body_does_not_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says how to make one."""
    monkeypatch.delenv("HOLDALL_ENCRYPTION_KEY")
    ran: list[int] = []
    with pytest.raises(
        ConfigurationError, match=r"no encryption key here: set HOLDALL_ENCRYPTION_KEY.*holdall key new"
    ):
        task(persist_result=True, result_serializer="encrypted/json")(lambda: ran.append(1))()

    assert [] == ran


def test_keys_rotate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first locks, all unlock; the one that is missing is named, and so is one that is another's."""
    old = kept(["old"])
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", f"{TWO},{ONE}")
    new = kept(["new"])

    assert (["old"], ["new"]) == (old.get(), new.get())

    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", TWO)
    with pytest.raises(ConfigurationError, match="under the key 'one', and the encryption keys here are two"):
        from_json(old.json()).get()
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", TWO.replace("two", "one"))
    with pytest.raises(CorruptResultError, match="does not open with the key 'one'"):
        from_json(old.json()).get()


def test_a_block_has_keys_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found again by its slug; the environment's do not open what it keeps."""
    for name, value in {"BASEPATH": str(place / "vault"), "ENCRYPTION_KEY": TWO}.items():
        monkeypatch.setenv(f"HOLDALL_BLOCK__LOCAL_FILE_SYSTEM__VAULT__{name}", value)
    reference = kept(["x"], result_storage="local-file-system/vault")

    assert ["x"] == reference.get()
    monkeypatch.delenv("HOLDALL_BLOCK__LOCAL_FILE_SYSTEM__VAULT__ENCRYPTION_KEY")
    with pytest.raises(ConfigurationError, match="under the key 'two', and the encryption keys here are one"):
        from_json(reference.json()).get()


def test_a_cached_call_hits(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the key is there; without it the body runs again, with a warning."""
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", result_serializer="encrypted/json", cache_result_in_memory=False)
    def cached() -> list[int]:
        ran.append(1)
        return [len(ran)]

    assert [1] == cached() == cached()
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", TWO)
    with pytest.warns(HoldallWarning, match="under the key 'one'"):
        assert [2] == cached()


def test_copies_stay_encrypted(place: Path) -> None:
    """They are the same bytes under the same key."""
    reference = kept(WORDS * 5000)
    target = place_of(LocalFileSystem(basepath=str(place / "copy")))
    copy(place_of(open_store(reference, current()).storage), target, settings=current())

    assert b"secret words" not in files(place / "copy")
    assert list((place / "copy").rglob("*.json.enc"))


@task
def doubled(text: str) -> str:
    """Twice."""
    return text * 2


def test_other_processes_have_the_keys(place: Path) -> None:
    """Of a block, handed on apart from the call."""

    @flow(
        persist_result=True,
        result_serializer="encrypted/json",
        result_storage=LocalFileSystem(basepath=str(place / "own"), encryption_key=TWO),
        task_runner=ProcessRunner(1),
    )
    def outer() -> list[Any]:
        return [doubled.submit(WORDS).result()]

    assert [WORDS * 2] == outer()
    assert b"secret words" not in files(place / "own")


def test_a_provider_is_asked_for_each_result(place: Path) -> None:
    """An instance has no name to store, and readers bring it."""
    service = Service()
    keep = task(
        persist_result=True,
        return_state=True,
        cache_result_in_memory=False,
        result_serializer=EncryptedSerializer(serializer="json", key_provider=service),
    )
    state = keep(lambda: ["kept"])()

    assert ["kept"] == state.result()
    assert ["wrap", "unwrap service"] == service.asked
    assert "key_provider" not in state.reference.json()


def test_a_named_provider_is_not_imported_because_data_names_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader accepts it by name; that its module is imported, or accepted for its types, is not enough."""
    (place / "vault_service.py").write_text(
        "from holdall_crypto import KeyProvider\n"
        "class Provider(KeyProvider):\n"
        "    def wrap(self, data_key, /): return 'v', data_key[::-1]\n"
        "    def unwrap(self, key_id, wrapped, /): return wrapped[::-1]\n"
        "provider = Provider()\n"
    )
    monkeypatch.syspath_prepend(place)
    serializer = EncryptedSerializer(serializer="json", key_provider="vault_service:provider")
    reference = kept(["x"], result_serializer=serializer)
    monkeypatch.delitem(sys.modules, "vault_service")
    with pytest.raises(UntrustedResultError, match=r"accept=\['calls:vault_service:provider'\]"):
        reference.get()
    assert "vault_service" not in sys.modules

    assert ["x"] == reference.get(accept=["calls:vault_service:provider"])
    stored = EncryptedSerializer.from_options(serializer.options())
    for each in (stored, pickle.loads(pickle.dumps(stored)), copying.copy(stored), stored.with_policy(Policy())):
        with pytest.raises(UntrustedResultError):
            each.load(BytesSource(b"".join(serializer.dump(1)), trust=Trust(accept=frozenset({"vault_service"}))))


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (3, "is a holdall_crypto.KeyProvider or the name"),
        ("service", "not of the form module:name"),
        ("a:", "not of the form"),
        ("json:loads", "is no holdall_crypto.KeyProvider"),
        ("no_such_module:x", "cannot be imported"),
    ],
)
def test_what_is_no_provider_is_refused(provider: Any, said: str) -> None:
    """When it is given, or before a body runs."""
    with pytest.raises(ConfigurationError, match=said):
        EncryptedSerializer(key_provider=provider).check()


def test_a_provider_with_keys_of_another_size_is_refused() -> None:
    """AES-256 takes 32 bytes."""

    class Short(Service):
        def unwrap(self, key_id: str, wrapped: bytes, /) -> bytes:
            return b"short"

    serializer = EncryptedSerializer(serializer="json", key_provider=Short())
    with pytest.raises(ConfigurationError, match="a key of 5 bytes"):
        serializer.load(BytesSource(payload(serializer, [1])))


@pytest.fixture
def traced() -> Iterator[None]:
    """Memory is watched."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_writing_holds_a_few_chunks() -> None:
    """Beside the value."""
    serializer = under(ONE, EncryptedSerializer())
    array = np.zeros(4 << 20)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in serializer.dump(array):
        pass

    assert 6 * CHUNK > tracemalloc.get_traced_memory()[1] - before


def test_two_results_share_nothing() -> None:
    """Each has a key of its own."""
    serializer = under(ONE, EncryptedSerializer(serializer="json"))

    assert payload(serializer, ["same"]) != payload(serializer, ["same"])


def test_it_travels_without_keys() -> None:
    """Neither pickled nor shown."""
    serializer = under(ONE, EncryptedSerializer(serializer="json"))
    there = pickle.loads(pickle.dumps(serializer))

    assert SECRETS["one"] not in pickle.dumps(serializer)
    assert "Key" not in repr(serializer).replace("key_provider", "")
    with pytest.raises(ConfigurationError, match="no encryption key here"):
        there.dump([1])


def test_it_is_as_trusted_as_what_is_inside() -> None:
    """Who has the key may still not run code."""
    assert EncryptedSerializer().trusted_only
    assert not EncryptedSerializer(serializer=CompressedSerializer(serializer=JSONSerializer())).trusted_only
