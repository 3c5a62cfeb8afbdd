"""Where records lie, and which names results may have."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdall.builtin.local import key_rules as local
from holdall.errors import ConfigurationError
from holdall.ids import new_id
from holdall.plugins import registry
from holdall.results.layout import (
    FILE_LOCKS,
    OURS,
    TEMPORARY,
    candidates,
    check_name,
    copy_name,
    is_own,
    name_fault,
    name_key,
    own_key,
    record_key,
)

SUFFIXES = [".json", ".pkl", ".txt", ".bin", ".json.gz", ".pkl.lz4", ".plotly.json", ".pkl.zst.enc", ".parquet", ".a-b"]
segments = st.one_of(
    st.text("ab._-1", min_size=1, max_size=8),
    st.sampled_from(
        ["latest", "v1.2", "daily.json", "daily.json_", "x.pkl.gz", "a.", "a._", "a.b_c", ".json", "json", "_"]
    ),
    st.builds(
        lambda stem, suffix, tail: stem + suffix + tail,
        st.text("ab", max_size=2),
        st.sampled_from(SUFFIXES),
        st.text("_", max_size=2),
    ),
)
names = st.lists(segments, min_size=1, max_size=3).map("/".join)
suffixes = st.one_of(st.sampled_from(SUFFIXES), st.from_regex(r"\A(\.[ab][ab1-]{0,2}){1,2}\Z"))


def test_a_run_leads_to_its_record() -> None:
    """4,096 neighbours to a folder."""
    run = new_id()

    assert f"results/{run[-5:-3]}/{run}.json" == own_key(run)


def test_a_cache_key_leads_to_its_digest_alone() -> None:
    """Whatever characters it has."""
    hashed = hashlib.sha256("clé/../\0".encode()).hexdigest()

    assert f"cache/{hashed[:2]}/{hashed}.json" == record_key("clé/../\0")
    assert record_key("\ud800") != record_key("\ud801")


def test_a_name_leads_to_its_digest() -> None:
    """In a folder of its own, and so to nothing that another name or key leads to."""
    hashed = hashlib.sha256("out/été".encode()).hexdigest()

    assert f"names/{hashed[:2]}/{hashed}.json" == name_key("out/été")
    assert is_own(name_key("out/été"))
    assert (name_key("a.pkl"), "a.pkl", "a.pkl.record") == candidates("a.pkl")
    assert (name_key("a.pkl"),) == candidates(name_key("a.pkl"))


@pytest.mark.parametrize(
    ("name", "suffix", "copy"),
    [
        ("latest", ".json", "latest.json"),
        ("v1.2", ".json", "v1.2.json"),
        ("2024-05-01", ".parquet", "2024-05-01.parquet"),
        ("daily.json", ".pkl", "daily.json_.pkl"),
        ("daily.json", ".json", "daily.json_.json"),
        ("a.json/b", ".json", "a.json_/b.json"),
        ("out/report", ".json.gz", "out/report.json.gz"),
        ("été.csv", ".pkl", "été.csv_.pkl"),
    ],
)
def test_a_copy_is_called_as_people_look_for_it(name: str, suffix: str, copy: str) -> None:
    """The name and the format's extension; an underscore where the name could be taken for a file of its own."""
    assert copy == copy_name(name, suffix)


@given(names, suffixes, names, suffixes)
@example("x", ".a.json", "x.a", ".json")
@example("daily", ".json.gz", "daily.json", ".gz")
@example("daily", ".json", "daily.json", ".pkl")
@example("a", ".json", "a.json/b", ".json")
@example("a.b", ".c", "a.b_", ".c")
def test_copies_of_two_names_never_meet(one: str, suffix: str, other: str, another: str) -> None:
    """Nor is one a folder of another: by the form of their names, in whatever formats."""
    first, second = copy_name(one, suffix), copy_name(other, another)

    assert one == other or first != second
    assert PurePosixPath(first) not in PurePosixPath(second).parents
    assert not (first + "/").startswith(second + "/") or one == other


@given(names, suffixes)
def test_a_copys_name_tells_the_name(name: str, suffix: str) -> None:
    """So the rule loses nothing."""
    stem = copy_name(name, suffix).removesuffix(suffix)

    assert name == "/".join(
        each[:-1] if re.search(r"\.[A-Za-z][A-Za-z0-9-]*_+\Z", each) else each for each in stem.split("/")
    )


@pytest.mark.parametrize("suffix", ["", "json", ".", ".json_", ".a b", ".7z", ".a/b", ".json\n", ".é"])
def test_an_extension_that_would_spoil_this_is_refused(suffix: str) -> None:
    """As that of a plugin may."""
    with pytest.raises(ConfigurationError, match="an extension is a dot, a letter"):
        copy_name("name", suffix)


def test_the_extensions_of_all_serializers_will_do() -> None:
    """Those that are installed here."""
    for slug in registry.names("serializer"):
        suffix = registry.serializer(slug).suffix

        assert copy_name("name", suffix) == f"name{suffix}"


RUN = "01a22890163d96a6170dc9c4b26b99db"


@pytest.mark.parametrize(
    "name",
    [
        *(f"{folder}{rest}" for folder in sorted({*OURS, FILE_LOCKS}) for rest in ("", "/x", "/ab/cd.json")),
        *(folder.upper() for folder in sorted(OURS)),
        record_key("victim"),
        name_key("victim"),
        own_key(RUN),
        "..",
        "../x",
        "a/../b",
        "./a",
        "a//b",
        "/a",
        "a/",
        "/",
        "",
        "a\nb",
        "a\x00b",
        "a\x7f",
        "a\u2028b",
        "a\x85b",
        "\ud800",
        "x" * 1001,
        "é" * 501,
        f"a/{TEMPORARY}1",
    ],
)
def test_names_that_no_storage_holds_and_names_of_our_own_are_refused(name: str) -> None:
    """With what to do about it."""
    with pytest.raises(ConfigurationError):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["a", "result", "my/results", "cached/x", ".hidden", "a.b", "v1.2", "x" * 1000, "a b", "été/à", "-", "..a"]
)
def test_other_names_pass(name: str) -> None:
    """What a certain storage cannot hold is that storage's to say."""
    assert name_fault(name) is None


def test_local_folders_keep_the_same_names_for_themselves() -> None:
    """Those of locks, and of files that are being written."""
    assert (FILE_LOCKS, TEMPORARY) == (local.LOCKS, local.TEMPORARY)
