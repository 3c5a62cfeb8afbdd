"""What somebody who can write to a storage, and has no key, can do to its readers: the lines of the page, each tried."""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest
from tests.security.roles import KEYS

from holdall import HoldallWarning, load_result, settings, task
from holdall.builtin.json.serializer import JSONSerializer
from holdall.catalog.open import catalog_path, close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import CorruptResultError, MissingResultError, UntrustedResultError
from holdall.filesystems import LocalFileSystem
from holdall.results import from_json
from holdall.results import record as records
from holdall.results.checksum import Checksummer
from holdall.results.load import open_store
from holdall.results.store import ResultStore
from holdall.security.signing import split
from holdall.settings.model import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.security.roles import Roles

LARGE = "y" * 20_000
ENCRYPTION = f"e:{urlsafe_b64encode(bytes([5]) * 32).decode()}"


def kept(value: Any, **options: Any) -> Any:
    """The reference of a result that a run has kept, as another process has it."""
    more = {"result_serializer": "json", **options}
    unit = task(persist_result=True, return_state=True, **more)(lambda: value)
    return from_json(unit().reference.json())


def again(reference: Any) -> Any:
    """As a process reads it that has read nothing before."""
    return from_json(reference.json()).get()


def path_of(place: Path, reference: Any) -> Path:
    return place / ".holdall-results" / reference.key


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Replace a record by one that says something else, as well as somebody without a key can."""
    body, _ = split(path.read_bytes()[: -records.SEAL_SIZE])
    document = json.loads(body + b"}")
    change(document)
    path.write_bytes(records.seal(json.dumps(document, separators=(",", ":"))[:-1].encode()))


def cached(key: str, ran: list[int]) -> Any:
    """A call whose result is found by a key, and says how often it ran."""

    @task(cache_key_fn=lambda *_: key, cache_result_in_memory=False, result_serializer="json")
    def body() -> list[int]:
        ran.append(1)
        return [len(ran)]

    return body


# ------------------------------------------------------------------------------------------------------ in a storage


def test_a_forged_record(place: Path, roles: Roles) -> None:
    """Without keys its value is believed; with them it is refused."""
    reference = kept({"a": 1})
    forge(path_of(place, reference), lambda document: document.update(data={"a": 2}))
    roles.reader()

    if roles.keys.signed:
        with pytest.raises(UntrustedResultError, match="is not signed"):
            again(reference)
    else:
        assert {"a": 2} == again(reference)


def test_a_record_made_anew(place: Path, roles: Roles) -> None:
    """By holdall itself, in the hands of somebody without the keys."""
    reference = kept({"a": 1})
    roles.stranger()
    forged = json.dumps({"run_id": reference.run_id})
    open_store(reference, current()).write({"a": 2}, key=reference.key, producer=forged)
    roles.reader()

    if roles.keys.signed:
        with pytest.raises(UntrustedResultError, match="is not signed"):
            again(reference)
    else:
        assert {"a": 2} == again(reference)


def test_a_payload_that_is_replaced(place: Path, roles: Roles) -> None:
    """Alone it is damage; with a record that has its digests, it is believed where there are no keys."""
    reference = kept(LARGE)
    path = path_of(place, reference)
    payload = place / ".holdall-results" / json.loads(path.read_bytes())["payload"]["path"]
    theirs = json.dumps("z" * 20_000).encode()
    payload.unlink()
    payload.write_bytes(theirs)
    roles.reader()
    with pytest.raises(CorruptResultError, match="is damaged"):
        again(reference)

    through = Checksummer("xxh3_64")
    assert [theirs] == list(through.through([theirs]))
    forge(path, lambda document: document["payload"].update(checksum=json.loads(through.checksum().json())))
    if roles.keys.signed:
        with pytest.raises(UntrustedResultError, match="is not signed"):
            again(reference)
    else:
        assert "z" * 20_000 == again(reference)


def test_a_pickle_in_the_place_of_json(place: Path, roles: Roles) -> None:
    """A record names its serializer, and the reader's own decides whether code may run."""
    reference = kept({"a": 1})
    roles.stranger()
    pickled = kept({"a": 2}, result_serializer="pickle")
    path_of(place, reference).write_bytes(
        path_of(place, pickled).read_bytes().replace(pickled.key.encode(), reference.key.encode())
    )
    path = path_of(place, reference)
    path.write_bytes(records.seal(path.read_bytes()[: -records.SEAL_SIZE]))
    roles.reader()

    with pytest.raises(UntrustedResultError, match="pickle" if not roles.keys.signed else "is not signed"):
        ResultStore(open_store(reference, current()).storage, JSONSerializer()).read(reference.key)


@pytest.mark.parametrize("roles", [KEYS["hmac"], KEYS["ed25519"]], ids=["hmac", "ed25519"], indirect=True)
def test_a_signed_record_under_another_key(place: Path, roles: Roles) -> None:
    """Each signed record says whose it is, so that two of them are not exchanged."""
    one, other = kept([1]), kept([2])
    shutil.copyfile(path_of(place, one), path_of(place, other))
    roles.reader()

    with pytest.raises((UntrustedResultError, CorruptResultError), match=one.key):
        again(other)


def test_an_old_entry_put_back(place: Path, roles: Roles) -> None:
    """Whoever writes to a storage can put back what was once signed there under that key: a signature says who, not when."""
    ran: list[int] = []
    body = cached("k", ran)
    assert [1] == body()
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    old = path.read_bytes()
    assert [2] == body.with_options(refresh_cache=True)()
    path.write_bytes(old)

    assert [1] == body()


def test_a_deleted_record(place: Path, roles: Roles) -> None:
    """Nobody can be kept from deleting; a reference then raises, and a cached call runs again. No other value comes."""
    ran: list[int] = []
    body = cached("k", ran)
    reference = kept([0])
    assert [1] == body() == body()
    shutil.rmtree(place / ".holdall-results")
    with pytest.raises(MissingResultError):
        again(reference)

    assert [2] == body()


def test_a_signed_record_in_another_storage(place: Path, roles: Roles) -> None:
    """With the same keys it is believed there, under the same key; with keys of its own, that storage takes none of it."""
    reference = kept({"a": 1})
    shutil.copytree(place / ".holdall-results", place / "other")
    roles.reader()
    assert {"a": 1} == load_result(key=reference.key, storage="./other")

    strict = LocalFileSystem(
        basepath=str(place / "other"), signing_key=f"other:{urlsafe_b64encode(bytes([8]) * 32).decode()}"
    )
    if roles.keys.reader.get("HOLDALL_TRUSTED_SIGNERS"):  # who is trusted is so everywhere
        assert {"a": 1} == ResultStore(strict, JSONSerializer()).read(reference.key)
    else:
        with pytest.raises(UntrustedResultError, match=r"is not signed|signed with the key 'ours'"):
            ResultStore(strict, JSONSerializer()).read(reference.key)


def test_a_forged_entry_of_a_cached_call(place: Path, roles: Roles) -> None:
    """With keys it is a miss and a warning, and the body's own result replaces it."""
    ran: list[int] = []
    body = cached("k", ran)
    assert [1] == body()
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    forge(path, lambda document: document.update(data=[9]))

    if roles.keys.signed:
        with pytest.warns(HoldallWarning, match="is not signed"):
            assert [2] == body()
        assert [2] == body()
    else:
        assert [9] == body()


def test_a_readable_copy_that_is_changed(place: Path, roles: Roles) -> None:
    """It is for other tools: nothing is read from it. Who reads it with another tool checks nothing."""
    reference = kept({"a": 1}, result_storage_key="report")
    copies = [path for path in (place / ".holdall-results").rglob("*.json") if path.read_bytes() == b'{"a":1}']
    named = [path for path in copies if "payloads" not in path.parts]
    assert 1 == len(named)
    named[0].unlink()
    named[0].write_bytes(b'{"a":2}')
    roles.reader()

    assert {"a": 1} == again(reference)


# ------------------------------------------------------------------------------------------------------- encryption


def test_encryption_is_no_signature(place: Path, roles: Roles) -> None:
    """Who cannot decrypt can still put something else in the place, unless records are signed."""
    roles.writer(HOLDALL_ENCRYPTION_KEY=ENCRYPTION)
    reference = kept(["ours"], result_serializer="encrypted/json")
    roles.stranger()
    theirs = kept(["theirs"])
    path_of(place, reference).write_bytes(
        path_of(place, theirs).read_bytes().replace(theirs.key.encode(), reference.key.encode())
    )
    path = path_of(place, reference)
    path.write_bytes(records.seal(path.read_bytes()[: -records.SEAL_SIZE]))
    roles.reader(HOLDALL_ENCRYPTION_KEY=ENCRYPTION)

    if roles.keys.signed:
        with pytest.raises(UntrustedResultError, match="is not signed"):
            again(reference)
    else:
        assert ["theirs"] == open_store(reference, current()).read(reference.key, accept=["json"])


def test_what_encryption_leaves_in_the_clear(place: Path, roles: Roles) -> None:
    """Names, times, sizes; and True, False and None, which are no payload."""
    roles.writer(HOLDALL_ENCRYPTION_KEY=ENCRYPTION)

    @task(persist_result=True, return_state=True, result_serializer="encrypted/json")
    def salaries() -> list[int]:
        return [4711] * 5000

    @task(cache_key_fn=lambda *_: "k", result_serializer="encrypted/json")
    def solvent() -> bool:
        return False

    reference = salaries().reference
    assert not solvent()
    record = json.loads(path_of(place, reference).read_bytes())
    [literal] = (place / ".holdall-results" / "cache").rglob("*.json")
    files = [path.read_bytes() for path in (place / ".holdall-results").rglob("*") if path.is_file()]

    assert ("salaries", True) == (record["producer"]["name"], record["payload"]["size"] > 20_000)
    assert '"literal":"false"' in literal.read_text()
    assert not [data for data in files if b"4711" in data]


# ------------------------------------------------------------------------------------------- the catalog, which is ours


def test_a_catalog_that_is_changed(place: Path, roles: Roles) -> None:
    """It is as trusted as the home that it lies in. Its literals are believed; where it points to, signatures hold."""
    state = task(persist_result=True, return_state=True)(lambda: True)()
    run_id = state.run_id
    reference = kept({"a": 1})
    forged_reference = kept({"a": 2})
    forge(path_of(place, forged_reference), lambda document: document.update(data={"a": 3}))
    found = settings.current()
    recorder_for(open_catalog(found)).close()
    close_catalogs()
    with sqlite3.connect(catalog_path(found)) as connection:
        changed = connection.execute(
            "UPDATE runs SET result = replace(result, 'true', 'false') WHERE id = ?", (run_id,)
        ).rowcount
        moved = connection.execute(
            "UPDATE result_references SET reference = replace(reference, ?, ?) WHERE key = ?",
            (reference.key, forged_reference.key, reference.key),
        ).rowcount
    connection.close()
    assert (1, 1) == (changed, moved)
    roles.reader()

    assert load_result(run=run_id) is False
    if roles.keys.signed:
        with pytest.raises(UntrustedResultError, match="is not signed"):
            load_result(key=reference.key)
    else:
        assert {"a": 3} == load_result(key=reference.key)
