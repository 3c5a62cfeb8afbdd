"""Contract suite of a catalog: subclass `CatalogContract` with a `catalog` fixture, and pytest runs it."""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytest

from holdall.errors import CatalogError, ConfigurationError
from holdall.types import BlockDocument, ReferenceRow, RunRow

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog


def a_run(number: int = 0, /, **changes: Any) -> RunRow:
    """Makes a run whose id and times grow with `number`."""
    row = RunRow(
        id=f"{number:012x}{'0' * 20}",
        kind="task",
        name="clean",
        function="flights:clean",
        flow_run_id=None,
        parent_run_id=None,
        state="Completed",
        message=None,
        started=1000.0 + number,
        ended=None,
        attempts=1,
        result=None,
        cached=False,
    )
    return row._replace(**changes)


def a_reference(number: int = 0, /, **changes: Any) -> ReferenceRow:
    """Makes a reference whose key and time grow with `number`."""
    row = ReferenceRow(
        storage="s3/prod",
        key=f"results/{number:06}",
        reference='{"type": "reference"}',
        run_id=None,
        name=None,
        size=number,
        created=1000.0 + number,
        expires=None,
    )
    return row._replace(**changes)


def a_block(slug: str = "s3/prod", /, **changes: Any) -> BlockDocument:
    """Makes a saved block with nested fields."""
    given: dict[str, Any] = {
        "type": "s3",
        "fields": {"bucket": "b", "options": {"retries": [1, 2.5, None]}},
        "created": 12.5,
    }
    return BlockDocument(slug=slug, **given | changes)


class CatalogContract(ABC):
    """Contract of a catalog; every test gets a new, empty one."""

    @pytest.fixture
    @abstractmethod
    def catalog(self) -> Catalog:
        """A new, empty catalog; the fixture closes it."""

    def test_gives_back_a_run_as_it_was(self, catalog: Catalog) -> None:
        """Every field of a run comes back with its value and type."""
        full = a_run(
            1, kind="flow", flow_run_id="f", parent_run_id="p", message="m", ended=2.5, result='{"a": 1}', cached=True
        )
        bare = a_run(2)
        catalog.add_runs([full, bare])

        assert full == catalog.run(full.id)
        assert bare == catalog.run(bare.id)
        assert [bool, bool] == [type(row.cached) for row in catalog.runs()]

    def test_keeps_the_last_row_of_an_id(self, catalog: Catalog) -> None:
        """A run that is written again replaces itself, within a batch and after it."""
        catalog.add_runs([a_run(1, state="Running"), a_run(1, state="Retrying")])
        catalog.add_runs([a_run(1, state="Completed")])

        assert [a_run(1, state="Completed")] == catalog.runs()

    def test_takes_no_rows(self, catalog: Catalog) -> None:
        """An empty batch is no error."""
        catalog.add_runs([])

        assert [] == catalog.runs()

    def test_takes_text_that_is_not_unicode(self, catalog: Catalog) -> None:
        """A message that quotes undecodable bytes doesn't cost the batch."""
        catalog.add_runs([a_run(1), a_run(2, message="no file 'caf\udce9'")])
        found = catalog.run(a_run(2).id)

        assert found is not None
        assert "no file" in str(found.message)
        assert a_run(1) == catalog.run(a_run(1).id)

    def test_finds_a_run_by_its_first_characters(self, catalog: Catalog) -> None:
        """Four or more characters of an id are enough where one run begins so."""
        catalog.add_runs([a_run(1, id="abcd1111"), a_run(2, id="bcde2222")])

        assert "abcd1111" == getattr(catalog.run("abcd"), "id", None)
        assert catalog.run("abc") is None
        assert catalog.run("abce") is None
        assert catalog.run("") is None

    def test_refuses_an_ambiguous_prefix(self, catalog: Catalog) -> None:
        """Where several runs begin so, the error names them; an id that is whole is never ambiguous."""
        catalog.add_runs([a_run(1, id="abcd"), a_run(2, id="abcd11"), a_run(3, id="abcd12")])

        assert "abcd" == getattr(catalog.run("abcd"), "id", None)
        with pytest.raises(CatalogError, match="abcd12, abcd11"):
            catalog.run("abcd1")

    def test_lists_runs_newest_first(self, catalog: Catalog) -> None:
        """The limit cuts the oldest."""
        catalog.add_runs([a_run(n) for n in range(5)])

        assert [a_run(4), a_run(3), a_run(2)] == catalog.runs(limit=3)

    def test_filters_runs(self, catalog: Catalog) -> None:
        """By kind, by flow run, by the run around and by name, and by several at once."""
        flow = a_run(1, kind="flow", name="etl")
        child = a_run(2, flow_run_id=flow.id, parent_run_id="0123")
        other = a_run(3)
        catalog.add_runs([flow, child, other])

        assert [flow] == catalog.runs(kind="flow")
        assert [child] == catalog.runs(flow_run_id=flow.id)
        assert [child] == catalog.runs(parent_run_id="0123")
        assert [other, child] == catalog.runs(name="clean")
        assert [] == catalog.runs(kind="flow", name="clean")

    def test_gives_back_a_reference_as_it_was(self, catalog: Catalog) -> None:
        """By key and by run."""
        full = a_reference(1, run_id="r", name="clean", expires=3.5)
        bare = a_reference(2)
        catalog.add_reference(full)
        catalog.add_reference(bare)

        assert full == catalog.reference(key=full.key)
        assert full == catalog.reference(run_id="r")
        assert bare == catalog.reference(key=bare.key)
        assert catalog.reference(key="other") is None
        assert catalog.reference(key=bare.key, run_id="r") is None

    def test_replaces_a_reference(self, catalog: Catalog) -> None:
        """One row per storage and key; the one written last is the newest."""
        catalog.add_reference(a_reference(1, size=1))
        catalog.add_reference(a_reference(2))
        catalog.add_reference(a_reference(1, size=2, created=1005.0))
        elsewhere = a_reference(1, storage="s3/test", created=1006.0)
        catalog.add_reference(elsewhere)

        assert [elsewhere, a_reference(1, size=2, created=1005.0), a_reference(2)] == catalog.references()
        assert elsewhere == catalog.reference(key=elsewhere.key)

    def test_filters_references(self, catalog: Catalog) -> None:
        """By storage, key and name, newest first, the limit cutting the oldest."""
        rows = [a_reference(n, storage=s, name=m) for n, (s, m) in enumerate(itertools.product("ab", "xyz"))]
        for row in rows:
            catalog.add_reference(row)

        assert rows[:2:-1] == catalog.references(storage="b")
        assert [rows[5], rows[2]] == catalog.references(name="z")
        assert [rows[4]] == catalog.references(storage="b", name="y")
        assert rows[:3:-1] == catalog.references(limit=2)
        assert [rows[4]] == catalog.references(key=rows[4].key)

    def test_deletes_a_reference(self, catalog: Catalog) -> None:
        """Of that storage alone, and says whether there was one."""
        kept = a_reference(1, storage="s3/test")
        catalog.add_reference(a_reference(1))
        catalog.add_reference(kept)

        assert catalog.delete_reference("s3/prod", kept.key)
        assert not catalog.delete_reference("s3/prod", kept.key)
        assert [kept] == catalog.references()

    def test_repoints_what_leads_to_a_result(self, catalog: Catalog) -> None:
        """References and results of runs with that JSON, and no others; ranks and all else stay."""
        old, new, other = '{"old": 1}', '{"new": 1}', '{"other": 1}'
        moved = a_reference(1, reference=old, run_id="r", name="clean")
        left = a_reference(2, reference=other)
        in_the_way = a_reference(1, storage="s3/archive", reference=other)
        for row in (in_the_way, moved, left):
            catalog.add_reference(row)
        runs = [a_run(1, result=old), a_run(2, result=other), a_run(3), a_run(4, result=old, cached=True)]
        catalog.add_runs(runs)

        assert 0 == catalog.repoint(lambda _: None)
        assert [left, moved, in_the_way] == catalog.references()
        assert 3 == catalog.repoint(lambda text: ("s3/archive", new) if text == old else None)
        assert [left, moved._replace(storage="s3/archive", reference=new)] == catalog.references()
        assert [runs[3]._replace(result=new), runs[2], runs[1], runs[0]._replace(result=new)] == catalog.runs()

    def test_gives_back_a_block_as_it_was(self, catalog: Catalog) -> None:
        """Nested fields and encrypted secrets included."""
        document = a_block(secrets="gAAAAA")
        catalog.save_block(document)

        assert document == catalog.block("s3/prod")
        assert catalog.block("s3/none") is None

    def test_replaces_a_block_only_when_told(self, catalog: Catalog) -> None:
        """A taken slug is an error that names it, unless `overwrite` is given."""
        catalog.save_block(a_block(type="old"))

        with pytest.raises(ConfigurationError, match=r"s3/prod.*overwrite=True"):
            catalog.save_block(a_block(type="new"))
        assert a_block(type="old") == catalog.block("s3/prod")

        catalog.save_block(a_block(type="new"), overwrite=True)

        assert a_block(type="new") == catalog.block("s3/prod")

    def test_lists_and_deletes_blocks(self, catalog: Catalog) -> None:
        """In the order of their slugs."""
        for slug in ("s3/prod", "gcs/lake", "local/x"):
            catalog.save_block(a_block(slug))

        assert ["gcs/lake", "local/x", "s3/prod"] == [document.slug for document in catalog.blocks()]
        assert catalog.delete_block("local/x")
        assert not catalog.delete_block("local/x")
        assert ["gcs/lake", "s3/prod"] == [document.slug for document in catalog.blocks()]

    def test_is_shared_by_threads(self, catalog: Catalog) -> None:
        """Four threads that write and read at once lose nothing."""

        def work(first: int) -> None:
            for n in range(first, first + 50):
                catalog.add_reference(a_reference(n))
                catalog.add_runs([a_run(n)])
                assert a_reference(n) == catalog.reference(key=a_reference(n).key)

        threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [a_run(n) for n in reversed(range(200))] == catalog.runs(limit=1000)
        assert {a_reference(n) for n in range(200)} == set(catalog.references(limit=1000))

    def test_opens_again_after_close(self, catalog: Catalog) -> None:
        """Closing keeps what was written, and the next use opens."""
        catalog.add_runs([a_run(1)])
        catalog.checkpoint()
        catalog.close()
        catalog.close()

        assert [a_run(1)] == catalog.runs()
