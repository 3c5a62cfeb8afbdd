"""The program as it is installed: how it starts, what it loads, how it ends."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall._version import VERSION

if TYPE_CHECKING:
    from types import ModuleType

# What help and usage errors have no use for.
HEAVY = {"rich", "sqlite3", "asyncio", "cryptography", "pluggy", "xxhash", "holdall.engine.execute"}


def script() -> str:
    """The console script of this environment."""
    found = shutil.which("holdall", path=str(Path(sys.executable).parent))
    assert found is not None, "the environment has no holdall script: install core"
    return found


def started(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script(), *arguments], capture_output=True, text=True, check=False, **more)


def test_the_script_and_the_module_are_the_same_program(work: Path) -> None:
    """`holdall` and `python -m holdall`."""
    assert work.is_dir()
    module = subprocess.run([sys.executable, "-m", "holdall", "version"], capture_output=True, text=True, check=True)

    assert module.stdout == started("version").stdout
    assert module.stdout.startswith(f"holdall {VERSION}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["result", "--help"], ["run", "ls", "--help"], ["bogus"]])
def test_help_is_quick_because_it_loads_little(work: Path, arguments: list[str]) -> None:
    """Told by the modules that were loaded, not by a clock."""
    assert work.is_dir()
    program = (
        "import sys\nfrom holdall.__main__ import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write('LOADED ' + ' '.join(sys.modules))\n"
    )
    found = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    loaded = set(found.stderr.partition("LOADED ")[2].split())

    assert "holdall_cli.app" in loaded
    # typer itself has pydantic check the parameters of a command, where there is one.
    assert set() == (HEAVY | {"pydantic"} if arguments == ["--help"] else HEAVY) & loaded


def test_errors_are_one_block_without_a_traceback(work: Path) -> None:
    """On standard error, with status 1."""
    assert work.is_dir()
    found = started("run", "show", "nowhere")

    assert found.stderr == "Error: The catalog knows no run 'nowhere'. `holdall run ls` lists those it knows.\n"
    assert found.stdout == ""
    assert found.returncode == 1


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["run", "ls", "--limit", "0"], ["result", "show"], ["run", "ls", "-x"]]
)
def test_wrong_uses_end_with_two(work: Path, arguments: list[str]) -> None:
    """And say where to look."""
    assert work.is_dir()
    found = started(*arguments)

    assert "--help" in found.stderr
    assert found.returncode == 2


@pytest.mark.parametrize("command", [("result", "ls"), ("run", "ls"), ("block", "ls")])
def test_without_a_catalog_listings_are_empty_and_make_none(
    work: Path, tmp_path: Path, command: tuple[str, str]
) -> None:
    """They say what to do next; JSON is an empty list."""
    assert work.is_dir()
    found, document = started(*command), started(*command, "--json")

    assert found.stderr.startswith(f"No {command[0]}s yet. ")
    assert (found.stdout, found.returncode) == ("", 0)
    assert json.loads(document.stdout) == []
    assert document.stderr == ""
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking works, as there is nothing; saving is an error that names the place."""
    (work / "file").touch()
    monkeypatch.setenv("HOLDALL_HOME", str(work / "file" / "home"))
    listed = started("block", "ls")
    saved = started("block", "create", "local-file-system/lake", "--set", "basepath=/a", "--no-check")

    assert listed.stderr.startswith("No blocks yet.")
    assert saved.stderr.startswith("Error: ")
    assert str(work / "file") in saved.stderr
    assert "Traceback" not in saved.stderr
    assert saved.returncode == 1


def test_a_catalog_that_is_none(work: Path, tmp_path: Path) -> None:
    """An error that names the file, for every listing."""
    assert work.is_dir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "catalog.db").write_bytes(b"this is no database" * 1000)
    found = started("result", "ls")

    assert found.stderr.startswith("Error: ")
    assert "catalog.db" in found.stderr
    assert found.returncode == 1


def test_warnings_of_holdall_are_sentences(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the line of source that Python prints."""
    assert work.is_dir()
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_STORAG", "x")
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    found = started("config", "show", "--json")

    assert found.stderr == (
        "Warning: The environment variable HOLDALL_RESULTS_DEFAULT_STORAG is set, and holdall reads no variable of "
        "that name. Did you mean HOLDALL_RESULTS_DEFAULT_STORAGE?\n"
    )
    assert json.loads(found.stdout)


def test_pipes_get_whole_values_and_no_colours(ran: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the terminal is said to be."""
    assert ran is not None
    monkeypatch.setenv("COLUMNS", "40")
    found = started("result", "ls")

    assert len(found.stdout.splitlines()) == 5
    assert "\x1b" not in found.stdout
    assert "…" not in found.stdout


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colours_unless_told_otherwise(
    ran: ModuleType, monkeypatch: pytest.MonkeyPatch, *, no_color: bool
) -> None:
    """Long values are folded there, and no part of them is lost."""
    assert ran is not None
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    listed = in_terminal("run", "ls", "--name", "numbers")
    refused = in_terminal("run", "show", "nowhere")

    assert ("\x1b[31m" in refused) is not no_color
    assert "…" not in listed
    assert "numbers" in "".join(listed.split())


def in_terminal(*arguments: str) -> str:
    main, side = pty.openpty()
    process = subprocess.Popen([script(), *arguments], stdin=side, stdout=side, stderr=side)
    os.close(side)
    written = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not piece:
            break
        written += piece
    process.wait()
    os.close(main)
    return written.decode()


def test_a_closed_pipe_is_no_error_to_speak_of(ran: ModuleType) -> None:
    """As where `head` has seen enough."""
    assert ran is not None
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run([script(), "run", "ls"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)

    assert found.stderr == ""


def test_ctrl_c_is_quiet(work: Path) -> None:
    """Status 130 and not a word."""
    # A suite that was started in the background ignores the signal, and so does what it starts.
    (work / "slow.py").write_text(
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.write(1, b'importing')\nwhile True:\n    time.sleep(60)\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([script(), "explain", "slow:main"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(len("importing"))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()

    assert error == b""
    assert process.returncode == 130


def test_completion_is_offered(work: Path) -> None:
    """The shell asks by a variable, and the commands answer."""
    assert work.is_dir()
    environment = os.environ | {
        "_HOLDALL_COMPLETE": "complete_bash",
        "COMP_WORDS": "holdall res",
        "COMP_CWORD": "1",
    }
    found = started(env=environment)

    assert found.stdout.split() == ["result"]
    assert "--install-completion" in started("--help").stdout
