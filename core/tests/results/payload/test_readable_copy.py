"""The readable copy of a named result: whose it is, when it goes, and what a crash or another writer leaves of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from holdall import load_result, task
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.errors import ConfigurationError, KeyMissing, StorageError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import move
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results.layout import name_key, own_key, record_key
from holdall.results.record import parse, seal
from holdall.results.references import ResultReference
from holdall.results.store import ResultStore
from holdall.serializers import CompressedSerializer, JSONSerializer
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from holdall.abc.codec import Codec

CODECS: list[Codec] = [JSONSerializer(), PickleCodec(), CompressedSerializer(serializer="json")]


class Watched(Directory):
    """A folder that does something of the test's right before one operation on a key that starts so."""

    def __init__(self, base: Path) -> None:
        super().__init__(str(base))
        self.due: list[tuple[str, str, Callable[[], None]]] = []

    def _note(self, operation: str, key: str) -> None:
        for each in list(self.due):
            if each[0] == operation and key.startswith(each[1]):
                self.due.remove(each)
                each[2]()

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        self._note("put", key)
        return super().put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        self._note("get", key)
        return super().get(key, byte_range=byte_range)

    def publish(self, source: str, target: str, /) -> None:
        self._note("publish", target)
        super().publish(source, target)


@pytest.fixture
def folder(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "s")


def copies(folder: Directory) -> dict[str, bytes]:
    """What other tools see: all but holdall's own folders."""
    ours = ("names/", "results/", "cache/", "payloads/")
    return {meta.key: bytes(folder.get(meta.key)) for meta in folder.scan() if not meta.key.startswith(ours)}


@pytest.mark.parametrize("later", [None, *CODECS], ids=lambda codec: "literal" if codec is None else codec.suffix)
@pytest.mark.parametrize("first", CODECS, ids=lambda codec: codec.suffix)
def test_no_copy_of_an_older_value_is_left_under_a_name(folder: Watched, first: Codec, later: Codec | None) -> None:
    """Whatever the name becomes: another value, another format, a literal."""
    ResultStore(folder, first).write({"rows": 1}, name="out/latest")
    ResultStore(folder, first).write({"other": 1}, name="out/latest-of-another")
    if later is None:
        ResultStore(folder, first).write_literal(None, name="out/latest")
        expected = {}
    else:
        ResultStore(folder, later).write({"rows": 2}, name="out/latest")
        expected = {f"out/latest{later.suffix}": b"".join(later.dump({"rows": 2}))}
    other = {f"out/latest-of-another{first.suffix}": b"".join(first.dump({"other": 1}))}

    assert expected | other == copies(folder)


@pytest.mark.parametrize("ends_at", ["put payloads/", "put names/", "publish latest"])
def test_an_old_copy_that_a_killed_writer_left_goes_with_the_next_write(folder: Watched, ends_at: str) -> None:
    """Wherever it was ended: the record leads to what copy there is."""
    ResultStore(folder, JSONSerializer()).write({"rows": 1}, name="latest")

    def end() -> None:
        raise KeyboardInterrupt

    operation, start = ends_at.split()
    folder.due.append((operation, start, end))
    with pytest.raises(KeyboardInterrupt):
        ResultStore(folder, PickleCodec()).write({"rows": 2}, name="latest")
    ResultStore(folder, CompressedSerializer(serializer="json")).write({"rows": 3}, name="latest")

    assert {"latest.json.gz"} == set(copies(folder))


@pytest.mark.parametrize("moment", ["publish latest", "get names/"])
def test_of_two_writers_at_once_the_later_ones_copy_stays(folder: Watched, moment: str) -> None:
    """In one format and in two: the copy is of the value that the record leads to."""
    operation, start = moment.split()
    for codec in CODECS:
        first = ResultStore(folder, JSONSerializer())
        second = ResultStore(Directory(folder.base), codec)
        folder.due.append((operation, start, lambda second=second: second.write({"rows": 2}, name="latest")))
        first.write({"rows": 1}, name="latest")
        current = first.read(name_key("latest"), accept=["pickle"])
        by = codec if current == {"rows": 2} else JSONSerializer()

        assert {f"latest{by.suffix}": b"".join(by.dump(current))} == copies(folder)


def test_a_result_that_is_deleted_before_its_copy_is_made_is_no_error(folder: Watched) -> None:
    """And leaves no copy: before the publishing, and between it and the last look."""
    for operation in ("publish", "get"):
        store = ResultStore(folder, JSONSerializer())

        def delete() -> None:
            ResultStore(Directory(folder.base), JSONSerializer()).delete(name_key("latest"))

        if operation == "get":
            # The first look is for an older copy; the second comes behind the copy.
            folder.due.append(("publish", "latest", lambda: folder.due.append(("get", "names/", delete))))
        else:
            folder.due.append(("publish", "latest", delete))
        store.write({"rows": 1}, name="latest")

        assert [] == [meta.key for meta in folder.scan()]


def test_what_another_program_has_put_there_stays(folder: Watched) -> None:
    """By its size; the record goes all the same."""
    store = ResultStore(folder, JSONSerializer())
    store.write({"rows": 1}, name="latest")
    folder.put("latest.json", [b"of another program"])
    store.delete(name_key("latest"))

    assert {"latest.json": b"of another program"} == copies(folder)
    assert not store.exists(name_key("latest"))


def test_results_of_two_names_share_no_object(folder: Watched) -> None:
    """Names that end in extensions, in whatever format: each result is read back, and each copy is its own."""
    names = [
        "daily",
        "daily.json",
        "daily.json.pkl",
        "daily.pkl",
        "daily.json_",
        "a",
        "a.json",
        "a.json/b",
        "a/b",
        "a.record",
    ]
    expected = {}
    for codec in CODECS:
        for name in names:
            value = {"of": name, "in": codec.suffix}
            ResultStore(folder, codec).write(value, name=name)
            expected[name] = (codec, value)
    found = {name: ResultStore(folder, codec).find(name) for name, (codec, _) in expected.items()}

    assert len(names) == len({each.key for each in found.values()}) == len(copies(folder))
    for name, (codec, value) in expected.items():
        assert value == ResultStore(folder, codec).load(found[name])
        assert b"".join(codec.dump(value)) == copies(folder)[str(found[name].copy)]


@pytest.mark.parametrize("first", ["cached", "named"])
def test_deleting_one_of_two_records_leaves_the_other(place: Path, first: str) -> None:
    """Whichever; the payload goes with the last, and the copy with the name."""
    large = ["x" * 20_000]
    unit = task(
        cache_key_fn=lambda *_: "k", result_storage_key="report", result_storage="./s", result_serializer="json"
    )
    unit(lambda: large)()
    store = ResultStore(Directory(str(place / "s")), JSONSerializer())
    keys = {"cached": record_key("k"), "named": name_key("report")}
    other = next(kind for kind in keys if kind != first)
    for key, left in ((keys[first], True), (keys[other], False)):
        store.delete(key, run_id=store.record(key).run_id)

        assert left == bool(list((place / "s" / "payloads").rglob("*.json")))
        assert (left and other == "named") == (place / "s" / "report.json").exists()
        if left:
            assert large == load_result(key=keys[other], storage="./s")
    assert [] == [path for path in (place / "s").rglob("*.json") if path.is_file()]


def test_a_payload_that_a_replaced_record_named_goes_alone(folder: Watched) -> None:
    """The other record says `also`, and has another payload by now."""
    store = ResultStore(folder, JSONSerializer())
    store.write({"rows": 1}, key=record_key("k"), name="report")
    store.write({"rows": 2}, name="report")
    store.delete(record_key("k"))

    assert {"rows": 2} == store.read(name_key("report"))
    assert 1 == len(list(folder.scan("payloads/")))


def test_records_say_what_belongs_to_them(folder: Watched) -> None:
    """The name, the copy, the other record; and nothing where there is nothing."""
    store = ResultStore(folder, JSONSerializer())
    store.write([1], key=record_key("k"), name="daily.json")
    store.write([1], key=own_key("0" * 32))
    store.write_literal(True, key=record_key("l"), name="literal")
    named, cached, own, literal, flag = (
        parse(folder.get(key), where=key)
        for key in (name_key("daily.json"), record_key("k"), own_key("0" * 32), name_key("literal"), record_key("l"))
    )

    assert ("daily.json", "daily.json_.json", record_key("k")) == (named.name, named.copy, named.also)
    assert (None, None, named.key) == (cached.name, cached.copy, cached.also)
    assert (None, None, None) == (own.name, own.copy, own.also)
    assert ("literal", None, flag.key) == (literal.name, literal.copy, literal.also)
    assert True is literal.literal is flag.literal
    assert "daily.json" == ResultReference.from_record(named).name


@pytest.mark.parametrize(
    "name",
    [
        "results",
        "cache/x",
        "names/ab/c.json",
        "payloads",
        "locks/a",
        ".locks",
        "RESULTS/x",
        "..",
        "a//b",
        "a\nb",
        "x" * 2000,
    ],
)
def test_a_parameter_that_leads_to_our_own_or_nowhere_is_refused_before_the_body(place: Path, name: str) -> None:
    """With a sentence; nothing is written, and nothing of other results is touched."""
    ran: list[str] = []
    unit = task(result_storage="./s", result_storage_key="{parameters[user]}")(lambda user: [ran.append(user)])
    victim = task(result_storage="./s", cache_key_fn=lambda *_: "victim")(lambda: ["mine"])
    victim()
    before = sorted((place / "s").rglob("*"))
    with pytest.raises(ConfigurationError, match="comes to a name that results cannot have"):
        unit(name)
    with pytest.raises(ConfigurationError):
        unit(record_key("victim"))

    assert [] == ran
    assert before == sorted((place / "s").rglob("*"))
    assert ["mine"] == victim()


def legacy(store: ResultStore, key: str, value: Any, copy: str) -> None:
    """A named result as it was written before names had a folder of their own."""
    stored = store.write(value, key="draft", name="draft")
    record = json.loads(store.storage.get(stored.key))
    for each in ("checksum", "name", "copy", "also"):
        del record[each]
    record["key"] = key

    store.storage.put(key, [seal(json.dumps(record, separators=(",", ":")).encode()[:-1])])
    store.storage.publish(record["payload"]["path"], copy)
    for each in (stored.key, "draft", "draft.json"):
        store.storage.delete(each)


def test_names_of_before_stay_readable(place: Path) -> None:
    """Where the record lay under the name, and where it lay beside the copy; until the name is written anew."""
    store = ResultStore(Directory(str(place / "s")), JSONSerializer())
    legacy(store, "report", {"rows": 1}, "report.json")
    legacy(store, "day.json.record", {"rows": 2}, "day.json")

    assert {"rows": 1} == load_result(key="report", storage="./s")
    assert {"rows": 2} == load_result(key="day.json", storage="./s")
    here, there = (place_of(LocalFileSystem(basepath=place / each)) for each in "st")
    rebuild([here], open_catalog(settings.current()), settings=settings.current())
    assert [{"rows": 1}, {"rows": 2}] == [load_result(key=name) for name in ("report", "day.json")]

    store.write({"rows": 3}, name="report")
    assert {"rows": 3} == load_result(key="report", storage="./s")
    assert move(here, there, open_catalog(settings.current()), settings=settings.current()).complete
    assert {"day.json", "day.json.record", "report", "report.json"} <= {path.name for path in (place / "t").iterdir()}
    assert {"rows": 2} == load_result(key="day.json", storage="./t")


def test_a_copy_takes_no_place_of_a_record_of_before(place: Path) -> None:
    """A name that ended in another format's extension had its record right there: that stays, and there is no copy."""
    store = ResultStore(Directory(str(place / "s")), JSONSerializer())
    legacy(store, "daily.json", {"rows": 1}, "daily.json.json")
    store.write({"rows": 2}, name="daily")
    store.write({"rows": 3}, name="daily")

    assert {"rows": 1} == load_result(key="daily.json", storage="./s")
    assert {"rows": 3} == load_result(key="daily", storage="./s")
    assert store.find("daily").copy is None
    store.delete(name_key("daily"))
    assert {"rows": 1} == load_result(key="daily.json", storage="./s")


def test_a_copy_that_the_storage_refuses_leaves_the_result(folder: Watched) -> None:
    """The error says where it is kept."""

    def refuse() -> None:
        raise StorageError("out of order", block="s", key="latest.json", operation="publish")

    folder.due.append(("publish", "latest", refuse))
    store = ResultStore(folder, JSONSerializer())
    with pytest.raises(StorageError) as caught:
        store.write({"rows": 1}, name="latest")

    assert str(caught.value.kept).startswith(name_key("latest"))
    assert {"rows": 1} == store.read(name_key("latest"))
    with pytest.raises(KeyMissing):
        folder.get("latest.json")
