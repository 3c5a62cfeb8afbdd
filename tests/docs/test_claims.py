"""What the first page and its neighbours say of the program is so: each such sentence has its check."""

from __future__ import annotations

import json
import pickle
import re
import tomllib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall import task
from holdall.errors import HoldallError
from holdall.serializers import JSONSerializer, MsgpackSerializer
from holdall.testing.sources import BytesSource
from holdall_cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SECTIONS = ("Keep it safe", "What you can rely on", "Limits")
"""Of the first page: each sentence in them is a claim."""
DENIALS = re.compile(
    r"\bnot yet\b|\bno signatures?\b|\bno encryption\b|\bnot encrypted\b|\bnot signed\b|\bunsupported\b|\bunimplemented\b"
    r"|\bnot (?:supported|implemented|possible|available)\b|\bin a later (?:release|version)\b|\bplanned\b|\bcoming soon\b"
    r"|\bno way (?:to|of)\b|\bTODO\b",
    re.IGNORECASE,
)
"""What a page says while a feature is missing, and goes on saying when it is there."""
PAGES = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(path for path in ROOT.glob("docs/**/*.md") if "adr" not in path.parts),
]


def sentences(text: str, /) -> Iterator[str]:
    """The prose of a page, a sentence at a time, without marks of lists and headings."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\* )|\n(?=\|)|\n(?=#)", text):
        line = re.sub(r"^(\* |#+ |\|)", "", " ".join(block.split()))
        yield from (
            each.strip() for each in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\[])|(?<=\.\*\*)\s+", line) if each.strip()
        )


def section(name: str, /) -> str:
    """A section of the first page, its heading left out."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    return page.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]


# ----------------------------------------------------------------------------------------------------- what is tried here

RAN: list[int] = []


def _leave_a_trace() -> None:
    RAN.append(1)


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _leave_a_trace, ()


def keep(value: Any, **options: Any) -> tuple[Any, bytes]:
    """The reference of a kept result, and its record."""
    reference = task(persist_result=True, return_state=True, cache_result_in_memory=False, **options)(
        lambda: value
    )().reference
    return reference, Path(".holdall-results", reference.key).read_bytes()


def nothing_was_released(_: pytest.MonkeyPatch) -> None:
    """A release has a heading in the change log, and a version of its own."""
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    projects = [ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    versions = {tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] for path in projects}

    assert [] == re.findall(r"^## .*", log, re.MULTILINE)
    assert {"0.1.0"} == versions


def the_default_is_pickle(_: pytest.MonkeyPatch) -> None:
    """Where nothing says otherwise."""
    assert "pickle" == json.loads(keep({1: 2})[1])["serializer"]["type"]


def a_pickle_runs_code(_: pytest.MonkeyPatch) -> None:
    """As the writer chose, when it is read."""
    reference, _record = keep(Trap())
    RAN.clear()
    reference.get()

    assert [1] == RAN


def json_and_msgpack_run_nothing(_: pytest.MonkeyPatch) -> None:
    """Of a pickle that somebody hands to them."""
    RAN.clear()
    for serializer in (JSONSerializer(), MsgpackSerializer()):
        with pytest.raises(HoldallError):
            serializer.load(BytesSource(pickle.dumps(Trap())))
        assert not serializer.trusted_only

    assert [] == RAN


def both_are_asked_for(patch: pytest.MonkeyPatch) -> None:
    """By a key, and by a serializer."""
    plain = keep(["in the clear"], result_serializer="json")[1]
    key = urlsafe_b64encode(bytes(32)).decode()
    patch.setenv("HOLDALL_SIGNING_KEY", f"s:{key}")
    patch.setenv("HOLDALL_ENCRYPTION_KEY", f"e:{key}")
    signed = keep(["in the clear"], result_serializer="json")[1]
    encrypted = keep(["in the clear"], result_serializer="encrypted/json")[1]

    assert [False, True, True] == [b'"signature":"' in each for each in (plain, signed, encrypted)]
    assert [True, True, False] == [b"in the clear" in each for each in (plain, signed, encrypted)]


def clouds_are_played_by_servers(_: pytest.MonkeyPatch) -> None:
    """The tests start them, know no account of a cloud, and of obstore's start none of Google."""
    services = ROOT / "tests/services"
    obstore = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("plugins/holdall-obstore/tests/*.py"))

    assert "fake-gcs-server" in (services / "gcs.py").read_text(encoding="utf-8")
    assert "Azurite" in (services / "azure.py").read_text(encoding="utf-8")
    assert "fake_gcs" not in obstore
    assert "azurite" in obstore


def no_command_schedules_or_serves(_: pytest.MonkeyPatch) -> None:
    """Nor does a dependency."""
    from typer.main import get_command

    project = tomllib.loads((ROOT / "core/pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = " ".join(project["dependencies"]).lower()
    commands = get_command(app).commands  # type: ignore[attr-defined]

    assert set() == {"serve", "server", "schedule", "deploy", "start", "worker", "agent", "ui"} & set(commands)
    assert [] == [
        name for name in ("apscheduler", "celery", "fastapi", "flask", "uvicorn", "croniter") if name in needed
    ]


# ---------------------------------------------------------------------------------------------------------- the claims

WRITER = "tests/security/test_writer.py"
ED25519 = "plugins/holdall-crypto/tests/test_ed25519.py"
CLAIMS: dict[str, Callable[[pytest.MonkeyPatch], None] | str] = {
    # README, Keep it safe
    "`HOLDALL_SIGNING_KEY` signs every result, and readers with a key refuse what is not signed.": (
        "core/tests/security/test_signing.py::test_an_unsigned_result_is_refused_before_it_is_loaded"
    ),
    "With `holdall-crypto`, Ed25519 keys let readers verify who could not forge (`HOLDALL_TRUSTED_SIGNERS`), and "
    '`result_serializer="encrypted/json"` encrypts a result before it leaves the process.': (
        f"{ED25519}::test_who_has_the_public_key_cannot_write"
    ),
    "`no_pickle=True` on a block keeps out what could run code.": (
        "core/tests/security/test_signing.py::test_no_pickle_is_written"
    ),
    "A serializer that would give back another value than it was given is found out when it writes.": (
        "core/tests/results/payload/test_roundtrip.py::test_a_loss_is_refused_with_its_path"
    ),
    "[Security](docs/explanation/security.md) has each claim with its test.": (
        "tests/docs/test_security.py::test_each_line_names_a_test"
    ),
    # README, What you can rely on
    "A result exists when its record exists.": (
        "core/tests/builtin/local/test_directory.py::test_a_killed_writer_leaves_whole_objects_only"
    ),
    "The record is written last and in one piece, so whoever reads sees the whole old result or the whole new one, whichever "
    "process is killed and when.": "tests/robustness/test_crash.py::test_two_hundred_kills_tear_nothing",
    "The next run needs no repair.": "tests/robustness/test_crash.py::test_two_hundred_kills_tear_nothing",
    "Checksums find bytes that have changed.": "tests/robustness/test_damage.py::test_reading_a_damaged_result_is_an_error",
    "To survive a loss of power as well, set `fsync=True` on the block.": (
        "core/tests/builtin/local/test_directory.py::test_fsync_forces_file_and_folders"
    ),
    "What may pass is tried again; a storage that is down is said to be so once.": (
        "core/tests/storage/test_circuit_breaker.py::test_says_once_that_a_storage_is_down_and_asks_it_no_more"
    ),
    "A result that was computed is never thrown away because its storage failed: it waits in a spool on this machine, reads "
    "find it there, and `holdall result push` sends it later.": (
        "tests/robustness/test_spool.py::test_a_server_that_dies_in_mid_upload_loses_nothing"
    ),
    "Credentials are fields of blocks.": "tests/robustness/test_secrets.py::test_real_credentials_are_nowhere_in_the_clear",
    "They are encrypted where blocks are saved, and never in a record, a reference, a pickle, a message or a log.": (
        "tests/robustness/test_secrets.py::test_no_byte_that_is_written_or_printed_holds_a_secret"
    ),
    "Cache keys are stored as digests only.": (
        "tests/vectors/test_record_format.py::test_an_independent_reader_reads_what_a_run_has_written"
    ),
    "Results are encrypted where you ask for it.": both_are_asked_for,
    "Nothing is imported because stored data names it: a class in a JSON payload has to be imported here already, or "
    "accepted by you.": "core/tests/builtin/json/test_serializer.py::test_a_class_of_a_module_that_is_not_imported_needs_trust",
    "No code of such a class runs when an instance is read.": (
        "core/tests/serialization/typed/test_writer.py::test_validators_do_not_run"
    ),
    "A function that a record names is called only where you accept it.": (
        "tests/trust/test_calls.py::test_what_stored_options_name_is_not_called"
    ),
    "Pickle knows no such border, see below.": a_pickle_runs_code,
    # README, Limits
    "Nothing is on the package index yet.": nothing_was_released,
    "From a clone, `pip install ./core ./plugins/holdall-msgpack` and the like do it.": (
        "tests/packaging/test_wheels.py::test_the_quick_start_runs_outside_the_workspace"
    ),
    "The default serializer is pickle.": the_default_is_pickle,
    "**Reading a pickle runs code that its writer chose**, so read pickled results only from where you would run programs.": (
        a_pickle_runs_code
    ),
    "`json` and `msgpack` run nothing.": json_and_msgpack_run_nothing,
    "Results are signed and encrypted only where you say so.": both_are_asked_for,
    "Without a signing key, a checksum finds rot, and not somebody who rewrites both payload and record.": (
        f"{WRITER}::test_a_payload_that_is_replaced"
    ),
    "A signature says who wrote a record, and not that it is the newest one under its name.": (
        f"{WRITER}::test_an_old_entry_put_back"
    ),
    "The plugins for Google Cloud Storage and Azure have run against servers that speak as those do (fake-gcs-server, "
    "Azurite), and not against the clouds themselves; `holdall-obstore` has met no Google server at all.": (
        clouds_are_played_by_servers
    ),
    "There is no scheduler and no server: flows run where you call them.": no_command_schedules_or_serves,
    # Denials elsewhere
    "**Checksums are no signature.**": f"{WRITER}::test_a_payload_that_is_replaced",
    "Checksums find rot; they are no signature, since who can write a payload can write its checksum.": (
        f"{WRITER}::test_a_payload_that_is_replaced"
    ),
    "With a key, results are signed, and a reader that has keys or trusted signers refuses what is not signed, or not by "
    "them, before it uses a byte of it.": f"{WRITER}::test_a_forged_record",
    "`True`, `False` and `None` are no objects in storage, and not encrypted.": (
        f"{WRITER}::test_what_encryption_leaves_in_the_clear"
    ),
    "`True`, `False` and `None` are not encrypted: they stand in records and in the catalog.": (
        f"{WRITER}::test_what_encryption_leaves_in_the_clear"
    ),
}
HEADINGS = {"**Crashes.**", "**Storages that fail.**", "**Secrets.**", "**Trust.**"}
CHECKED_ELSEWHERE = {"security.md": "tests/docs/test_security.py::test_each_line_names_a_test"}
"""Pages each line of which names its own test."""


@pytest.mark.parametrize("name", SECTIONS)
def test_each_sentence_of_the_first_page_is_a_claim(name: str) -> None:
    """A new one comes with its check, and one that is changed is looked at again."""
    assert [] == [each for each in sentences(section(name)) if each not in CLAIMS and each not in HEADINGS]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_denies_is_a_claim(page: Path) -> None:
    """What is missing today may be there tomorrow, and the sentence with it."""
    if page.name in CHECKED_ELSEWHERE:
        return
    found = [each for each in sentences(page.read_text(encoding="utf-8")) if DENIALS.search(each)]

    assert [] == [each for each in found if each not in CLAIMS]


def test_no_claim_is_left_over() -> None:
    """A sentence that stands nowhere any more has no check to go with it."""
    said = {each for page in PAGES for each in sentences(page.read_text(encoding="utf-8"))}

    assert set() == set(CLAIMS) - said


@pytest.mark.parametrize(
    "check", sorted({each for each in CLAIMS.values() if callable(each)}, key=lambda each: each.__name__)
)
def test_the_claim_is_so(
    check: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the program, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    check(monkeypatch)


@pytest.mark.parametrize(
    "test", sorted({*(each for each in CLAIMS.values() if isinstance(each, str)), *CHECKED_ELSEWHERE.values()})
)
def test_the_test_of_the_claim_is_there(test: str) -> None:
    """Where a claim has a test already, it is named."""
    file, _, name = test.partition("::")

    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "sentence",
    [
        "* There are no signatures yet: a checksum finds rot.",
        "Results themselves are not encrypted.",
        "Windows is not supported.",
        "Columns of this kind are planned.",
    ],
)
def test_a_denial_is_seen(sentence: str) -> None:
    """Those that stood here while the program could do it are among them."""
    [found] = [each for each in sentences(f"Some text.\n\n{sentence}\n") if DENIALS.search(each)]

    assert found not in CLAIMS


def test_the_copy_of_the_first_page_is_one() -> None:
    """The package index shows it."""
    assert (ROOT / "README.md").read_text(encoding="utf-8") == (ROOT / "core/README.md").read_text(encoding="utf-8")
