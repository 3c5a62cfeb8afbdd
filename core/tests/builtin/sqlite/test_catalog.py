"""The SQLite catalog: its contract, its rows and queries."""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from holdall.abc.catalog import Catalog
from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.errors import CatalogError, ConfigurationError
from holdall.testing.catalog import CatalogContract, a_block, a_reference, a_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class TestContract(CatalogContract):
    """The suite that every catalog passes."""

    @pytest.fixture
    def catalog(self, path: str) -> Iterator[SQLiteCatalog]:
        """A new catalog."""
        with closing(SQLiteCatalog(path)) as made:
            yield made


def test_makes_nothing_before_it_is_used(path: str) -> None:
    """Making the object touches no disk, and folders and files are their owner's alone."""
    catalog = SQLiteCatalog(path)

    assert not os.path.exists(os.path.dirname(path))

    catalog.add_runs([a_run()])
    modes = [oct(os.stat(name).st_mode & 0o777) for name in (os.path.dirname(path), path, f"{path}-wal")]
    catalog.close()

    assert ["0o700", "0o600", "0o600"] == modes


def test_answers_from_an_index(catalog: SQLiteCatalog) -> None:
    """What is asked on the way to a result is looked up, not searched."""
    catalog.blocks()
    with closing(sqlite3.connect(catalog.path)) as connection:
        plans = [
            connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()[0][3]
            for query in (
                "SELECT * FROM result_references WHERE key = 'k'",
                "SELECT * FROM result_references WHERE run_id = 'r'",
                "SELECT * FROM runs WHERE flow_run_id = 'f' ORDER BY id DESC",
            )
        ]

    assert ["SEARCH", "SEARCH", "SEARCH"] == [plan.split()[0] for plan in plans]


def test_pickles_as_its_path(catalog: SQLiteCatalog) -> None:
    """A worker that receives a catalog opens the same file."""
    catalog.add_runs([a_run()])
    with closing(pickle.loads(pickle.dumps(catalog))) as other:
        assert [a_run()] == other.runs()


def test_refuses_an_unknown_synchronous(path: str) -> None:
    """The setting goes into a statement, so only SQLite's own words are taken."""
    with pytest.raises(ConfigurationError, match="NORMAL"):
        SQLiteCatalog(path, synchronous="1; DROP TABLE runs")


def test_a_reference_that_is_no_text_is_refused(catalog: SQLiteCatalog) -> None:
    """A key must come back as it was, so it isn't altered to fit."""
    with pytest.raises(CatalogError, match="Cannot record"):
        catalog.add_reference(a_reference(key="caf\udce9"))
    with pytest.raises(CatalogError, match="Cannot save 's3/prod'"):
        catalog.save_block(a_block(fields={"made": object()}))


READS: dict[str, tuple[Callable[[SQLiteCatalog], object], object]] = {
    "run": (lambda catalog: catalog.run(a_run(1).id), None),
    "runs": (lambda catalog: catalog.runs(kind="flow", name="x"), []),
    "reference": (lambda catalog: catalog.reference(key="k"), None),
    "references": (lambda catalog: catalog.references(), []),
    "delete_reference": (lambda catalog: catalog.delete_reference("s", "k"), False),
    "repoint": (lambda catalog: catalog.repoint(lambda _: ("s", "{}")), 0),
    "block": (lambda catalog: catalog.block("s3/prod"), None),
    "blocks": (lambda catalog: catalog.blocks(), []),
    "delete_block": (lambda catalog: catalog.delete_block("s3/prod"), False),
    "checkpoint": (lambda catalog: catalog.checkpoint(), None),
    "close": (lambda catalog: catalog.close(), None),
}
WRITES: dict[str, Callable[[SQLiteCatalog], object]] = {
    "add_runs": lambda catalog: catalog.add_runs([a_run(1)]),
    "add_reference": lambda catalog: catalog.add_reference(a_reference(1)),
    "save_block": lambda catalog: catalog.save_block(a_block("s3/prod")),
}


def test_each_method_of_a_catalog_that_makes_no_file_is_tried() -> None:
    """So that a method of later has to say what it does where there is none."""
    assert Catalog.__abstractmethods__ <= {*READS, *WRITES}


@pytest.mark.parametrize("name", READS)
def test_without_a_file_there_is_nothing_to_find_or_to_delete(name: str, path: str) -> None:
    """And looking makes neither the file nor its folder."""
    call, expected = READS[name]
    catalog = SQLiteCatalog(path, create=False)

    assert expected == call(catalog)
    assert not os.path.lexists(os.path.dirname(path))


@pytest.mark.parametrize("name", WRITES)
def test_without_a_file_a_write_is_an_error_where_none_may_be_made(name: str, path: str) -> None:
    """Nothing is lost in silence."""
    with pytest.raises(CatalogError, match="There is no catalog in .*catalog.db to write to"):
        WRITES[name](SQLiteCatalog(path, create=False))

    assert not os.path.lexists(os.path.dirname(path))


def test_a_catalog_that_makes_no_file_uses_the_one_that_is_there(catalog: SQLiteCatalog, path: str) -> None:
    """Whether it came before or after, and until it is gone; copies of it know that, too."""
    for each in (SQLiteCatalog(path, create=False), pickle.loads(pickle.dumps(SQLiteCatalog(path, create=False)))):
        with closing(each) as looking:
            assert [] == looking.runs()
            catalog.add_runs([a_run(1)])
            assert [a_run(1)] == looking.runs()
            looking.add_runs([a_run(2)])
            assert [a_run(2), a_run(1)] == catalog.runs()
            catalog.close()
            shutil.rmtree(os.path.dirname(path))
            assert [] == looking.runs()
            assert not os.path.lexists(os.path.dirname(path))


def test_pickles_of_before_make_a_file(path: str) -> None:
    """They do not say whether."""
    rebuild, arguments = SQLiteCatalog(path).__reduce__()

    with closing(rebuild(*arguments[:4])) as found:
        found.add_runs([a_run(1)])
        assert os.path.exists(path)


def test_pickles_name_the_module_of_before(path: str) -> None:
    """The catalog was a module where its package is."""
    of_before = pickle.dumps(SQLiteCatalog(path), 0).replace(
        b"holdall.builtin.sqlite.catalog", b"holdall.builtin.sqlite"
    )

    assert b"sqlite\n_rebuild" in of_before
    assert path == pickle.loads(of_before).path
