"""Signed results: what is signed, what is refused, and that nothing is used before its signature is right."""

from __future__ import annotations

import json
import pickle
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import HoldallWarning, flow, load_result, task
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.builtin.processes import ProcessRunner
from holdall.errors import ConfigurationError, CorruptResultError, HoldallError, UntrustedResultError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import copy
from holdall.maintenance.known_storages import place_of
from holdall.results import record as records
from holdall.results.load import open_store
from holdall.results.policy import policy_of
from holdall.results.references import from_json
from holdall.results.signing_keys import Texts, parse
from holdall.results.spool import folders
from holdall.results.store import ResultStore
from holdall.security.signing import signed, split, verify
from holdall.settings.model import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def key(fill: int, name: str) -> str:
    return f"{name}:{urlsafe_b64encode(bytes([fill]) * 32).decode()}"


ONE, TWO = key(1, "one"), key(2, "two")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", ONE)
    return tmp_path


def kept(value: Any, **options: Any) -> Any:
    """The reference of a result that a run has kept, as another process has it."""
    unit = task(persist_result=True, return_state=True, **options)(lambda: value)
    return from_json(unit().reference.json())


def record_of(place: Path, reference: Any) -> Path:
    return place / ".holdall-results" / reference.key


RAN: list[int] = []


def sprung() -> None:
    """Leaves a trace."""
    RAN.append(1)


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sprung, ()


@pytest.mark.parametrize("value", [{"small": 1}, np.arange(100_000), "x" * 20_000], ids=["inline", "array", "text"])
@pytest.mark.parametrize("serializer", ["pickle", "json", "auto"])
def test_a_signed_result_comes_back(place: Path, value: Any, serializer: str) -> None:
    """And says so in its record: who has the storage and not the key cannot make one."""
    if serializer == "json" and isinstance(value, np.ndarray):
        value = {"plain": list(range(20_000))}
    reference = kept(value, result_serializer=serializer)
    document = json.loads(record_of(place, reference).read_bytes())

    assert document["signature"].startswith("hmac-sha256:one:")
    if "path" in document["payload"]:
        assert "sha256" == document["payload"]["checksum"]["algorithm"]
    assert np.array_equal(np.asarray(value, dtype=object), np.asarray(reference.get(), dtype=object))


def test_without_a_key_it_reads_as_any_other(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has no key asks for no signature."""
    reference = kept([1, 2])
    monkeypatch.delenv("HOLDALL_SIGNING_KEY")

    assert [1, 2] == reference.get()


def test_an_unsigned_result_is_refused_before_it_is_loaded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever trusts it says so, for one read or for all."""
    monkeypatch.delenv("HOLDALL_SIGNING_KEY")
    reference = kept(Trap())
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", ONE)
    RAN.clear()

    with pytest.raises(UntrustedResultError, match=r"is not signed.*accept=\['unsigned'\].*HOLDALL_RESULTS_ACCEPT"):
        reference.get()
    assert [] == RAN

    reference.get(accept=["unsigned"])
    assert [1] == RAN

    monkeypatch.setenv("HOLDALL_RESULTS_ACCEPT", "unsigned")
    open_store(reference, current()).read(reference.key)
    assert [1, 1] == RAN


def test_keys_rotate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signs, all verify; one that is not there is named."""
    old = kept([1])
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", f"{TWO},{ONE}")
    new = kept([2])

    assert ([1], [2]) == (old.get(), new.get())
    assert json.loads(record_of(place, new).read_bytes())["signature"].startswith("hmac-sha256:two:")

    monkeypatch.setenv("HOLDALL_SIGNING_KEY", TWO)
    again = from_json(old.json())
    with pytest.raises(UntrustedResultError, match=r"signed with the key 'one', and the signing keys here are two\."):
        again.get()


def forged(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The record with something changed by somebody who has no key; its checksum is right."""
    body, signature = split(data[: -records.SEAL_SIZE])
    assert signature is not None
    document = json.loads(body + b"}")
    change(document)
    return records.seal(
        json.dumps(document, separators=(",", ":"))[:-1].encode() + f',"signature":"{":".join(signature)}"'.encode()
    )


def test_what_is_forged_is_refused(place: Path) -> None:
    """The payload inside the record, its serializer, its expiry."""
    reference = kept({"a": 1}, result_serializer="json")
    path = record_of(place, reference)
    data = path.read_bytes()
    changes: list[Callable[[dict[str, Any]], None]] = [
        lambda document: document.update(data={"a": 2}),
        lambda document: document["serializer"].update(type="pickle"),
        lambda document: document.update(expires="2999-01-01T00:00:00+00:00"),
    ]
    for change in changes:
        path.write_bytes(forged(data, change))
        with pytest.raises(UntrustedResultError, match="that the key 'one' did not make"):
            from_json(reference.json()).get()
    path.write_bytes(records.seal(split(data[: -records.SEAL_SIZE])[0]))
    with pytest.raises(UntrustedResultError, match="is not signed"):
        from_json(reference.json()).get()


def test_a_payload_that_is_replaced_is_refused_before_it_is_loaded(place: Path) -> None:
    """Also by one of the same length, in whichever chunk."""
    reference = kept(np.zeros(1_500_000))
    [payload] = (place / ".holdall-results" / "payloads").rglob("*.pkl")
    data = bytearray(payload.read_bytes())
    for at in (0, 5 << 20, len(data) - 1):
        data[at] ^= 1
        payload.write_bytes(data)
        data[at] ^= 1
        with pytest.raises(CorruptResultError, match="is damaged"):
            from_json(reference.json()).get()


def test_a_record_under_another_name_is_refused(place: Path) -> None:
    """Signed results are not to be swapped."""
    one, other = kept([1]), kept([2])
    record_of(place, other).write_bytes(record_of(place, one).read_bytes())

    with pytest.raises(CorruptResultError, match=f"is the record of {one.key}"):
        other.get()


def test_a_cached_call_whose_entry_is_forged_is_a_miss_with_a_warning(place: Path) -> None:
    """The body runs, and its result replaces the forgery."""
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", cache_result_in_memory=False)
    def cached() -> list[int]:
        ran.append(1)
        return [len(ran)]

    assert [1] == cached() == cached()
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    path.write_bytes(records.seal(split(path.read_bytes()[: -records.SEAL_SIZE])[0]))
    with pytest.warns(HoldallWarning, match="is not signed"):
        assert [2] == cached()
    assert [2] == cached()


def test_a_cached_literal_is_signed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a record, and as such may be forged."""

    @task(cache_key_fn=lambda *_: "k")
    def cached() -> bool:
        return True

    assert cached()
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    data = path.read_bytes()

    assert b'"signature":"hmac-sha256:one:' in data
    assert cached()
    path.write_bytes(forged(data, lambda document: document.update(literal="false")))
    with pytest.warns(HoldallWarning, match="did not make"):
        assert cached()


def test_a_name_leads_to_a_signed_record(place: Path) -> None:
    """By `load_result`, past the readable copy."""
    kept("hello", result_storage_key="greeting.txt", result_serializer="text")

    assert "hello" == load_result(key="greeting.txt", storage="./.holdall-results")
    assert "hello" == (place / ".holdall-results" / "greeting.txt_.txt").read_text()


def test_a_block_has_keys_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They win over the environment's, are hidden, and are there for readers who find the block by its slug."""
    for name, value in {"BASEPATH": str(place / "vault"), "SIGNING_KEY": TWO}.items():
        monkeypatch.setenv(f"HOLDALL_BLOCK__LOCAL_FILE_SYSTEM__VAULT__{name}", value)
    block = LocalFileSystem(basepath="vault", signing_key=TWO)
    reference = kept([1], result_storage="local-file-system/vault")
    document = next((place / "vault").rglob("*.json")).read_text()

    assert '"signature":"hmac-sha256:two:' in document
    assert [1] == reference.get()
    assert "signing_key" not in reference.storage.location
    for shown in (repr(block), document, reference.json(), str(policy_of(block, current()))):
        assert TWO.partition(":")[2] not in shown


def test_a_key_that_is_none_is_refused_before_the_body_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the source, and never the key."""
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", "hush-hush")
    ran: list[int] = []
    with pytest.raises(ConfigurationError, match="HOLDALL_SIGNING_KEY is not a list of keys") as caught:
        task(persist_result=True)(lambda: ran.append(1))()

    assert [] == ran
    assert "hush" not in str(caught.value)


def test_the_spool_keeps_signed_results(place: Path) -> None:
    """They are signed where they lie, and read from there."""

    class Down(MemoryFileSystem):
        def put(self, *_: Any, **__: Any) -> Any:
            raise OSError("down")

    storage = Down(namespace=str(place), on_failure="spool")
    with pytest.warns(HoldallWarning, match="spool"):
        state = task(persist_result=True, return_state=True, result_storage=storage, cache_result_in_memory=False)(
            lambda: [7]
        )()
    [spooled] = folders(current().home)
    data = b"".join(bytes(spooled.get(meta.key)) for meta in spooled.scan())

    assert b'"signature":"hmac-sha256:one:' in data
    assert [7] == state.result()


def test_copies_are_signed_with_the_keys_of_their_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unsigned or forged where signatures are asked for is not copied; what was unsigned is hashed anew."""
    monkeypatch.delenv("HOLDALL_SIGNING_KEY")
    plain = kept(np.arange(1_000_000))
    source = place_of(open_store(plain, current()).storage)
    target = place_of(LocalFileSystem(basepath=str(place / "signed"), signing_key=TWO))
    moved = copy(source, target, settings=current())
    read = ResultStore(target.storage, PickleCodec()).read(plain.key)

    assert ["copied"] == [item.what for item in moved.items]
    assert np.array_equal(np.arange(1_000_000), read)
    document = json.loads((place / "signed" / plain.key).read_text())
    assert document["signature"].startswith("hmac-sha256:two:")
    assert "sha256" == document["payload"]["checksum"]["algorithm"]

    third = place_of(LocalFileSystem(basepath=str(place / "third"), signing_key=ONE))
    copy(target, third, settings=current())
    assert np.array_equal(np.arange(1_000_000), ResultStore(third.storage, PickleCodec()).read(plain.key))

    path = place / "signed" / plain.key
    path.write_bytes(records.seal(split(path.read_bytes()[: -records.SEAL_SIZE])[0]))
    again = copy(target, place_of(LocalFileSystem(basepath=str(place / "fourth"))), settings=current())
    assert ["failed"] == [item.what for item in again.items]
    assert "is not signed" in str(again.items[0].problem)


def test_small_copies_keep_their_bytes(place: Path) -> None:
    """What is inside a record, signed again."""
    reference = kept({"a": [1.5, "x"]}, result_serializer="json")
    source = place_of(open_store(reference, current()).storage)
    target = place_of(LocalFileSystem(basepath=str(place / "other"), signing_key=TWO))
    copy(source, target, settings=current())

    assert {"a": [1.5, "x"]} == ResultStore(target.storage, PickleCodec()).read(reference.key)


@pytest.mark.secrets
def test_processes_sign_and_verify(place: Path) -> None:
    """With the environment's key, and a block's, which is handed on apart from the call."""

    @flow(
        persist_result=True,
        result_storage=LocalFileSystem(basepath=str(place / "own"), signing_key=TWO),
        task_runner=ProcessRunner(1),
    )
    def outer() -> list[Any]:
        return [doubled.submit(4).result()]

    assert [8] == outer()
    signatures = {json.loads(path.read_text())["signature"].split(":")[1] for path in (place / "own").rglob("*.json")}
    assert {"two"} == signatures


@task
def doubled(number: int) -> int:
    """Twice as much."""
    return 2 * number


DOCUMENT = b'{"holdall":1,"key":"k","data":"x"'
RING = parse(Texts(signing=f"{ONE},{TWO}"))


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(1, 255))
def test_no_change_passes(more: bytes, at: int, mask: int) -> None:
    """Of a byte, or by appending: either is an error, and nothing else is raised."""
    assert RING.current is not None
    document = signed(DOCUMENT + more, RING.current)
    changed = bytearray(document)
    changed[at % len(changed)] ^= mask

    verify(document, keys=RING, where="it")
    for bad in (bytes(changed), document + more + b"x", more):
        with pytest.raises(UntrustedResultError):
            verify(bad, keys=RING, where="it")


@given(st.data())
def test_mutated_records_are_errors_of_ours(data: st.DataObject) -> None:
    """Signed or not: never another value."""
    storage = MemoryFileSystem(namespace="mutated", signing_key=ONE)
    store = ResultStore(storage, PickleCodec())
    store.write({"a": 1}, key="k")
    whole = bytes(storage.get("k"))
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    storage.put("k", [bytes(changed)])
    storage.put("again", [records.seal(bytes(changed)[: -records.SEAL_SIZE])])
    for name in ("k", "again"):
        try:
            found = store.read(name)
        except HoldallError:
            continue
        assert {"a": 1} == found
        assert "k" == name


def test_no_pickle_is_written(place: Path) -> None:
    """By the setting or by the block: said before the body runs; `auto` leaves it out."""
    ran: list[int] = []
    storage = LocalFileSystem(basepath="strict", no_pickle=True)
    for serializer in ("pickle", "compressed/pickle", None):
        with pytest.raises(ConfigurationError, match=r"may run code.*no_pickle.*result_serializer=\"auto\""):
            task(persist_result=True, result_storage=storage, result_serializer=serializer)(lambda: ran.append(1))()

    assert [] == ran
    assert [1] == kept([1], result_storage=storage, result_serializer="auto").get()


def test_no_pickle_is_read_whatever_is_accepted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a place where others write as well."""
    reference = kept(Trap())
    monkeypatch.setenv("HOLDALL_RESULTS_NO_PICKLE", "1")
    RAN.clear()
    with pytest.raises(UntrustedResultError, match="nothing of that kind is read here"):
        reference.get(accept=["pickle"])
    with pytest.raises(ConfigurationError, match="HOLDALL_RESULTS_NO_PICKLE"):
        task(persist_result=True)(lambda: [1])()

    assert [] == RAN


def test_a_block_says_what_its_readers_accept(place: Path) -> None:
    """As `accept=` of every read."""
    reference = kept(Trap())
    RAN.clear()
    folder = str(place / ".holdall-results")
    from holdall.builtin.json.serializer import JSONSerializer

    with pytest.raises(UntrustedResultError, match="accept="):
        ResultStore(LocalFileSystem(basepath=folder), JSONSerializer()).read(reference.key)
    ResultStore(LocalFileSystem(basepath=folder, accept=("pickle",)), JSONSerializer()).read(reference.key)

    assert [1] == RAN


def test_pickled_blocks_leave_keys_behind() -> None:
    """As other secrets."""
    block = LocalFileSystem(basepath="x", signing_key=ONE, encryption_key=TWO)
    there = pickle.loads(pickle.dumps(block))

    assert there.signing_key is None
    assert there.encryption_key is None
    assert {"signing_key": ONE, "encryption_key": TWO} == block.secret_values()
