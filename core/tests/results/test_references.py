"""ResultLiteral and ResultReference as values, and as keys to what was kept."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import ResultLiteral, ResultReference, flow, load_result, task
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import ConfigurationError, CorruptResultError, ExpiredResultError, MissingResultError
from holdall.hooks import bus
from holdall.results.references import from_json
from holdall.results.store import ResultStore
from holdall.settings.model import current
from holdall.types import SerializerReference, StorageReference

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("place")


def kept(value: Any, **options: Any) -> ResultReference:
    state = task(persist_result=True, **options)(lambda: value)(return_state=True)
    assert isinstance(state.reference, ResultReference)
    return state.reference


def test_a_literal_is_json_of_exactly_this_form() -> None:
    """Character for character."""
    assert '{"type": "result", "value": "null"}' == ResultLiteral(value=None).json()
    assert '{"type": "result", "value": "true"}' == ResultLiteral(value=True).json()
    assert [ResultLiteral(value=each) for each in (None, True, False)] == [
        from_json(ResultLiteral(value=each).json()) for each in (None, True, False)
    ]


@pytest.mark.parametrize("value", [1, 0, "x", 1.0])
def test_a_literal_is_of_exactly_these_types(value: Any) -> None:
    """1 equals True and is none."""
    with pytest.raises(ConfigurationError, match="True, False or None"):
        ResultLiteral(value=value)


def test_a_reference_goes_through_json_and_pickle() -> None:
    """Equal, without the object, and still good."""
    reference = kept({"a": [1]})
    copies = [from_json(reference.json()), pickle.loads(pickle.dumps(reference)), copy.deepcopy(reference)]

    assert "reference" == json.loads(reference.json())["type"]
    for each in copies:
        assert reference == each
        assert hash(reference) == hash(each)
        assert repr(reference) == repr(each)
        assert {"a": [1]} == each.get()
    assert b"secret value" not in pickle.dumps(kept("secret value"))
    assert "secret value" not in repr(kept("secret value")) + kept("secret value").json()


def test_a_reference_works_in_another_process(place: Path) -> None:
    """From its JSON alone, in another directory and with another catalog."""
    reference = kept([1, 2])
    code = "import sys; from holdall.results import from_json; print(from_json(sys.argv[1]).get())"
    (place / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, reference.json()],
        cwd=place / "elsewhere",
        env={**os.environ, "HOLDALL_HOME": str(place / "other")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[1, 2]" == done.stdout.strip()


def test_get_caches_the_object_and_aget_too() -> None:
    """One read, one object."""
    reference = from_json(kept([1]).json())
    assert isinstance(reference, ResultReference)
    first = reference.get()
    other = from_json(reference.json())

    assert first is reference.get()
    assert first is asyncio.run(reference.aget())
    assert [1] == asyncio.run(other.aget())


class Big:
    """Can be weakly referenced."""


def test_cache_result_in_memory_false_keeps_nothing() -> None:
    """Neither state nor reference hold the object; each get reads anew."""
    alive = []

    def make() -> Big:
        made = Big()
        alive.append(weakref.ref(made))
        return made

    state: Any = task(persist_result=True, cache_result_in_memory=False)(make)(return_state=True)
    gc.collect()

    assert alive[0]() is None
    assert state.reference.get() is not state.reference.get()
    assert isinstance(state.result(), Big)


def test_without_any_kept_result_a_state_holds_the_only_one() -> None:
    """cache_result_in_memory=False loses nothing where nothing was kept."""
    state: Any = task(cache_result_in_memory=False)(lambda: [1])(return_state=True)

    assert [1] == state.result()


def test_a_reference_from_a_record(place: Path) -> None:
    """As the one that the run gave."""
    reference = kept([1])
    store = ResultStore(Directory(str(place / ".holdall-results")), PickleCodec())
    made = ResultReference.from_record(store.record(reference.key))
    from_bytes = ResultReference.from_record((place / ".holdall-results" / reference.key).read_bytes())

    assert reference == made == from_bytes
    assert [1] == made.get()


def test_what_is_gone_damaged_or_expired_is_an_error_for_a_reference(place: Path) -> None:
    """Each with its own."""
    reference = from_json(kept([1]).json())
    path = place / ".holdall-results" / reference.key
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptResultError):
        reference.get()
    path.unlink()
    with pytest.raises(MissingResultError, match="deleted or never written"):
        reference.get()

    store = ResultStore(Directory(str(place)), PickleCodec())
    store.write([1], key="old.json", expires=1.0)
    with pytest.raises(ExpiredResultError):
        store.read("old.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "other"}', '{"type": "reference"}', "5"])
def test_other_json_is_refused(text: str) -> None:
    """With a sentence."""
    with pytest.raises(ConfigurationError):
        from_json(text)


def test_load_result_by_run_key_and_storage(place: Path) -> None:
    """The id; the catalog's key; a storage in any form."""
    state: Any = task(persist_result=True)(lambda: [1])(return_state=True)
    flow(lambda: 1)()  # ends the recording of the run above
    folder = place / ".holdall-results"

    assert [1] == load_result(run=state.run_id)
    assert [1] == load_result(key=state.reference.key)
    for storage in (folder, str(folder), "./.holdall-results", Directory(str(folder))):
        assert [1] == load_result(key=state.reference.key, storage=storage)
        assert [1] == load_result(run=state.run_id, storage=storage)


def test_load_result_says_what_it_does_not_find(place: Path) -> None:
    """And what to do."""
    with pytest.raises(ConfigurationError, match="one of them"):
        load_result()
    with pytest.raises(ConfigurationError, match="one of them"):
        load_result(run="a", key="b")
    with pytest.raises(MissingResultError, match="knows no run"):
        load_result(run="abcdef")
    with pytest.raises(MissingResultError, match="knows no result"):
        load_result(key="abcdef")
    with pytest.raises(MissingResultError):
        load_result(key="abcdef", storage=place)
    state: Any = task(lambda: [1])(return_state=True)
    flow(lambda: 1)()
    with pytest.raises(MissingResultError, match="kept no result"):
        load_result(run=state.run_id)


def test_two_runs_of_one_name_leave_the_later(place: Path) -> None:
    """In the record and in the readable copy; the earlier reference is nobody's any more, and says so."""
    values = iter([[1], [2]])
    unit = task(result_storage_key="days/{parameters[day]}.pkl", result_storage="./out")(lambda day: next(values))
    first: Any = unit("mon", return_state=True)
    second: Any = unit("mon", return_state=True)

    assert [2] == load_result(key="days/mon.pkl", storage="./out")
    assert [2] == pickle.loads((place / "out" / "days" / "mon.pkl_.pkl").read_bytes())
    with pytest.raises(
        MissingResultError, match=f"{first.run_id} is no longer under days/mon.pkl .* by the run {second.run_id}"
    ):
        from_json(first.reference.json()).get()
    with pytest.raises(MissingResultError, match="written again"):
        load_result(run=first.run_id)
    assert [2] == load_result(run=second.run_id)
    assert [1] == first.result()


def test_a_run_is_found_at_once(place: Path) -> None:
    """Its row may still wait for the catalog: who asks in the same process need not."""
    del place
    state: Any = task(persist_result=True)(lambda: [7])(return_state=True)

    assert [7] == load_result(run=state.run_id)


def test_reading_a_reference_is_told(place: Path) -> None:
    """With the size of what lies there."""
    del place
    reference = from_json(kept([1]).json())

    class Ear:
        seen: ClassVar[list[bus.ResultRead]] = []

        @bus.hookimpl
        def result_read(self, event: bus.ResultRead) -> None:
            self.seen.append(event)

    with bus.listening(Ear()):
        reference.get()

    assert [reference.json()] == [event.reference for event in Ear.seen]
    assert Ear.seen[0].size > 0


ODD_TEXTS = ['say "x"', "tab\t\\", "é\u2028", "\U0001f600", "a/b c"]


@pytest.mark.parametrize("name", [None, *ODD_TEXTS])
@pytest.mark.parametrize("run_id", [None, *ODD_TEXTS])
def test_the_json_of_a_reference_is_plain_json_of_its_fields(run_id: str | None, name: str | None) -> None:
    """As `json.dumps` spells it, and read back to an equal reference."""
    for key in ODD_TEXTS:
        reference = ResultReference(
            key=key,
            storage=StorageReference(slug=name, type="shelf", location={"at": key, "depth": [1, True, None]}),
            serializer=SerializerReference(type="json", options={"indent": 1}),
            run_id=run_id,
            name=name,
        )

        assert json.dumps(json.loads(reference.json())) == reference.json()
        assert reference == from_json(reference.json())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",\n", " : ")])
def test_references_of_before_are_read_whatever_their_spelling(separators: tuple[str, str]) -> None:
    """Catalogs of before have rows without spaces."""
    reference = kept([1])
    text = json.dumps(json.loads(reference.json()), separators=separators)

    assert reference == from_json(text)
    assert [1] == from_json(text).get()


@pytest.mark.parametrize("hits", [0, 1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"persist_result": True},
        {"result_storage_key": 'the "{parameters[value]}"'},
        {"cache_key_fn": lambda *_: "k"},
        {"cache_key_fn": lambda *_: "k", "result_storage_key": "named", "result_serializer": "json"},
        {"persist_result": True, "result_serializer": "auto"},
        {"cache_key_fn": lambda *_: "k", "result_serializer": "auto"},
    ],
)
def test_a_result_has_one_spelling_in_its_catalog(options: dict[str, Any], hits: int) -> None:
    """In its run's row, in the row of the reference and in the state: kept, found quickly, found the long way."""
    made = task(**options)(lambda value: [value])
    for _ in range(hits):
        made("x")
    state = made("x", return_state=True)
    made("x")
    catalog = open_catalog(current())
    recorder_for(catalog).flush()

    assert isinstance(state.reference, ResultReference)
    texts = {row.reference for row in catalog.references()} | {str(row.result) for row in catalog.runs()}
    assert texts == {from_json(text).json() for text in texts}
    assert state.reference.json() in texts


@pytest.mark.parametrize("value", [None, True, False])
@pytest.mark.parametrize("options", [{}, {"persist_result": True}, {"cache_key_fn": lambda *_: "k"}])
def test_a_literal_has_the_same_spelling_there(value: Any, options: dict[str, Any]) -> None:
    """Computed, and as a hit."""
    made = task(**options)(lambda: value)
    made()
    made(return_state=True)
    catalog = open_catalog(current())
    recorder_for(catalog).flush()

    assert {ResultLiteral(value=value).json()} == {row.result for row in catalog.runs()}
