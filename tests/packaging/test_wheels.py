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


def test_the_command_line_comes_with_its_extra(built: Path, elsewhere: Path) -> None:
    """The core alone has the script, which says how to get the rest; then both ways to start it work."""
    venv = elsewhere / "venv"
    run("uv", "venv", "--quiet", "--no-project", "--python", sys.executable, venv, cwd=built)
    install = ("uv", "pip", "install", "--quiet", "--python", venv, "--find-links", built)
    bin_folder = venv / ("Scripts" if os.name == "nt" else "bin")
    starts = ((bin_folder / "holdall",), (bin_folder / "python", "-W", "error", "-m", "holdall"))
    home = os.environ | {"HOLDALL_HOME": str(elsewhere / "home")}
    run(*install, "holdall", cwd=built)
    names = {line.partition("==")[0] for line in run("uv", "pip", "freeze", "--python", venv, cwd=built).splitlines()}
    for start in starts:
        done = subprocess.run([*start, "result", "ls"], capture_output=True, text=True, check=False, env=home)

        assert (2, "") == (done.returncode, done.stdout)
        assert done.stderr == 'The command line is not installed. Install it: pip install "holdall[cli]"\n'
    assert set() == names & {"click", "holdall-cli", "rich", "typer"}
    assert not (elsewhere / "home").exists()

    run(*install, "holdall[cli]", cwd=built)
    for start in starts:
        printed = run(*start, "version", cwd=elsewhere, HOLDALL_HOME=home["HOLDALL_HOME"])

        assert printed.startswith(f"holdall {project(PROJECTS[0])['version']}\n")
        assert "holdall-cli" in printed


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


# What a run, or who reads a result, needs; each line of it is answered for in docs/adr/0013-a-minimal-core.md.
CORE = {"cloudpickle", "pluggy", "pydantic", "xxhash"}
SIZE = 15_000_000
LISTING = """
import importlib.metadata as m
for each in m.distributions():
    files = [f for f in each.files or () if f.suffix != ".pyc"]
    print(each.name, sum(f.locate().stat().st_size for f in files if f.locate().is_file()))
"""
SAVED = """
from pydantic import SecretStr
from holdall.filesystems import LocalFileSystem
from holdall import Block
key = "id:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
LocalFileSystem(basepath="plain").save("plain")
print(Block.load("local-file-system/plain").basepath)
LocalFileSystem(basepath="signed", signing_key=key).save("signed")
print(Block.load("local-file-system/signed").signing_key.get_secret_value() == key)
"""


def environment(folder: Path, built: Path, *requirements: str) -> Path:
    """The Python of an empty environment with these, our own from the wheels that were built."""
    run("uv", "venv", "--quiet", "--no-project", "--python", sys.executable, folder / "venv", cwd=built)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run("uv", "pip", "install", "--quiet", "--python", python, "--find-links", built, *requirements, cwd=built)
    return python


def distributions(python: Path, folder: Path) -> dict[str, int]:
    """Each that is installed, with the bytes of its files but for bytecode."""
    lines = run(python, "-I", "-c", LISTING, cwd=folder).splitlines()
    return {name: int(size) for name, size in map(str.split, lines)}


@pytest.fixture(scope="session")
def minimal(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with the core alone."""
    return environment(tmp_path_factory.mktemp("minimal"), built, "holdall")


def test_the_core_brings_little(minimal: Path, elsewhere: Path) -> None:
    """At most ten distributions, the core among them, and fifteen megabytes."""
    declared = {re.split(r"[^\w-]", line, maxsplit=1)[0] for line in project(PROJECTS[0])["dependencies"]}
    found = distributions(minimal, elsewhere)

    assert CORE == declared
    assert {"holdall", *CORE} <= {*found}
    assert 10 >= len(found), found
    assert SIZE >= sum(found.values()), found


def test_the_core_alone_keeps_no_secrets_and_says_what_does(minimal: Path, elsewhere: Path) -> None:
    """A block without one is saved and loaded; with one, the error has the line that helps."""
    home = elsewhere / "home"
    done = subprocess.run(
        [str(minimal), "-I", "-W", "error", "-c", SAVED],
        cwd=elsewhere,
        env={**os.environ, "HOLDALL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "plain" == done.stdout.strip(), done.stderr
    assert 'cryptography is needed, and it is not installed. Install it: pip install "holdall[secrets]"' in done.stderr
    assert not (home / "secret.key").exists()


def test_the_extra_for_secrets_saves_a_block_with_one(built: Path, elsewhere: Path) -> None:
    """Installed as the error says it."""
    python = environment(elsewhere, built, "holdall[secrets]")
    printed = run(python, "-I", "-W", "error", "-c", SAVED, cwd=elsewhere, HOLDALL_HOME=str(elsewhere / "home"))

    assert "cryptography" in distributions(python, elsewhere)
    assert ["plain", "True"] == printed.splitlines()


def test_the_contract_kit_needs_no_command_line(built: Path, elsewhere: Path) -> None:
    """The author of a plugin has the core and pytest."""
    python = environment(elsewhere, built, "holdall", "pytest")
    hidden = "import sys\nfor name in ('typer', 'rich', 'click', 'cryptography'): sys.modules[name] = None\n"
    code = (
        "import pkgutil, importlib, holdall.testing as kit\n"
        "names = [each.name for each in pkgutil.walk_packages(kit.__path__, 'holdall.testing.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names), [name for name in sys.modules if name.partition('.')[0] == 'holdall_cli'])"
    )
    number, _, commands = run(python, "-W", "error", "-c", hidden + code, cwd=elsewhere).partition(" ")

    assert 5 <= int(number)
    assert "[]" == commands.strip()


@pytest.mark.parametrize("name", ["holdall-azure", "holdall-fsspec", "holdall-gcs", "holdall-obstore", "holdall-s3"])
def test_plugins_whose_blocks_have_secrets_bring_what_encrypts_them(name: str) -> None:
    """Whoever installs one can save its blocks."""
    (pyproject,) = [path for path in PROJECTS if project(path)["name"] == name]

    assert [] == [
        line for line in project(pyproject)["dependencies"] if re.match(r"holdall(?![\w-]|\[secrets\])", line)
    ]
    assert [line for line in project(pyproject)["dependencies"] if line.startswith("holdall[secrets]")]
