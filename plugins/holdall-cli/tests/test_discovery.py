"""Commands that other distributions add by the entry-point group `holdall.cli`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from holdall.testing.distributions import on_path, write_distribution
from holdall_cli.discovery import command_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Offer = Callable[..., None]

OWN = ["result", "run", "explain", "block", "plugin", "config", "key", "catalog", "gc", "version"]
GROUP = '''
import typer

app = typer.Typer(help="What the attic holds.")


@app.command("ls")
def ls(*, limit: int = 3):
    """List it."""
    print("boxes", limit)


@app.command()
def sweep():
    """Refuse."""
    from holdall.errors import ConfigurationError

    raise ConfigurationError("There is no broom.")
'''
FUNCTION = '''
def dust(shelf: str, *, twice: bool = False):
    """Dust a shelf.

    And no other.
    """
    print("dusted", shelf, twice)
'''


@pytest.fixture
def offer(work: Path, tmp_path: Path) -> Iterator[Offer]:
    """Put a distribution on the path that offers a command and has one module."""
    from contextlib import ExitStack

    assert work.is_dir()
    with ExitStack() as stack:

        def offered(distribution: str, name: str, target: str, source: str | None = None) -> None:
            site = write_distribution(
                tmp_path / distribution,
                distribution,
                entry_points={"holdall.cli": {name: target}},
                modules={} if source is None else {target.partition(":")[0]: source},
            )
            stack.enter_context(on_path(site))

        yield offered


def test_the_commands_are_in_the_order_of_the_help(holdall: Any, offer: Offer) -> None:
    """Those of plugins come last, by name; the program itself is none."""
    offer("holdall-attic", "attic", "attic_cli:app", GROUP)
    offer("holdall-aaa", "aaa", "aaa_cli:app", GROUP)
    help_text = holdall("--help").stdout

    assert [*OWN, "aaa", "attic"] == command_names()
    assert [*OWN, "aaa", "attic"] == [
        line.split()[0] for line in help_text.partition("Commands:\n")[2].splitlines() if not line.startswith("   ")
    ]
    assert "attic    What the attic holds." in help_text


def test_an_application_is_a_group_of_commands(holdall: Any, offer: Offer) -> None:
    """With its help, its options, and holdall's way with errors."""
    offer("holdall-attic", "attic", "attic_cli:app", GROUP)

    assert "boxes 5\n" == holdall("attic", "ls", "--limit", "5").stdout
    assert "sweep  Refuse." in holdall("attic").output
    assert 2 == holdall("attic", "ls", "--limit", "many").exit_code
    refused = holdall("attic", "sweep")
    assert (1, "Error: There is no broom.\n") == (refused.exit_code, refused.stderr)


def test_an_application_with_one_command_is_a_group_too(holdall: Any, offer: Offer) -> None:
    """So that a second one changes nothing for who uses the first."""
    offer(
        "holdall-loft",
        "loft",
        "loft_cli:app",
        "import typer\napp = typer.Typer()\n@app.command()\ndef up(): print(1)\n",
    )

    assert "1\n" == holdall("loft", "up").stdout


def test_a_function_is_one_command(holdall: Any, offer: Offer) -> None:
    """Named by the entry point; its docstring is its help."""
    offer("holdall-dust", "dust-off", "dust_cli:dust", FUNCTION)

    assert "dusted top True\n" == holdall("dust-off", "top", "--twice").stdout
    assert "Dust a shelf.\n\n  And no other." in holdall("dust-off", "--help").stdout
    assert "Did you mean 'dust-off'?" in holdall("dust-of").stderr


BROKEN = {
    "missing": (None, "importing it raised ModuleNotFoundError: No module named 'broken_cli'. Upgrade holdall-broken"),
    "raising": ("raise RuntimeError('torn')\n", "importing it raised RuntimeError: torn. Upgrade holdall-broken"),
    "leaving": ("import sys\nsys.exit(0)\n", "importing it raised SystemExit: 0. Upgrade holdall-broken"),
    "nothing": ("other = 1\n", "broken_cli has no app. Upgrade holdall-broken"),
    "value": ("app = 5\n", "TypeError: it is a int, and a command is a typer.Typer or a function. Upgrade"),
    "class": ("class app: ...\n", "TypeError: it is a type, and a command is a typer.Typer or a function. Upgrade"),
    "signature": (
        "def app(where: int | str): ...\n",
        "cannot be used: AssertionError: Typer ",
    ),
    "inside": (
        "import typer\napp = typer.Typer()\n@app.command()\ndef f(where: 'Nowhere'): ...\n",
        "cannot be used: NameError: name 'Nowhere' is not defined. Upgrade",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("more", [[], ["--help"], ["ls", "--json", "x"]], ids=" ".join)
def test_a_broken_command_says_why_and_breaks_no_other(kind: str, more: list[str], holdall: Any, offer: Offer) -> None:
    """Whatever is asked of it; help goes on listing all."""
    source, said = BROKEN[kind]
    offer("holdall-broken", "broken", "broken_cli:app", source)
    found = holdall("broken", *more)

    assert 1 == found.exit_code
    assert found.stderr.startswith(
        "Error: The command 'broken' of holdall-broken 1.0 (broken_cli:app) cannot be used: "
    )
    assert said in found.stderr
    assert 1 == len(found.stderr.splitlines())
    assert "broken   Cannot be used; `holdall plugin doctor` says why." in holdall("--help").stdout
    assert 0 == holdall("version").exit_code


def test_doctor_finds_a_broken_command(holdall: Any, offer: Offer) -> None:
    """Commands are plugins as the others are."""
    offer("holdall-broken", "broken", "broken_cli:app", "raise RuntimeError('torn')\n")
    found = holdall("plugin", "doctor")

    assert "Error: cli.broken: The command 'broken' of holdall-broken 1.0" in found.stderr
    assert 1 == found.exit_code
    assert "cli.explain from holdall-cli" in holdall("plugin", "show", "cli.explain").stdout


def test_two_that_claim_one_name_are_an_error_that_names_both(
    holdall: Any, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until one is chosen; other commands work."""
    offer("holdall-attic", "attic", "attic_cli:app", GROUP)
    offer("holdall-loft", "attic", "loft_cli:dust", FUNCTION)
    found = holdall("attic", "ls")

    assert 1 == found.exit_code
    assert found.stderr.startswith("Error: The command 'attic' is claimed by holdall-attic 1.0 (attic_cli:app) and by ")
    assert 'HOLDALL_PLUGINS_PREFER="cli.attic=holdall-loft"' in found.stderr
    assert 0 == holdall("run", "ls").exit_code
    monkeypatch.setenv("HOLDALL_PLUGINS_PREFER", "cli.attic=holdall-loft")
    assert "dusted ls False\n" == holdall("attic", "ls").stdout


def test_a_choice_in_the_settings_of_a_project_counts(holdall: Any, offer: Offer, work: Path) -> None:
    """As for every other plugin."""
    offer("holdall-attic", "attic", "attic_cli:app", GROUP)
    offer("holdall-loft", "attic", "loft_cli:dust", FUNCTION)
    (work / "holdall.toml").write_text('[plugins]\nprefer = { "cli.attic" = "holdall-attic" }\n')

    assert "boxes 3\n" == holdall("attic", "ls").stdout


@pytest.mark.parametrize("name", [each for each in OWN if each != "version"])
def test_no_plugin_takes_the_place_of_a_command_unasked(name: str, holdall: Any, offer: Offer) -> None:
    """The own one runs, and a warning names the other."""
    before = holdall(name, "--help").stdout
    offer("holdall-loft", name, "loft_cli:dust", FUNCTION)
    found = holdall(name, "--help")

    assert before == found.stdout
    assert found.stderr.startswith(f"Warning: The command {name!r} is claimed by holdall-cli ")
    assert found.stderr.endswith(f"Until then, {name} is that of holdall-cli.\n")
    assert 1 == len(found.stderr.splitlines())


def test_a_plugin_takes_the_place_of_a_command_where_it_is_chosen(
    holdall: Any, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the setting that decides between any two plugins."""
    offer("holdall-loft", "gc", "loft_cli:dust", FUNCTION)
    monkeypatch.setenv("HOLDALL_PLUGINS_PREFER", "cli.gc=holdall-loft")
    found = holdall("gc", "top")

    assert ("dusted top False\n", "") == (found.stdout, found.stderr)


COMMANDS = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from holdall.__main__ import main
try:
    main()
except SystemExit:
    pass
print(*sorted(each for each in sys.modules if each.startswith(("holdall_cli.commands.", "attic_cli"))))
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["--version"], ["version"]),
        (["version"], ["version"]),
        (["run", "ls"], ["run"]),
        (["result", "ls"], ["copy", "result"]),
        (["attic", "ls"], []),
        (["nothing"], []),
    ],
    ids=" ".join,
)
def test_only_the_command_that_is_asked_for_is_imported(
    arguments: list[str], loaded: list[str], work: Path, tmp_path: Path
) -> None:
    """In a fresh process, with a plugin's command beside them."""
    site = write_distribution(
        tmp_path / "site",
        "holdall-attic",
        entry_points={"holdall.cli": {"attic": "attic_cli:app"}},
        modules={"attic_cli": GROUP},
    )
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, str(site), *arguments], capture_output=True, text=True, check=True, cwd=work
    )
    expected = [
        *(["attic_cli"] if arguments[0] == "attic" else []),
        *(f"holdall_cli.commands.{each}" for each in loaded),
    ]

    assert " ".join(expected) == done.stdout.splitlines()[-1]
