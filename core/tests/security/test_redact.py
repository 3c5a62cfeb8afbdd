"""A password or a key in the text of a storage: seen wherever it stands, refused, and printed by nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import Field

from holdall import blocks, flow, task
from holdall.blocks.reopen import storage_at
from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import ConfigurationError
from holdall.security.redact import HIDDEN, has_secret, holds_secret, masked, shown
from holdall.settings.model import Settings, current
from holdall.types import StorageReference

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc import StorageBlock

SECRET = "hunter2SECRET"
SHAPES = [
    "sftp://bob:{}@127.0.0.1:1/results",
    "SFTP://Bob:{}@host",
    "sftp://:{}@host/x",
    "sftp://bob:{}@[::1]:22/x",
    "sftp:/bob:{}@host/x",
    "s3://AKIA:{}@bucket/prefix",
    "gs://key:{}@bucket",
    "az://c/p?sv=1&sig={}",
    "az://c/p;SharedAccessSignature={}",
    "https://host/x?token={}",
    "https://host/x?a=b&access_token={}#top",
    "https://host/x#access_token={}",
    "https://host/x?X-Amz-Signature={}&X-Amz-Date=1",
    "https://host/x?X-Amz-Credential={}",
    "https://host/x?%73ig={}",
    "https://host/x%3Fsig%3D{}",
    "sftp://bob%3A{}@host/x",
    "sftp://bob%3A{}%40host/x",
    "sftp://bob:a@b/{}@host/x",
    "sftp://bob:a?{}@host/x",
    "sftp://bob:a#{}@host/x",
    "simplecache::sftp://bob:{}@host/x",
    "filecache::https://host/x?token={}::https://other/y",
    "zip://inside::sftp://bob:{}@host/a.zip",
    "fsspec+thing://u:{}@h",
    "DefaultEndpointsProtocol=https;AccountName=me;AccountKey={}",
    "AccountKey={}",
    "bob:{}@host/x",
]
HARMLESS = [
    "s3/prod",
    "s3://bucket/prefix",
    "s3://bucket/key=3/token=4",
    "sftp://bob@host:22/a@b",
    "sftp://host:22/x@y",
    "abfss://c@account.dfs.core.windows.net/p",
    "zip://inside::sftp://bob@host/results.zip",
    "http://host/x?page=3",
    "file:///data/a:b@c",
    "/data/user:name@host",
    "./a:b@c",
    "~/a:b@c",
    "C:\\data",
    "key=3",
    "hf://datasets/me/results",
]
PASSWORDS = some.text(some.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=8, max_size=20)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_is_seen_and_not_shown(shape: str) -> None:
    """By itself, and inside what holds it."""
    url = shape.format(SECRET)

    assert has_secret(url)
    assert SECRET not in shown(url)
    assert HIDDEN in shown(url) or shown(url) == url[: len(shown(url))]
    for nested in ([url], {"a": (url,)}, {"b": {"c": [1, url]}}):
        assert holds_secret(nested)
        assert SECRET not in repr(masked(nested))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_holds_none_is_shown_as_it_is(text: str) -> None:
    """A name without a password, an @ or = in a path, a port."""
    assert not has_secret(text)
    assert text == shown(text)


@given(password=PASSWORDS, user=some.text("abcXYZ019-_.", max_size=8), encode=some.booleans())
def test_no_password_shows(password: str, user: str, encode: bool) -> None:
    """Whatever characters it has, encoded or not: nothing of four characters of it is left."""
    written = quote(password, safe="") if encode else f"x{password}x"
    url = f"sftp://{user}:{written}@host.example/results"

    assert has_secret(url)
    left = shown(url).removeprefix("sftp://").replace("host.example/results", "")
    assert left in {HIDDEN, f"{HIDDEN}@"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("place")
def test_a_storage_with_one_is_refused_before_the_body_and_explained_without_it(shape: str) -> None:
    """On a task, on a flow around it, and as an argument of what reads."""
    url, ran = shape.format(SECRET), []
    kept = task(lambda: ran.append(1), result_storage=url, persist_result=True)
    around = flow(kept.fn, result_storage=url, persist_result=True)

    for call in (kept, around, lambda: blocks.from_value(url, settings=current(), directory="/run")):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert SECRET not in str(caught.value)
    assert [] == ran
    for said in (kept.explain(), around.explain(), repr(kept.options), repr(kept)):
        assert SECRET not in f"{said} {said!r}"


@pytest.mark.parametrize("shape", SHAPES)
def test_settings_do_not_show_one(shape: str, tmp_path: Path) -> None:
    """Neither their repr nor what is said of one that is wrong; an error names the place."""
    url = shape.format(SECRET)

    found = Settings.read(str(tmp_path), {"HOME": str(tmp_path), "HOLDALL_RESULTS_DEFAULT_STORAGE": url})

    assert SECRET not in repr(found)
    for name in ("HOME", "RESULTS_LEASE_SECONDS", "RESULTS_PERSIST_BY_DEFAULT", "RESULTS_LOSSY", "PLUGINS_PREFER"):
        try:
            read = repr(Settings.read(str(tmp_path), {"HOME": str(tmp_path), f"HOLDALL_{name}": url}))
        except ConfigurationError as error:
            read = str(error)
        assert SECRET not in read, name
    for table in (f"results = {json.dumps(url)}", f"[results]\ndefault_storage = [{json.dumps(url)}]"):
        (tmp_path / "holdall.toml").write_text(table)
        with pytest.raises(ConfigurationError, match=r"holdall\.toml") as caught:
            Settings.read(str(tmp_path), {"HOME": str(tmp_path)})
        assert SECRET not in str(caught.value)


class Open(MemoryFileSystem):
    """A block whose own fields check nothing."""

    slug: ClassVar[str] = "test-open"
    address: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("field", ["address", "options"])
def test_no_block_takes_one_into_a_field_that_is_shown(field: str, shape: str) -> None:
    """Not deep in a mapping either, and through whichever door."""
    url = shape.format(SECRET)
    value: Any = url if field == "address" else {"proxies": [{"https": url}]}
    doors: list[Callable[[], StorageBlock]] = [
        lambda: Open(**{field: value}),
        lambda: Open.model_validate({field: value}),
    ]

    for door in doors:
        with pytest.raises((ConfigurationError, ValueError), match=f"{field} must hold no credentials") as caught:
            door()
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_a_recorded_place_is_named_without_it(shape: str) -> None:
    """Records of before, and those that somebody else wrote."""
    url = shape.format(SECRET)
    where = StorageReference(slug=None, type="memory", location={"namespace": url})

    assert SECRET not in where.label
    with pytest.raises(ConfigurationError) as caught:
        storage_at(where, current())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["sftp://bob:{}@host/x", "s3://bucket/x", "simplecache::s3://bucket/x"])
def test_a_url_that_went_through_pathlib_is_no_folder(url: str, place: Path) -> None:
    """pathlib takes a slash away; the rest is no place in the working directory."""
    ran: list[int] = []

    with pytest.raises(ConfigurationError, match="made a path of a URL") as caught:
        task(lambda: ran.append(1), result_storage=Path(url.format(SECRET)))()

    assert SECRET not in str(caught.value)
    assert [] == ran
    assert ["home"] >= os.listdir(place)


def test_a_path_is_below_the_home_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Path("~/x")` is what `"~/x"` is; nobody's home is an error before the body."""
    monkeypatch.setenv("HOME", str(place / "me"))

    task(lambda: [1], result_storage=Path("~/results"))()

    assert (place / "me" / "results").is_dir()
    assert not (place / "~").exists()
    for value in (Path("~nobody-at-all/x"), "~nobody-at-all/x"):
        with pytest.raises(ConfigurationError, match="knows no home folder"):
            task(lambda: [1], result_storage=value)()
