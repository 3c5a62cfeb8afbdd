"""A folder with a flow, a catalog and a storage of its own for every test of the command line."""

from __future__ import annotations

import importlib
import json
import re
import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from typer.testing import CliRunner

from holdall.catalog.open import close_catalogs
from holdall.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType


PIPELINE = '''
"""Flows for the tests of the command line."""

from datetime import timedelta

from holdall import flow, task


@task
def numbers(count):
    return list(range(count))


@task(cache_key_fn=lambda context, parameters: "total", cache_expiration=timedelta(days=1))
def total(values):
    return sum(values)


@task(result_storage="./elsewhere", result_serializer="json", result_storage_key="report")
def report(value):
    return {"total": value, "padding": "x" * 20}


@task
def empty():
    return None


@task
def failing():
    raise ValueError("no such luck")


@flow(persist_result=True)
def main(count=3):
    empty()
    report(total(numbers(count)))
    return [count]


@flow
def broken():
    failing()


@flow
def idle():
    return 1


def plain():
    return 1
'''


class Holdall(Protocol):
    def __call__(self, *arguments: str, given: str | None = None) -> Any: ...


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with `pipeline.py` in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.chdir(folder)
    variables = ("HOLDALL_SECRET_KEY", "HOLDALL_SIGNING_KEY", "HOLDALL_TRUSTED_SIGNERS", "HOLDALL_REVOKED_SIGNERS")
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", *variables):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    path, modules = sys.path[:], set(sys.modules)
    importlib.invalidate_caches()
    yield folder
    close_catalogs()
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    registry.refresh()


@pytest.fixture
def pipeline(work: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module in `work`, imported and not run."""
    monkeypatch.syspath_prepend(str(work))
    return importlib.import_module("pipeline")


@pytest.fixture
def ran(pipeline: ModuleType) -> ModuleType:
    """The same after one run of its flow `main`."""
    pipeline.main()
    return pipeline


@pytest.fixture
def holdall(work: Path) -> Holdall:
    """Run the command in this process."""
    from holdall_cli.app import app

    assert work.is_dir()

    def run(*arguments: str, given: str | None = None) -> Any:
        return CliRunner().invoke(app, list(arguments), input=given, catch_exceptions=False, prog_name="holdall")

    return run


@pytest.fixture
def ids(ran: ModuleType, holdall: Holdall) -> dict[str, str]:
    """The name of each task or flow that ran -> the id of its run."""
    assert ran.__name__ == "pipeline"

    return {row["name"]: row["id"] for row in json.loads(holdall("run", "ls", "--json").stdout)}


@pytest.fixture
def plain(tmp_path: Path) -> Any:
    """Output with what differs from run to run replaced: ids, times, versions, the folder; and columns closed up."""

    def replaced(text: str) -> str:
        ids: dict[str, str] = {}
        text = re.sub(
            r"(results|payloads|cache)/[0-9a-f]{2}/",
            lambda found: f"{found[1]}/<xx>/",
            text.replace(str(tmp_path), "<tmp>"),
        )
        text = re.sub(r"\b[0-9a-f]{64}\b", "<sha>", text)
        text = re.sub(r"\b[0-9a-f]{32}\b", lambda found: ids.setdefault(found[0], f"<id {len(ids) + 1}>"), text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>", text)
        text = re.sub(r"\b[\d.]+ ms\b|\b[\d.]+ s\b", "<took>", text)
        text = re.sub(r"Python \d+\.\d+\.\w+", "Python <version>", text)
        text = re.sub(r"holdall \d+\.\d+\.\S+", "holdall <version>", text)
        return re.sub(r"  +", "  ", text)

    return replaced
