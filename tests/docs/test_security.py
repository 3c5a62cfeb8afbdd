"""Each claim of the page for reviewers names tests, and they are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdall import _registry
from holdall.abc.wrapping import WrappingSerializer
from holdall.serializers import BundleSerializer, JSONSerializer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
POLICY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`((?:core|plugins|tests)/[\w/.-]+\.py)::([\w:]+)`")

COMING = {
    # Named on the page, and on their way in other work: once they are here, they go from this list.
    ("tests/trust/test_calls.py", "test_what_stored_options_name_is_not_called"),
    ("tests/trust/test_calls.py", "test_serializers_nest_only_so_deep"),
    ("tests/trust/test_few_bytes.py", "test_few_bytes_cost_little"),
    ("tests/trust/test_types.py", "test_classes_with_ways_of_their_own_are_refused"),
    ("core/tests/builtin/test_json.py", "test_a_stored_library_is_not_called"),
    ("core/tests/builtin/test_json_refused.py", "test_validators_do_not_run"),
    ("core/tests/test_belonging.py", "test_another_keys_record_is_corrupt_and_says_where_it_was_written"),
    ("core/tests/test_belonging.py", "test_damage_exchange_and_restore_give_no_wrong_value"),
    ("core/tests/test_belonging.py", "test_each_run_of_a_fixed_name_has_its_own_result_or_none"),
    ("core/tests/test_members.py", "test_an_odd_member_is_a_corrupt_record_or_no_matter"),
    ("core/tests/test_members.py", "test_an_odd_record_stops_nothing_for_the_others"),
    ("core/tests/test_removal.py", "test_the_payload_goes_with_its_last_record"),
    ("core/tests/test_bounds.py", "test_what_grows_beyond_its_declaration_is_corrupt"),
    ("core/tests/test_bounds.py", "test_more_than_the_setting_is_refused_before_a_byte_is_read"),
    ("tests/robustness/test_bounds.py", "test_no_bomb_goes_off"),
    ("core/tests/builtin/test_regular.py", "test_no_lock_is_taken_on_what_is_no_file_of_ours"),
    ("core/tests/builtin/test_regular.py", "test_a_key_file_is_a_file"),
    ("core/tests/builtin/test_regular.py", "test_a_configuration_file_is_a_file"),
    ("core/tests/test_redact.py", "test_no_command_prints_one"),
    ("tests/robustness/test_credentials.py", "test_a_reference_sends_no_credentials_to_its_server"),
}


def named() -> set[tuple[str, str]]:
    """File and test, as both pages name them."""
    return {(match[1], match[2]) for match in _TEST.finditer(PAGE + POLICY)}


def rows() -> list[str]:
    """Lines of tables that make a claim: those of tables whose last column is the test."""
    found, in_table = [], False
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            in_table = False
        elif line.endswith("| test |"):
            in_table = True
        elif in_table and not line.startswith("|---"):
            found.append(line)
    return found


def test_each_line_names_a_test() -> None:
    """A claim that nothing shows is none."""
    assert len(rows()) > 40
    assert [] == [line for line in rows() if not _TEST.search(line.rpartition(" | ")[2])]


def test_the_tests_are_there_and_are_collected() -> None:
    """A test that is renamed, or that pytest does not find, takes its line with it."""
    here = sorted(named() - COMING)
    files = sorted({file for file, _ in here})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    collected = {line.partition("[")[0].strip() for line in listed.stdout.splitlines() if "::" in line}

    assert 0 == listed.returncode, listed.stdout[-2000:] + listed.stderr[-2000:]
    assert [] == [f"{file}::{name}" for file, name in here if f"{file}::{name}" not in collected]


def test_what_is_still_to_come_is_not_here_yet() -> None:
    """A list of exceptions that nobody shortens is a hole."""
    assert set() == COMING - named()
    assert [] == [
        f"{file}::{name}"
        for file, name in sorted(COMING)
        if (ROOT / file).exists() and f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    ]


def test_the_table_of_serializers_is_that_of_the_program() -> None:
    """Every installed one is in it; pickle alone runs code by itself, and the others are as what is inside."""
    table = PAGE[PAGE.index("| serializer | runs code |") : PAGE.index("| claim | test |")]
    said = {}
    for line in table.splitlines()[2:]:
        if line.startswith("|"):
            slugs, _, what = line.strip("| ").partition(" | ")
            said |= dict.fromkeys(re.findall(r"`([\w-]+)`", slugs), what)
    classes = {slug: _registry.load("serializers", slug) for slug in _registry.names("serializers")}
    wrapping = {slug for slug, cls in classes.items() if issubclass(cls, WrappingSerializer)}
    by_itself = {slug for slug, cls in classes.items() if slug not in wrapping | {"auto"} and cls().trusted_only}  # type: ignore[attr-defined]

    assert set(classes) == set(said)
    assert {"pickle"} == by_itself == {slug for slug, what in said.items() if what == "**yes**"}
    assert wrapping == {slug for slug, what in said.items() if what.startswith("as what is inside")}
    for slug in wrapping:
        assert classes[slug]().trusted_only  # type: ignore[attr-defined]
        assert not classes[slug](serializer="json").trusted_only  # type: ignore[call-arg, attr-defined]
    assert not JSONSerializer().trusted_only
    assert not BundleSerializer().trusted_only


@pytest.mark.parametrize(
    "path", ["README.md", "SECURITY.md", "mkdocs.yml", "docs/how-to/trust.md", "docs/how-to/encrypt.md"]
)
def test_the_page_is_found(path: str) -> None:
    """From where reviewers begin, or one page further."""
    text = (ROOT / path).read_text(encoding="utf-8")

    assert "security.md" in text
