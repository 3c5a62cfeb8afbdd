"""What users install: wheels and sdists, away from this workspace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = [ROOT / "core" / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output; a failure shows both streams. Nothing of this process's Python leaks in."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def project(pyproject: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist of each distribution; the wheels are built from the sdists."""
    folder = tmp_path_factory.mktemp("dist")
    run("uv", "build", "--quiet", "--all-packages", "--python", sys.executable, "--out-dir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an empty environment with every wheel in it."""
    venv = tmp_path_factory.mktemp("outside") / "venv"
    run("uv", "venv", "--quiet", "--no-project", "--python", sys.executable, venv, cwd=built)
    wheels = sorted(built.glob("*.whl"))
    run("uv", "pip", "install", "--quiet", "--python", venv, *wheels, cwd=built)
    return venv / ("Scripts" if os.name == "nt" else "bin")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working directory outside the workspace."""
    assert ROOT not in tmp_path.parents
    return tmp_path


@pytest.mark.parametrize("pyproject", PROJECTS, ids=lambda path: path.parent.name)
def test_each_distribution_builds_a_wheel_and_an_sdist(built: Path, pyproject: Path) -> None:
    """Both carry the licence; the wheel carries the typing marker and the declared entry points."""
    name, version = project(pyproject)["name"], project(pyproject)["version"]
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(built / f"{stem}-py3-none-any.whl") as wheel:
        in_wheel = wheel.namelist()
    with tarfile.open(built / f"{stem}.tar.gz") as sdist:
        in_sdist = sdist.getnames()

    assert any(entry.endswith("/py.typed") for entry in in_wheel)
    assert f"{stem}.dist-info/entry_points.txt" in in_wheel
    assert f"{stem}.dist-info/licenses/LICENSE" in in_wheel
    assert f"{stem}/LICENSE" in in_sdist
    assert not [entry for entry in in_wheel if "tests" in Path(entry).parts]


@pytest.mark.parametrize("pyproject", PROJECTS, ids=lambda path: path.parent.name)
def test_each_distribution_imports_on_its_own(built: Path, pyproject: Path, tmp_path: Path) -> None:
    """A distribution declares all that it needs: alone in an empty environment, its entry points load."""
    venv = tmp_path / "venv"
    run("uv", "venv", "--quiet", "--no-project", "--python", sys.executable, venv, cwd=built)
    name = project(pyproject)["name"]
    run("uv", "pip", "install", "--quiet", "--python", venv, "--find-links", built, name, cwd=built)
    code = (
        "import sys, importlib.metadata as m\n"
        "for point in m.distribution(sys.argv[1]).entry_points: print(point.name, point.load())\n"
    )
    bin_folder = venv / ("Scripts" if os.name == "nt" else "bin")

    assert run(bin_folder / "python", "-W", "error", "-c", code, name, cwd=tmp_path)


def test_the_command_says_its_version(installed: Path, elsewhere: Path) -> None:
    """`holdall version` names the version of the wheel that was built."""
    printed = run(installed / "holdall", "version", cwd=elsewhere, HOLDALL_HOME=str(elsewhere / "home"))

    assert project(PROJECTS[0])["version"] in printed


def test_the_quick_start_runs_outside_the_workspace(installed: Path, elsewhere: Path) -> None:
    """The first example of the README runs from the wheels, and prints what the README shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert code is not None, "the README has no Python block"
    shown = re.search(r"<!-- output -->\s*^```\w*\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert shown is not None, "the README's first example shows no output"
    (elsewhere / "quick_start.py").write_text(code[1], encoding="utf-8")
    home = str(elsewhere / "home")
    printed = run(installed / "python", "-W", "error", "quick_start.py", cwd=elsewhere, HOLDALL_HOME=home)

    assert shown[1] == printed
