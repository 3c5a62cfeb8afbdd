"""Settings: what is read from where, what wins, what is refused, and what a second look costs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from holdall.errors import ConfigurationError, HoldallWarning
from holdall.settings import model as settings_module
from holdall.settings.model import Settings, current
from holdall.settings.sources import default_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository's root, so that nothing above it is read."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    return root


@pytest.fixture(autouse=True)
def _no_cache() -> Iterator[None]:
    settings_module._current.by_directory.clear()
    yield
    settings_module._current.by_directory.clear()


def read(directory: Path, **environ: str) -> Settings:
    return Settings.read(str(directory), {"HOME": "/home/ada", **environ})


def settle(*paths: Path) -> None:
    """Date the paths back, as if they had been written a while ago."""
    for path in paths:
        os.utime(path, (1_000_000_000, 1_000_000_000))


def test_defaults_where_nothing_is_set(project: Path) -> None:
    """With no variable and no file every value is a default, and says so."""
    settings = read(project)

    assert settings.results_persist_by_default is None
    assert settings.results_default_storage is None
    assert settings.results_default_serializer is None
    assert frozenset() == settings.results_accept
    assert {} == settings.plugins_prefer
    assert settings.progress is True
    assert {"default"} == set(settings.sources.values())


def test_every_variable(project: Path) -> None:
    """Each setting has a variable, and its source names it."""
    settings = read(
        project,
        HOLDALL_HOME="/srv/holdall",
        HOLDALL_RESULTS_PERSIST_BY_DEFAULT="Yes",
        HOLDALL_RESULTS_DEFAULT_STORAGE="s3/prod",
        HOLDALL_RESULTS_DEFAULT_SERIALIZER="json",
        HOLDALL_RESULTS_ACCEPT="shop.models, shop.orders",
        HOLDALL_RESULTS_LEASE_SECONDS="2.5",
        HOLDALL_RESULTS_MAX_BYTES="2GiB",
        HOLDALL_PLUGINS_PREFER="storage.s3=holdall-s3, serializers.json=mine",
        HOLDALL_PROGRESS="off",
    )

    assert os.path.normpath("/srv/holdall") == settings.home
    assert settings.results_persist_by_default is True
    assert settings.results_default_storage == "s3/prod"
    assert settings.results_default_serializer == "json"
    assert frozenset({"shop.models", "shop.orders"}) == settings.results_accept
    assert settings.results_lease_seconds == 2.5
    assert settings.results_max_bytes == 2 << 30
    assert {"storage.s3": "holdall-s3", "serializers.json": "mine"} == settings.plugins_prefer
    assert settings.progress is False
    assert settings.sources["home"] == "environment variable HOLDALL_HOME"


def test_every_key_of_a_file(project: Path) -> None:
    """Each setting has a key in holdall.toml; a relative home starts from the file."""
    (project / "holdall.toml").write_text(
        'home = "state"\nprogress = false\n'
        '[results]\npersist_by_default = false\ndefault_storage = "s3/prod"\ndefault_serializer = "json"\n'
        'accept = ["shop.models"]\nlease_seconds = 10\nmax_bytes = 1000000\n'
        '[plugins.prefer]\nstorage.s3 = "holdall-s3"\n"serializers.json" = "mine"\n'
    )
    (project / "deep" / "er").mkdir(parents=True)

    settings = read(project / "deep" / "er")

    assert str(project / "state") == settings.home
    assert settings.progress is False
    assert settings.results_persist_by_default is False
    assert settings.results_default_storage == "s3/prod"
    assert settings.results_default_serializer == "json"
    assert frozenset({"shop.models"}) == settings.results_accept
    assert settings.results_lease_seconds == 10
    assert settings.results_max_bytes == 1_000_000
    assert {"storage.s3": "holdall-s3", "serializers.json": "mine"} == settings.plugins_prefer
    assert str(project / "holdall.toml") == settings.sources["results_accept"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2147483648", 2147483648),
        (" 1 B ", 1),
        ("1KiB", 1024),
        ("1kb", 1000),
        ("1.5 GiB", 3 << 29),
        ("0.1MB", 100_000),
        ("3TB", 3 * 10**12),
    ],
)
def test_sizes(project: Path, text: str, expected: int) -> None:
    """A number of bytes, or one with a unit of either kind."""
    assert expected == read(project, HOLDALL_RESULTS_MAX_BYTES=text).results_max_bytes


@pytest.mark.parametrize("text", ["0", "-1", "much", "1GiBs", "1,5GB", "0.1", "1e9", "\u0661", "9" * 30])
def test_what_is_no_size_is_refused(project: Path, text: str) -> None:
    """With what one looks like."""
    with pytest.raises(ConfigurationError, match="is not a number of bytes above 0, as 2147483648 or 2GiB"):
        read(project, HOLDALL_RESULTS_MAX_BYTES=text)


def test_precedence(project: Path) -> None:
    """The environment beats holdall.toml, which beats pyproject.toml beside it, key by key."""
    (project / "pyproject.toml").write_text(
        '[tool.holdall.results]\ndefault_storage = "s3/a"\ndefault_serializer = "a"\naccept = ["a"]\n'
        '[tool.holdall.blocks.s3.prod]\nbucket_path = "a"\nendpoint_url = "a"\n'
    )
    (project / "holdall.toml").write_text(
        '[results]\ndefault_storage = "s3/b"\ndefault_serializer = "b"\n[blocks.s3.prod]\nbucket_path = "b"\n'
    )

    settings = read(project, HOLDALL_RESULTS_DEFAULT_STORAGE="s3/c")

    assert settings.results_default_storage == "s3/c"
    assert settings.results_default_serializer == "b"
    assert frozenset({"a"}) == settings.results_accept
    assert {"s3/prod": {"bucket_path": "b"}} == settings.blocks
    assert str(project / "holdall.toml") == settings.sources["blocks.s3/prod"]


def test_an_empty_variable_is_not_set(project: Path) -> None:
    """`HOLDALL_RESULTS_DEFAULT_STORAGE=` leaves the file's value in place."""
    (project / "holdall.toml").write_text('results.default_storage = "s3/b"\n')

    settings = read(project, HOLDALL_RESULTS_DEFAULT_STORAGE="")

    assert settings.results_default_storage == "s3/b"


def test_the_nearest_directory_wins(project: Path) -> None:
    """A pyproject.toml without [tool.holdall] is passed over, and nothing above the nearest file is read."""
    inner = project / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "holdall-user"\ndependencies = [\n  "holdall>=1",\n]\n')
    (project / "pyproject.toml").write_text('[tool.holdall]\nresults.default_storage = "s3/a"\n')
    (project.parent / "holdall.toml").write_text("nonsense = true\n")

    assert read(inner).results_default_storage == "s3/a"


@pytest.mark.parametrize(
    "text",
    [
        '[tool.holdall.results]\ndefault_storage = "s3/a"',
        '[tool]\nholdall.results.default_storage = "s3/a"',
        '[tool]\nholdall = {results = {default_storage = "s3/a"}}',
        'tool.holdall.results.default_storage = "s3/a"',
        '[ "tool" . "holdall" . "results" ]\ndefault_storage = "s3/a"',
        '[tool]\n"holdall".results.default_storage = "s3/a"',
    ],
)
def test_every_way_to_write_the_table(project: Path, text: str) -> None:
    """However TOML spells tool.holdall, it is seen."""
    (project / "pyproject.toml").write_text(text)

    assert read(project).results_default_storage == "s3/a"


def test_a_project_that_only_depends_on_holdall_costs_no_toml_parser(project: Path) -> None:
    """tomllib is not imported unless a file has something to say; nor are other heavy modules."""
    (project / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["holdall>=1"]\n[tool.ruff]\n')
    code = (
        "import sys; from holdall.settings import current; current();"
        "print([m for m in ('tomllib', 'pydantic', 'logging', 'asyncio', 'importlib.metadata', 'cryptography')"
        " if m in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "results.persist_by_defualt = true",
            ["'results.persist_by_defualt'", "Did you mean results.persist_by_default"],
        ),
        ("progess = true", ["'progess'", "Did you mean progress?"]),
        ("results = 3", ["results is 3", "table"]),
        ("progress = 3", ["progress: 3 is not true or false"]),
        ("results.accept = [1]", ["results.accept", "names of modules"]),
        ("results.default_storage = []", ["results.default_storage: [] is not a text"]),
        ("plugins.prefer = {s3 = 'x'}", ["plugins.prefer", "storage.s3"]),
        ("plugins.prefer = {storage = {s3 = 1}}", ["plugins.prefer", "storage.s3"]),
        ("results.lease_seconds = 0", ["results.lease_seconds: 0 is not a number of seconds above 0"]),
        ("results.lease_seconds = 'long'", ["'long' is not a number of seconds above 0"]),
        ("home = 1", ["home: 1 is not the path of a folder"]),
        ("[blocks]\nprod = 1", ["blocks.prod", "[blocks.s3.prod]"]),
        ("blocks = 1", ["blocks", "[blocks.s3.prod]"]),
        ("[blocks.s3]\nbucket_path = 'x'", ["blocks.s3.bucket_path", "[blocks.s3.prod]"]),
        ("progress = \n", ["is not valid TOML", "line 1"]),
    ],
)
def test_what_a_file_must_not_say(project: Path, text: str, parts: list[str]) -> None:
    """A key that is unknown or a value of the wrong kind is an error that names the file."""
    (project / "holdall.toml").write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        read(project)

    assert [] == [part for part in [str(project / "holdall.toml"), *parts] if part not in str(caught.value)]


def test_tool_holdall_must_be_a_table(project: Path) -> None:
    """`holdall = 1` below [tool] is an error too."""
    (project / "pyproject.toml").write_text("[tool]\nholdall = 1\n")

    with pytest.raises(ConfigurationError, match=r"tool\.holdall must be a table"):
        read(project)


def test_a_variable_of_the_wrong_kind(project: Path) -> None:
    """The error names the variable and what it accepts."""
    with pytest.raises(ConfigurationError) as caught:
        read(project, HOLDALL_RESULTS_PERSIST_BY_DEFAULT="perhaps")

    expected = "environment variable HOLDALL_RESULTS_PERSIST_BY_DEFAULT: 'perhaps' is not true or false."
    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HOLDALL_RESULTS_PERSIST", "no variable of that name."),
        ("HOLDALL_RESULTS_DEFAULT_STORE", "Did you mean HOLDALL_RESULTS_DEFAULT_STORAGE?"),
        ("HOLDALL_SECRET_KEYS", "Did you mean HOLDALL_SECRET_KEY?"),
        ("HOLDALL_BLOCK_S3__PROD__BUCKET_PATH", "Did you mean HOLDALL_BLOCK__S3__PROD__BUCKET_PATH?"),
    ],
)
def test_misspelt_variables_are_warned_of(project: Path, name: str, hint: str) -> None:
    """Nobody reads a misspelt variable: that is said, without its value."""
    with pytest.warns(HoldallWarning) as caught:
        read(project, **{name: "hush"})

    (message,) = [str(each.message) for each in caught]
    assert name in message
    assert hint in message
    assert "hush" not in message


def test_variables_of_others_are_left_alone(project: Path) -> None:
    """A plugin may have variables of its own."""
    read(project, HOLDALL_ELSEWHERE_TOKEN="x", HOLDALL_BLOCK__S3__PROD__BUCKET_PATH="b")


def test_secrets_are_neither_shown_nor_pickled(project: Path) -> None:
    """Environment and block tables may hold secrets: repr and pickle leave both out."""
    (project / "holdall.toml").write_text('[blocks.s3.prod]\nsecret = "from-file"\n')
    settings = read(project, HOLDALL_SECRET_KEY="from-variable", HOLDALL_BLOCK__S3__DEV__SECRET="from-block")

    back = pickle.loads(pickle.dumps(settings))

    for secret in ("from-file", "from-variable", "from-block"):
        assert secret not in repr(settings)
        assert secret.encode() not in pickle.dumps(settings)
    assert settings.sources == back.sources
    assert {} == back.environ
    assert isinstance(hash(settings), int)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.local/share/holdall"),
        ("linux", {"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data/holdall"),
        ("linux", {"HOME": "/home/ada", "XDG_DATA_HOME": "relative"}, "/home/ada/.local/share/holdall"),
        ("darwin", {"HOME": "/Users/ada", "XDG_DATA_HOME": "/data"}, "/Users/ada/Library/Application Support/holdall"),
        ("win32", {"USERPROFILE": "/u", "LOCALAPPDATA": "/u/local"}, "/u/local/holdall"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/holdall"),
        ("linux", {"HOME": "nowhere"}, "/run/.holdall"),
    ],
)
def test_the_default_home(platform: str, environ: dict[str, str], expected: str) -> None:
    """The platform's folder for user data, and below the working directory for a user without one."""
    found = default_home(environ, platform=platform, directory="/run")

    assert expected == found.replace(os.sep, "/")


def test_a_tilde_in_home(project: Path) -> None:
    """`~` is expanded in the variable, and a relative path starts from the working directory."""
    assert os.path.expanduser("~/state") == read(project, HOLDALL_HOME="~/state").home
    assert str(project / "state") == read(project, HOLDALL_HOME="state").home


def test_current_gives_the_same_object_while_nothing_changes(project: Path) -> None:
    """The second look reads nothing."""
    (project / "holdall.toml").write_text("progress = false\n")
    settle(project / "holdall.toml", project)

    first = current(str(project))

    assert first is current(str(project))
    assert first.progress is False


def test_current_sees_the_environment_change(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two calls a variable may come, change and go; a block's too."""
    settle(project)
    before = current(str(project))
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_STORAGE", "s3/a")
    changed = current(str(project))
    monkeypatch.setenv("HOLDALL_BLOCK__S3__A__BUCKET_PATH", "b")
    with_block = current(str(project))
    monkeypatch.delenv("HOLDALL_RESULTS_DEFAULT_STORAGE")
    monkeypatch.delenv("HOLDALL_BLOCK__S3__A__BUCKET_PATH")

    assert before.results_default_storage is None
    assert changed.results_default_storage == "s3/a"
    assert with_block.environ["HOLDALL_BLOCK__S3__A__BUCKET_PATH"] == "b"
    assert current(str(project)).results_default_storage is None


def test_current_sees_files_come_change_and_go(project: Path) -> None:
    """Also where they change within one tick of the clock, and where they appear further up."""
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    settle(inner, inner.parent, project)
    seen = [current(str(inner)).results_default_storage]
    for text in ('results.default_storage = "s3/a"\n', 'results.default_storage = "s3/b"\n'):
        (project / "holdall.toml").write_text(text)
        seen.append(current(str(inner)).results_default_storage)
    (project / "holdall.toml").unlink()
    seen.append(current(str(inner)).results_default_storage)

    assert [None, "s3/a", "s3/b", None] == seen


def test_current_sees_a_settled_file_rewritten(project: Path) -> None:
    """An edit in place long after the first look, of the same length, is seen by its time."""
    file = project / "holdall.toml"
    file.write_text('results.default_storage = "s3/a"\n')
    settle(file, project)
    before = current(str(project))
    file.write_text('results.default_storage = "s3/b"\n')

    assert before.results_default_storage == "s3/a"
    assert current(str(project)).results_default_storage == "s3/b"


def test_current_survives_unrelated_writes(project: Path) -> None:
    """A program that writes files beside it keeps its settings object."""
    settle(project)
    before = current(str(project))
    (project / "output.csv").write_text("1")

    assert before is current(str(project))


def test_current_takes_the_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, and for a relative one."""
    (project / "holdall.toml").write_text('results.default_storage = "s3/a"\n')
    monkeypatch.chdir(project)

    assert current().results_default_storage == "s3/a"
    assert current(".").results_default_storage == "s3/a"


def test_a_working_directory_that_is_gone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are still to be had."""
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert isinstance(current(), Settings)


def test_a_file_that_cannot_be_read(project: Path) -> None:
    """A link that leads in a circle is an error that names it, not a default."""
    (project / "holdall.toml").symlink_to(project / "holdall.toml")

    with pytest.raises(ConfigurationError, match=r"holdall\.toml cannot be read"):
        read(project)
