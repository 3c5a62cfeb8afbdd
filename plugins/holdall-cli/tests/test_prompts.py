"""`holdall block create` in a terminal: what it asks, in which order, what it shows, and what it takes."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from holdall import blocks
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from pathlib import Path

ATTIC = '''
from typing import ClassVar

from pydantic import Field, SecretStr

from holdall.abc import StorageBlock


class Attic(StorageBlock):
    """A place with a lock."""

    slug: ClassVar[str] = "attic"
    floor: int | None = None
    """Counted from
    the ground."""
    key: SecretStr | None = None
    """Opens the door."""
    house: str
    shelves: int = Field(default=3, description="How many there are.")

    def put(self, key, parts, /, *, mode="overwrite"): ...
    def get(self, key, /, *, byte_range=None): ...
    def head(self, key, /): ...
    def delete(self, key, /): ...
    def scan(self, prefix="", /): ...
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A storage type from a distribution of its own."""
    return write_distribution(
        tmp_path / "site",
        "holdall-attic",
        entry_points={"holdall.storage": {"attic": "attic:Attic"}},
        modules={"attic": ATTIC},
    )


def typed(arguments: list[str], answers: list[tuple[str, str]], site: Path) -> tuple[int, str]:
    """Run the command in a terminal, answering each prompt when it has come; its status, and what was on the screen."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 160))
    process = subprocess.Popen(
        [sys.executable, "-m", "holdall", "block", "create", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"PYTHONPATH": str(site), "TERM": "dumb", "HOLDALL_PROGRESS": "0"},
        start_new_session=True,
    )
    os.close(slave)
    screen = ""
    with suppress(OSError):  # a terminal that nobody has open any more is an error to read
        for prompt, answer in [*answers, ("", "")]:
            before = len(screen)
            while not prompt or prompt not in screen[before:]:
                if not select.select([master], [], [], 30)[0]:
                    process.kill()  # it waits for an answer to something else
                screen += os.read(master, 65536).decode()
            os.write(master, f"{answer}\n".encode())
    os.close(master)
    return process.wait(30), screen.replace("\r\n", "\n")


@pytest.mark.secrets
def test_asks_for_what_matters_and_hides_secrets(work: Path, site: Path) -> None:
    """What is required comes first, Enter skips the rest, and what has a default of its own is not asked for."""
    status, screen = typed(
        ["attic/prod", "--no-check"],
        [
            ("house: ", ""),
            ("house: ", "of cards"),
            ("floor (Enter for none): ", ""),
            ("key (Enter for none): ", "hush"),
        ],
        site,
    )

    assert work.is_dir()
    assert 0 == status
    assert (
        "house: \nhouse: of cards\nfloor: Counted from the ground.\nfloor (Enter for none): \nkey: Opens the door.\n"
        "key (Enter for none): \nBy --set there are also shelves, inline_limit, on_failure, signing_key, "
        "encryption_key, no_pickle, "
        "accept; `holdall plugin show storage.attic` explains them.\nSaved attic/prod in the catalog in "
    ) in screen
    assert "hush" not in screen
    with on_path(site):
        block = blocks.load("attic/prod")
        assert {"house": "of cards", "key": "hush"} == block.secret_values() | block.plain_fields()


def test_asks_only_for_what_is_missing_where_something_is_given(work: Path, site: Path) -> None:
    """Options are for those who know what they want."""
    status, screen = typed(
        ["attic/prod", "--no-check", "--set", "floor=2"],
        [("house: ", "of cards")],
        site,
    )

    assert work.is_dir()
    assert 0 == status
    assert "key" not in screen
    with on_path(site):
        assert {"floor": 2, "house": "of cards"} == blocks.load("attic/prod").plain_fields()


@pytest.mark.parametrize(("answer", "status", "saved"), [("", 1, False), ("y", 0, True)])
def test_a_block_that_fails_is_saved_when_the_answer_is_yes(
    work: Path, site: Path, answer: str, status: int, saved: bool
) -> None:
    """The default of a field is shown and taken on Enter; the verdicts stand above the question."""
    (work / ".holdall-results").write_text("no folder")
    found, screen = typed(
        ["local-file-system/lake"],
        [("basepath [.holdall-results]: ", ""), ("Save local-file-system/lake all the same? [y/N]: ", answer)],
        site,
    )

    assert status == found
    assert "basepath: The folder. A relative one is taken from" in screen
    assert "\nwrite       failed " in screen
    assert saved == ("Saved local-file-system/lake" in screen)
    assert saved != ("was not saved" in screen)


def test_the_listing_of_a_type_says_the_same(holdall: Any, site: Path) -> None:
    """Types, defaults and texts of the fields, with those that all blocks have at the end."""
    with on_path(site):
        shown = holdall("plugin", "show", "attic", "--json").stdout
    floor, key, house, shelves, *general = json.loads(shown)[0]["options"]

    assert {
        "name": "floor",
        "type": "int | None",
        "required": False,
        "default": None,
        "secret": False,
        "about": "Counted from the ground.",
    } == floor
    assert ("secret", True, "Opens the door.") == (key["type"], key["secret"], key["about"])
    assert (True, "") == (house["required"], house["about"])
    assert (3, "How many there are.") == (shelves["default"], shelves["about"])
    assert ["inline_limit", "on_failure", "signing_key", "encryption_key", "no_pickle", "accept"] == [
        each["name"] for each in general
    ]
