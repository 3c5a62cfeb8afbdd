"""The tree keeps the shape that CONTRIBUTING.md describes."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARD_LIMIT = 400
SOFT_LIMIT = 300
MODULES_A_PACKAGE = 15
LINES_OF_CONTRIBUTING = 150
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "misc"}
MACHINE_PATHS = re.compile(r"(?<![\w.\\/-])/(?:work|root|farm)/[\w.-]")
# Written with a class of one character, so that this file does not hold what it looks for.
REGISTRY_HOSTS = re.compile(r"registry = [\"']http|files[.]pythonhosted[.]org|registry[.]npmjs[.]org|pypi[.]org/simple")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git would take: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "src" in path.relative_to(ROOT).parts]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_no_source_module_is_over_the_hard_limit() -> None:
    """A module that needs more than 400 lines has more than one job."""
    sizes = {str(path.relative_to(ROOT)): lines(path) for path in sources()}
    soft = sorted(((size, name) for name, size in sizes.items() if size > SOFT_LIMIT), reverse=True)
    print(f"{len(soft)} of {len(sizes)} modules are over {SOFT_LIMIT} lines:", *soft, sep="\n  ")

    assert {} == {name: size for name, size in sizes.items() if size > HARD_LIMIT}


def test_no_package_has_too_many_modules() -> None:
    """A stranger reads all their names before opening one."""
    modules = Counter(path.parent for path in sources() if path.name != "__init__.py")

    assert {} == {str(folder.relative_to(ROOT)): n for folder, n in modules.items() if n > MODULES_A_PACKAGE}


def test_no_module_is_named_after_nothing() -> None:
    """A module is named after the one noun that it is about."""
    assert [] == [str(path) for path in sources() if path.stem in NAMES_THAT_SAY_NOTHING]


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    """What is committed works anywhere, and so it names no folder of the machine where it was written."""
    found = [f"{path}: {match.group()}" for path, text in texts() for match in MACHINE_PATHS.finditer(text)]

    assert [] == found


def test_no_file_records_where_packages_were_downloaded_from() -> None:
    """Lock files name the registry of whoever wrote them; constraints.txt pins versions and names nobody."""
    names = [str(path) for path, _ in texts() if path.name in {"uv.lock", "package-lock.json"}]
    found = [f"{path}: {match.group()}" for path, text in texts() for match in REGISTRY_HOSTS.finditer(text)]

    assert [] == names + found


def test_no_merge_was_left_half_done() -> None:
    """Conflict markers stand in no file."""
    marker = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)

    assert [] == [str(path) for path, text in texts() if marker.search(text)]


def test_the_constraints_are_plain_pins() -> None:
    """Every line is `name==version`, with a marker at most."""
    pin = re.compile(r"[a-z0-9][a-z0-9._-]*==[\w.+!]+( ; .+)?")
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")

    assert [] == [line for line in text.splitlines() if not pin.fullmatch(line)]


def test_contributing_is_short_enough_to_be_read() -> None:
    """150 lines are what a newcomer reads."""
    assert lines(ROOT / "CONTRIBUTING.md") <= LINES_OF_CONTRIBUTING


def test_the_licence_is_the_whole_text() -> None:
    """The licence that every distribution declares is in the tree in full."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text[:200]
    assert "END OF TERMS AND CONDITIONS" in text
    assert [] == [str(path) for path in tracked() if path.name == "LICENSE" and path.read_text("utf-8") != text]


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_one_command_tests_everything_everywhere(file: str) -> None:
    """The README's test command, the contributor's and the one of continuous integration are the same."""
    assert "pip install tox tox-uv && tox" in (ROOT / file).read_text(encoding="utf-8")


def test_every_distribution_carries_its_own_readme_and_typing_marker() -> None:
    """Each folder under plugins/ is installed alone, and so is documented and typed alone."""
    folders = [ROOT / "core", *(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]
    missing = [
        str(folder.relative_to(ROOT))
        for folder in folders
        if not (folder / "README.md").is_file()
        or not (folder / "LICENSE").is_file()
        or not list(folder.glob("src/*/py.typed"))
    ]

    assert [] == missing


def test_the_package_index_shows_the_readme() -> None:
    """A build reads no file above its own folder, so the core carries a copy: `cp README.md core/README.md`."""
    assert (ROOT / "README.md").read_text("utf-8") == (ROOT / "core" / "README.md").read_text("utf-8")
