"""`holdall block`: saving with and without secrets, showing, listing, deleting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from holdall import blocks
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTIC = '''
from typing import ClassVar

from pydantic import SecretStr

from holdall.abc import StorageBlock


class Attic(StorageBlock):
    """A place with a lock."""

    slug: ClassVar[str] = "attic"
    basepath: str
    key: SecretStr | None = None
    shelves: list[int] = []

    def put(self, key, parts, /, *, mode="overwrite"): ...
    def get(self, key, /, *, byte_range=None): ...
    def head(self, key, /): ...
    def delete(self, key, /): ...
    def scan(self, prefix="", /): ...
'''


@pytest.fixture(autouse=True)
def _attic(work: Path, tmp_path: Path) -> Iterator[None]:
    """A storage type from a distribution of its own."""
    assert work.is_dir()
    folder = write_distribution(
        tmp_path / "site",
        "holdall-attic",
        entry_points={"holdall.storage": {"attic": "attic:Attic"}},
        modules={"attic": ATTIC},
    )
    with on_path(folder):
        yield


def test_saves_lists_and_shows_a_block(holdall: Any, plain: Any) -> None:
    """Text that is no text to its field is read as JSON."""
    saved = holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/a=b", "--set", "shelves=[1, 2]")

    assert plain(saved.stdout) == (
        "Saved attic/prod in the catalog in <tmp>/home. Use it as result_storage='attic/prod'.\n"
    )
    assert saved.stderr == ""
    assert plain(holdall("block", "ls").stdout) == ("SLUG  TYPE  FROM\nattic/prod  attic  the catalog in <tmp>/home\n")
    assert plain(holdall("block", "show", "attic/prod").stdout) == (
        "The block attic/prod is of type attic and comes from the catalog in <tmp>/home.\n"
        "  inline_limit  8192\n  on_failure  raise\n  signing_key  -\n  encryption_key  -\n  no_pickle  False\n"
        "  accept  []\n  basepath  /a=b\n  key  -\n  shelves  [1, 2]\n"
    )


def test_lists_and_shows_as_json(holdall: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a slug is configured twice, the listing says which is asked first."""
    holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/a")
    monkeypatch.setenv("HOLDALL_BLOCK__ATTIC__PROD__BASEPATH", "/b")
    catalog, variables = f"the catalog in {tmp_path / 'home'}", "environment variables HOLDALL_BLOCK__ATTIC__PROD__*"

    assert json.loads(holdall("block", "ls", "--json").stdout) == [
        {"slug": "attic/prod", "type": "attic", "source": variables, "shadowed_by": None},
        {"slug": "attic/prod", "type": "attic", "source": catalog, "shadowed_by": variables},
    ]
    assert json.loads(holdall("block", "show", "attic/prod", "--json").stdout) == {
        "slug": "attic/prod",
        "type": "attic",
        "source": variables,
        "fields": {
            "inline_limit": 8192,
            "on_failure": "raise",
            "signing_key": None,
            "encryption_key": None,
            "no_pickle": False,
            "accept": [],
            "basepath": "/b",
            "key": None,
            "shelves": [],
        },
        "secrets": ["encryption_key", "key", "signing_key"],
        "location": {"basepath": "/b"},
    }
    assert "Also configured, and not used: the catalog in" in holdall("block", "show", "attic/prod").stderr
    assert (
        "which comes first"
        in holdall("block", "create", "attic/prod", "--no-check", "--overwrite", "--set", "basepath=/c").stderr
    )


@pytest.mark.secrets
@pytest.mark.parametrize("way", ["--set", "--set-env", "--prompt"])
def test_secrets_are_saved_and_never_shown(
    holdall: Any, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each of the three ways; the one that leaves them in the shell's history says so."""
    monkeypatch.setenv("ATTIC_KEY", "hush-hush")
    value = {"--set": "key=hush-hush", "--set-env": "key=ATTIC_KEY", "--prompt": "key"}[way]
    saved = holdall(
        "block", "create", "attic/prod", "--no-check", "--set", "basepath=/a", way, value, given="hush-hush\n"
    )
    shown, document = holdall("block", "show", "attic/prod"), holdall("block", "show", "attic/prod", "--json")

    assert saved.exit_code == 0
    assert ("key may be in the history of your shell" in saved.stderr) == (way == "--set")
    assert json.loads(document.stdout)["fields"]["key"] == "**********"
    assert "hush-hush" not in saved.output + shown.output + document.output
    assert b"hush-hush" not in b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir())
    assert blocks.load("attic/prod").secret_values() == {"key": "hush-hush"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["attic", "--set", "basepath=/a"], "'attic' has no type and name, as s3/prod has."),
        (["attic/prod", "--set", "hush-hush"], "it takes FIELD=VALUE."),
        (["attic/prod", "--set-env", "key"], "it takes FIELD=VAR."),
        (["attic/prod", "--set-env", "key=NOT_THERE"], "the environment variable NOT_THERE is not set."),
    ],
)
def test_refuses_options_of_the_wrong_form(holdall: Any, arguments: list[str], said: str) -> None:
    """As a wrong use, with status 2; what may be a secret is not repeated."""
    found = holdall("block", "create", *arguments)

    assert said in found.stderr
    assert "hush-hush" not in found.output
    assert found.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["atic/prod"], "Error: No storage type is called 'atic'. Did you mean 'attic'?"),
        (["attic/prod"], "the field 'basepath' is missing"),
        (["attic/prod", "--set", "basepth=/a"], "did you mean 'basepath'?"),
        (["attic/a b", "--set", "basepath=/a"], "is no name for a block."),
    ],
)
def test_refuses_blocks_that_cannot_be(holdall: Any, arguments: list[str], said: str) -> None:
    """With what is wrong, and status 1."""
    found = holdall("block", "create", *arguments)

    assert said in found.stderr
    assert found.stderr.startswith("Error: ")
    assert found.exit_code == 1
    assert holdall("block", "ls").stdout == ""


def test_replaces_a_block_only_when_told(holdall: Any) -> None:
    """The error names the option."""
    holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/a")
    found = holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/b")
    replaced = holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/b", "--overwrite")

    assert "A block is saved as attic/prod already" in found.stderr
    assert "--overwrite" in found.stderr
    assert (1, 0) == (found.exit_code, replaced.exit_code)
    assert blocks.load("attic/prod").location() == {"basepath": "/b"}


def test_deletes_a_block_when_told(holdall: Any) -> None:
    """After a question, or with --yes."""
    holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/a")
    kept = holdall("block", "delete", "attic/prod", given="\n")
    listed = holdall("block", "ls").stdout
    deleted = holdall("block", "delete", "attic/prod", given="y\n")

    assert kept.exit_code == 1
    assert "attic/prod" in listed
    assert deleted.stdout.endswith("Deleted attic/prod.\n")
    assert holdall("block", "ls").stderr.startswith("No blocks yet. Make one: holdall block create ")


@pytest.mark.parametrize("command", [["show"], ["delete", "--yes"]])
def test_an_unknown_block_is_an_error_with_the_nearest(holdall: Any, command: list[str], tmp_path: Path) -> None:
    """Before there is a catalog, which looking does not make, and when there is one."""
    before = holdall("block", *command, "attic/prd")
    made = (tmp_path / "home").exists()
    holdall("block", "create", "attic/prod", "--no-check", "--set", "basepath=/a")
    after = holdall("block", *command, "attic/prd")

    assert before.stderr.startswith("Error: No storage block is saved or configured as 'attic/prd'. Known: none.")
    assert not made
    assert "Did you mean 'attic/prod'?" in after.stderr
    assert (1, 1) == (before.exit_code, after.exit_code)
