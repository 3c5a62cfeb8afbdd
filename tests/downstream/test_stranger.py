"""A plugin that is none of ours: built, installed and tested where nothing of this workspace is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).parent / "holdall-shelf"
PUBLIC = {"holdall.abc", "holdall.errors", "holdall.testing", "holdall.types"}

BY_SLUG = """
import sys

from holdall import task
from holdall_shelf import Shelf

Shelf(path="saved.db").save("main", overwrite=True)


@task(persist_result=True, result_storage="shelf/main")
def rows():
    return {"rows": list(range(10_000))}


print(len(rows.with_options(return_state=True)().result()["rows"]), len(list(Shelf(path="saved.db").scan())))
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output; a failure shows both streams. Nothing of this process's Python leaks in."""
    kept = {name: value for name, value in os.environ.items() if not re.match("PYTHONPATH|VIRTUAL_ENV|PYTEST_", name)}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the plugin's folder, far from ours; its `.venv` has it, the core, the command line and pytest."""
    folder = tmp_path_factory.mktemp("stranger") / PLUGIN.name
    shutil.copytree(PLUGIN, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    wheels = folder / "dist"
    for source in (ROOT / "core", ROOT / "plugins" / "holdall-cli", folder):
        run("uv", "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", wheels, source, cwd=folder)
    shutil.rmtree(folder / "src")  # what is tested is what is installed
    run("uv", "venv", "--quiet", "--no-project", "--python", sys.executable, folder / ".venv", cwd=folder)
    found = sorted(wheels.glob("*.whl"))
    run("uv", "pip", "install", "--quiet", "--python", folder / ".venv", *found, "pytest>=9", cwd=folder)
    return folder


def binary(stranger: Path, name: str) -> Path:
    return stranger / ".venv" / ("Scripts" if os.name == "nt" else "bin") / name


def test_it_keeps_to_the_plugin_api() -> None:
    """Four public packages of holdall are enough for a storage and its tests."""
    sources = "".join(path.read_text(encoding="utf-8") for path in PLUGIN.rglob("*.py"))
    used = set(re.findall(r"^\s*(?:from|import) (holdall(?:\.\w+)?)\b", sources, re.MULTILINE))

    assert PUBLIC == used


def test_it_passes_the_whole_contract(stranger: Path) -> None:
    """Its own test suite, of which the contract is the most, with warnings as errors."""
    said = run(binary(stranger, "python"), "-m", "pytest", "-p", "no:cacheprovider", cwd=stranger)

    assert re.search(r"\d+ passed in ", said)
    assert "skipped" not in said


def test_a_task_finds_it_by_slug(stranger: Path, tmp_path: Path) -> None:
    """A block of it is saved and named as any other; the payload and its record are in the file."""
    (tmp_path / "work.py").write_text(BY_SLUG, encoding="utf-8")
    said = run(binary(stranger, "python"), "-W", "error", "work.py", cwd=tmp_path, HOLDALL_HOME=str(tmp_path / "home"))

    assert ["10000 2"] == said.splitlines()


def test_a_flow_finds_it_by_url(stranger: Path, tmp_path: Path) -> None:
    """Nothing is registered or imported: the entry point is enough for the example of its README."""
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert code is not None
    (tmp_path / "work.py").write_text(code[1], encoding="utf-8")
    said = run(binary(stranger, "python"), "-W", "error", "work.py", cwd=tmp_path, HOLDALL_HOME=str(tmp_path / "home"))

    assert ["{'sum': 6}"] == said.splitlines()
    assert (tmp_path / "results.db").stat().st_size > 0


def test_the_command_line_knows_it(stranger: Path, tmp_path: Path) -> None:
    """It is listed with its distribution."""
    said = run(binary(stranger, "holdall"), "plugin", "ls", cwd=tmp_path, HOLDALL_HOME=str(tmp_path / "home"))

    assert re.search(r"\bshelf\b.*\bholdall-shelf\b", said)
