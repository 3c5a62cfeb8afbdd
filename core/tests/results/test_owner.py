"""Whose record it is: what lies under a key is that key's and that run's, or an error, whatever became of the files."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from holdall import HoldallWarning, flow, load_result, task
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import CorruptResultError, HoldallError, MissingResultError, ResultError
from holdall.results import spool
from holdall.results.layout import name_key, own_key, record_key
from holdall.results.load import fetch
from holdall.results.references import ResultReference, from_json
from holdall.results.store import ResultStore
from holdall.serializers import CompressedSerializer, JSONSerializer
from holdall.settings import model as settings
from holdall.settings.model import current

if TYPE_CHECKING:
    from holdall.abc.codec import Codec

CODECS: dict[str, Codec] = {
    "json": JSONSerializer(),
    "pickle": PickleCodec(),
    "compressed": CompressedSerializer(serializer="json"),
}


class Written(NamedTuple):
    """A result that a run wrote, and its reference as another process has it."""

    reference: ResultReference
    run: str
    value: Any


def written(store: ResultStore, number: int, *, kind: str, value: Any, by: int = 0) -> Written:
    """One result: `own`, `cached`, `named` or `both`."""
    run = f"{number + by:032x}"
    keys: dict[str, Any] = {
        "own": {"key": own_key(f"{number:032x}")},
        "cached": {"key": record_key(f"k{number}")},
        "named": {"name": f"of/{number}"},
        "both": {"key": record_key(f"k{number}"), "name": f"both-{number}"},
    }[kind]
    stored = store.write(value, producer=json.dumps({"kind": "task", "run_id": run, "flow_run_id": None}), **keys)
    reference = store.reference(stored.key, value, stored.serializer, run_id=run, cache_in_memory=False)
    return Written(pickle.loads(pickle.dumps(reference)), run, value)


def outcome(read: Any) -> Any:
    """The value, or the class of the error, which is one of ours."""
    try:
        return read()
    except HoldallError as error:
        return type(error)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    return tmp_path


def records_of(folder: Path) -> list[Path]:
    return sorted(path for kind in ("results", "cache", "names") for path in (folder / kind).rglob("*.json"))


class Damage:
    """What happens to files: each way changes some, and `undo` puts all back."""

    def __init__(self, folder: Path, older: Path, chance: random.Random) -> None:
        self.folder = folder
        self.older = older
        self.chance = chance
        self.records = records_of(folder)
        self.payloads = sorted((folder / "payloads").rglob("*.*"))
        self.whole = {path: path.read_bytes() for path in (*self.records, *self.payloads)}
        self.ways = [self.exchanged, self.copied, self.flipped, self.restored, self.payload_copied]

    def exchanged(self) -> None:
        one, other = self.chance.sample(self.records, 2)
        one.write_bytes(self.whole[other])
        other.write_bytes(self.whole[one])

    def copied(self) -> None:
        one, other = self.chance.sample(self.records, 2)
        one.write_bytes(self.whole[other])

    def flipped(self) -> None:
        path = self.chance.choice([*self.records, *self.payloads])
        data = bytearray(self.whole[path])
        data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        path.write_bytes(data)

    def restored(self) -> None:
        for path in self.records:
            if (old := self.older / path.relative_to(self.folder)).exists() and self.chance.random() < 0.5:
                shutil.copyfile(old, path)

    def payload_copied(self) -> None:
        one, other = self.chance.sample(self.payloads, 2)
        one.write_bytes(self.whole[other])

    def undo(self) -> None:
        for path, data in self.whole.items():
            if path.read_bytes() != data:
                path.write_bytes(data)


KINDS = ["own", "cached", "named", "both"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("where", ["storage", "spool"])
def test_damage_exchange_and_restore_give_no_wrong_value(home: Path, codec: str, where: str) -> None:
    """Bytes flipped, files exchanged and copied over another, older files put back, entries and names written again."""
    store = ResultStore(Directory(str(home / "storage")), CODECS[codec])
    spools = where == "spool"
    writer = spool.opened(store, settings.current().home) if spools else store
    folder = Path(spool.folder(store.where, settings.current().home)) if spools else home / "storage"
    pad = "x" * 9_000
    before = [
        written(writer, number, kind=KINDS[number % 4], value={"before": number, "pad": pad * (number % 3 == 0)})
        for number in range(16)
    ]
    shutil.copytree(folder, home / "older")
    for number in range(1, 16, 2):
        written(writer, number, kind=KINDS[number % 4], value={"after": number}, by=1000)
    damage = Damage(folder, home / "older", random.Random(f"{codec} {where}"))
    wrong = []
    for way in damage.ways * 12:
        way()
        for number, each in enumerate(before):
            mine = outcome(lambda each=each: fetch(each.reference, current(), accept=["pickle"]))
            if mine != each.value and not (isinstance(mine, type) and issubclass(mine, ResultError)):
                wrong.append((way.__name__, number, mine))
            key = each.reference.key
            now = outcome(lambda key=key: load_result(key=key, storage=home / "storage", accept=["pickle"]))
            quick = None if spools else outcome(lambda key=key: store.read_quickly(key))
            wrong += [
                (way.__name__, number, found)
                for found in (now, quick[0] if isinstance(quick, tuple) else None)
                if isinstance(found, dict) and found not in (each.value, {"after": number})
            ]
        damage.undo()

    assert [] == wrong
    assert {"after": 1} == load_result(key=record_key("k1"), storage=home / "storage", accept=["pickle"])


def test_another_keys_record_is_corrupt_and_says_where_it_was_written(home: Path) -> None:
    """By exchange, and by opening a folder above or below the one that was written to."""
    store = ResultStore(Directory(str(home / "a" / "b")), JSONSerializer())
    one = written(store, 1, kind="own", value=[1])
    two = written(store, 2, kind="own", value=[2])
    shutil.copyfile(home / "a" / "b" / one.reference.key, home / "a" / "b" / two.reference.key)

    with pytest.raises(CorruptResultError, match=f"is the record of {one.reference.key}"):
        two.reference.get()
    with pytest.raises(CorruptResultError, match=f"written to local-file-system:{home}/a/b"):
        load_result(key=f"b/{one.reference.key}", storage=home / "a")
    assert [1] == load_result(key=one.reference.key, storage=home / "a" / "b")


def test_a_base_that_was_synchronised_keeps_its_keys(home: Path) -> None:
    """A copy of the whole folder, by whatever tool, is a storage as good as the first."""
    store = ResultStore(Directory(str(home / "a")), JSONSerializer())
    one = written(store, 1, kind="named", value=[1])
    shutil.copytree(home / "a", home / "mirror")

    assert [1] == load_result(key="of/1", storage=home / "mirror")
    assert [1] == load_result(key=one.reference.key, storage=home / "mirror")


def test_deleting_a_key_with_anothers_record_takes_nothing_of_that_one(home: Path) -> None:
    """Its payload stays."""
    store = ResultStore(Directory(str(home / "a")), JSONSerializer())
    one = written(store, 1, kind="own", value=["x" * 9_000])
    two = written(store, 2, kind="own", value=[2])
    shutil.copyfile(home / "a" / one.reference.key, home / "a" / two.reference.key)
    store.delete(two.reference.key)

    assert not store.exists(two.reference.key)
    assert ["x" * 9_000] == one.reference.get()


def test_a_hit_is_the_result_of_the_run_that_wrote_the_entry(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the short way and on the long one; refreshed since, it is nobody's."""
    monkeypatch.chdir(home)
    for large in (False, True):
        unit = task(cache_key_fn=lambda *_, large=large: f"k{large}", return_state=True, cache_result_in_memory=False)(
            lambda large=large: ["x" * 20_000 if large else 1]
        )
        plain = unit.with_options(return_state=False)
        first: Any = unit()
        plain()
        hit: Any = unit()
        row = next(row for row in _runs() if row.cached and row.name == unit.name and row.id != hit.run_id)

        assert hit.cached
        assert first.run_id == first.reference.run_id == hit.reference.run_id == from_json(row.result or "").run_id  # type: ignore[union-attr]
        assert first.result() == load_result(run=row.id) == load_result(run=hit.run_id)
        again: Any = unit.with_options(refresh_cache=True)()
        for read in (
            first.result,
            hit.result,
            lambda row=row: load_result(run=row.id),
            lambda hit=hit: load_result(run=hit.run_id),
        ):
            with pytest.raises(
                MissingResultError, match=f"the run {first.run_id} is no longer .* by the run {again.run_id}"
            ):
                read()
        assert again.result() == load_result(run=again.run_id) == load_result(key=again.reference.key)


def _runs() -> Any:
    from holdall.catalog.open import open_catalog
    from holdall.catalog.recorder import recorder_for

    catalog = open_catalog(settings.current())
    recorder_for(catalog).flush()
    return catalog.runs(limit=100)


def test_each_run_of_a_fixed_name_has_its_own_result_or_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a retried flow, a map, states, `load_result`, pickles and JSON."""
    monkeypatch.chdir(home)
    attempts = []

    @task(result_storage="./s", result_storage_key="latest", result_serializer="json", cache_result_in_memory=False)
    def publish(rows: list[str]) -> list[str]:
        return rows

    @flow(retries=1)
    def resumed() -> Any:
        attempts.append(1)
        found = publish(["first"]), publish(["second"])
        if len(attempts) == 1:
            raise ConnectionError("at the end")
        return found

    @flow
    def mapped() -> list[Any]:
        return [outcome(future.result) for future in publish.map([["a"], ["b"], ["c"]])]

    with pytest.warns(HoldallWarning, match="runs again in this attempt"):
        assert (["first"], ["second"]) == resumed()
    found = mapped()
    assert all(each in (want, MissingResultError) for each, want in zip(found, (["a"], ["b"], ["c"]), strict=True))
    assert any(each is not MissingResultError for each in found)  # the last to write, and whoever was read before

    states: Any = [publish.with_options(return_state=True)([str(n)]) for n in range(3)]
    for state in states[:-1]:
        for read in (
            state.result,
            lambda state=state: load_result(run=state.run_id),
            pickle.loads(pickle.dumps(state)).result,
            from_json(state.reference.json()).get,
        ):
            with pytest.raises(MissingResultError, match="was written again"):
                read()
    assert ["2"] == states[-1].result() == load_result(run=states[-1].run_id) == load_result(key="latest")
    assert ["2"] == load_result(key="latest", storage="./s") == load_result(key=name_key("latest"), storage="./s")


def test_a_reference_of_before_reads_what_is_there(home: Path) -> None:
    """It names no run."""
    store = ResultStore(Directory(str(home / "a")), JSONSerializer())
    one = written(store, 1, kind="cached", value=[1])
    document = json.loads(one.reference.json())
    del document["run_id"]
    store.write([2], key=one.reference.key)

    assert [2] == from_json(json.dumps(document)).get()
    with pytest.raises(MissingResultError, match="by somebody who left no run id"):
        one.reference.get()


def test_a_run_is_found_in_a_storage_by_its_own_record_alone(home: Path) -> None:
    """Without the catalog: what another run has put there is not its own."""
    store = ResultStore(Directory(str(home / "a")), JSONSerializer())
    one = written(store, 1, kind="own", value=[1])
    assert [1] == load_result(run=one.run, storage=home / "a")
    store.write([2], key=own_key(one.run), producer='{"run_id":"another"}')

    with pytest.raises(MissingResultError, match="by the run another"):
        load_result(run=one.run, storage=home / "a")
