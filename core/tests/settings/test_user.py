"""Whose results are believed: the user's own file and environment say it, and nothing that arrives with a project."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from holdall import load_result, task
from holdall.errors import ConfigurationError, UntrustedResultError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import copy
from holdall.maintenance.known_storages import place_of
from holdall.results import record as records
from holdall.results.load import open_store
from holdall.results.references import from_json
from holdall.settings.model import current
from holdall.settings.user import path as user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ONE, TWO = (f"{name}:{urlsafe_b64encode(bytes([fill]) * 32).decode()}" for fill, name in enumerate(("one", "two"), 1))


@pytest.fixture
def own(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's own file, which is not there yet. What is wrong is gone before the catalog is closed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    for name in ("SIGNING_KEY", "TRUSTED_SIGNERS", "REVOKED_SIGNERS", "RESULTS_ACCEPT"):
        monkeypatch.delenv(f"HOLDALL_{name}", raising=False)
    found = place / "config" / "holdall" / "trust.toml"
    found.parent.mkdir(parents=True)
    yield found
    for path in (found, place / "holdall.toml", place / "pyproject.toml"):
        path.unlink(missing_ok=True)


def kept(value: Any, **options: Any) -> Any:
    """The reference of a result that a run has kept, as another process has it."""
    unit = task(persist_result=True, return_state=True, **options)(lambda: value)
    return from_json(unit().reference.json())


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config/holdall/trust.toml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "/c/holdall/trust.toml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/holdall/trust.toml"),
        ("linux", {"HOME": "relative"}, None),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/holdall/trust.toml"),
        ("win32", {"USERPROFILE": "/u", "APPDATA": "/a"}, "/a/holdall/trust.toml"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Roaming/holdall/trust.toml"),
    ],
)
def test_the_file_lies_where_no_project_reaches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, environ: dict[str, str], expected: str | None
) -> None:
    """Wherever the program is started, and whatever `HOLDALL_HOME` is."""
    monkeypatch.chdir(tmp_path)

    assert expected == user_path({**environ, "HOLDALL_HOME": str(tmp_path)}, platform=platform)


def test_the_file_is_seen_when_it_comes_and_goes(own: Path) -> None:
    """By the same process, as other settings are."""
    assert (None, ()) == (current().trusted_signers, current().revoked_signers)
    own.write_text('trusted_signers = ["a", " b "]\n')
    assert ("a", "b") == current().trusted_signers
    own.unlink()
    assert None is current().trusted_signers


def test_what_is_revoked_is_of_both(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is trusted of the variable, where there is one."""
    own.write_text('trusted_signers = ["a"]\nrevoked_signers = ["x"]\n')
    monkeypatch.setenv("HOLDALL_TRUSTED_SIGNERS", "b, c")
    monkeypatch.setenv("HOLDALL_REVOKED_SIGNERS", "y,x")

    assert (("b", "c"), ("y", "x")) == (current().trusted_signers, current().revoked_signers)
    assert "environment variable HOLDALL_TRUSTED_SIGNERS" == current().sources["trusted_signers"]
    assert str(own) in current().sources["revoked_signers"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trusted_signer = []", "there is no setting 'trusted_signer'"),
        ("[results]\naccept = []", "there is no setting 'results'"),
        ('trusted_signers = "hush"', "is not a list of signers"),
        ("trusted_signers = [1]", "is not a list of signers"),
        ('trusted_signers = [""]', "is not a list of signers"),
        ("trusted_signers = [", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(own: Path, text: str, message: str) -> None:
    """It is never read as if it were not there, and shows nothing of its lists."""
    own.write_text(text)

    with pytest.raises(ConfigurationError, match=message) as caught:
        current()
    assert str(own) in str(caught.value)
    assert "hush" not in str(caught.value)


def test_to_revoke_is_to_ask_for_signatures(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the last signer out does not mean that all may pass; nor does an empty list."""
    reference = kept([1])
    for text in ('revoked_signers = ["one"]\n', "trusted_signers = []\n"):
        own.write_text(text)
        with pytest.raises(UntrustedResultError, match="is not signed"):
            from_json(reference.json()).get()
    own.unlink()
    monkeypatch.setenv("HOLDALL_REVOKED_SIGNERS", "one")
    with pytest.raises(UntrustedResultError, match="is not signed"):
        from_json(reference.json()).get()


def _toml(text: str) -> Callable[[Path], None]:
    return lambda place: (place / "holdall.toml").write_text(text) and None


def _pyproject(text: str) -> Callable[[Path], None]:
    return lambda place: (place / "pyproject.toml").write_text(text) and None


PROJECTS = {
    "trusted": _toml('trusted_signers = ["x"]'),
    "trusted in a table": _toml('[results]\ntrusted_signers = ["x"]'),
    "trusted in a table of its own": _toml('[trust]\ntrusted_signers = ["x"]'),
    "revoked": _toml("revoked_signers = []"),
    "trusted in pyproject": _pyproject('[tool.holdall]\ntrusted_signers = ["x"]'),
    "unsigned": _toml('[results]\naccept = ["unsigned"]'),
    "unsigned in pyproject": _pyproject('[tool.holdall.results]\naccept = ["shop", "unsigned"]'),
}


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_a_projects_file_says_nothing_of_trust(own: Path, place: Path, project: Callable[[Path], None]) -> None:
    """The error says where it belongs."""
    project(place)

    with pytest.raises(
        ConfigurationError, match="cannot stand here, because a file that arrives with a project"
    ) as caught:
        current()
    assert str(own) in str(caught.value) or "HOLDALL_RESULTS_ACCEPT=unsigned" in str(caught.value)


@pytest.mark.parametrize("field", [f'signing_key = "{TWO}"', 'accept = ["unsigned"]', "accept = '[\"unsigned\"]'"])
def test_a_projects_block_says_nothing_of_trust(own: Path, place: Path, field: str) -> None:
    """The key of a block in a file is the user's variable, whole."""
    (place / "holdall.toml").write_text(f'[blocks.local-file-system.theirs]\nbasepath = "theirs"\n{field}\n')

    with pytest.raises(ConfigurationError, match="does not say whose results you believe") as caught:
        load_result(key="k", storage="local-file-system/theirs")
    assert TWO not in str(caught.value)
    assert not own.exists()


def test_a_projects_block_may_name_the_users_variable(own: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does for other secrets."""
    monkeypatch.setenv("MY_KEY", TWO)
    (place / "holdall.toml").write_text(
        '[blocks.local-file-system.theirs]\nbasepath = "theirs"\nsigning_key = "${MY_KEY}"\n'
    )
    reference = kept([1], result_storage="local-file-system/theirs")

    assert [1] == from_json(reference.json()).get()
    assert '"signature":"hmac-sha256:two:' in (place / "theirs" / reference.key).read_text()
    assert not own.exists()


@pytest.mark.secrets
def test_a_projects_catalog_says_nothing_of_trust(own: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that names the home brings blocks, and the key that opens their secrets."""
    monkeypatch.setenv("HOLDALL_HOME", str(place / "clone" / "h"))
    LocalFileSystem(basepath=str(place / "theirs"), signing_key=TWO).save("keyed")
    LocalFileSystem(basepath=str(place / "theirs"), accept=("unsigned",)).save("open")
    assert [1] == kept([1], result_storage="local-file-system/keyed").get()
    monkeypatch.delenv("HOLDALL_HOME")
    monkeypatch.chdir(place / "clone")
    (place / "clone" / "holdall.toml").write_text('home = "h"\n')

    for name in ("keyed", "open"):
        with pytest.raises(ConfigurationError, match="what arrives with a project does not say"):
            load_result(key="k", storage=f"local-file-system/{name}")
    monkeypatch.setenv("HOLDALL_HOME", str(place / "home"))
    assert not own.exists()


@pytest.mark.parametrize(
    "how", [{"signing_key": TWO}, {"accept": ["unsigned"]}, {"no_pickle": False}, {"inline_limit": 1}]
)
def test_a_reference_is_a_place_and_no_policy(own: Path, how: dict[str, Any]) -> None:
    """Whoever wrote it has no say in whom its readers believe."""
    storage = {"slug": None, "type": "memory", "location": {"namespace": "n", **how}}
    text = {"type": "reference", "key": "k", "storage": storage, "serializer": {"type": "json", "options": {}}}

    with pytest.raises(ConfigurationError, match=f"this one has {next(iter(how))} beside the place"):
        from_json(json.dumps(text)).get()
    assert not own.exists()


def test_a_reference_to_another_place_of_a_block_keeps_the_blocks_policy(
    own: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the block takes no pickles from, it takes none from elsewhere either."""
    reference = kept([1], result_storage=LocalFileSystem(basepath=str(place / "old")))
    for name, value in {"BASEPATH": str(place / "new"), "NO_PICKLE": "1"}.items():
        monkeypatch.setenv(f"HOLDALL_BLOCK__LOCAL_FILE_SYSTEM__STRICT__{name}", value)
    document = json.loads(reference.json())
    document["storage"]["slug"] = "local-file-system/strict"

    with pytest.raises(UntrustedResultError, match="nothing of that kind is read here"):
        from_json(json.dumps(document)).get(accept=["pickle"])
    assert not own.exists()


def test_what_was_unsigned_is_copied_once_it_is_accepted(
    own: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And then it is signed: this is how one moves to signatures."""
    reference = kept("x" * 20_000)
    source = place_of(open_store(reference, current()).storage)
    target = place_of(LocalFileSystem(basepath=str(place / "signed")))
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", ONE)
    [item] = copy(source, target, settings=current()).items
    assert "failed" == item.what
    assert "to sign what is there, set that and copy it" in str(item.problem)

    monkeypatch.setenv("HOLDALL_RESULTS_ACCEPT", "unsigned")
    assert ["copied"] == [item.what for item in copy(source, target, settings=current()).items]
    monkeypatch.delenv("HOLDALL_RESULTS_ACCEPT")
    assert "x" * 20_000 == load_result(key=reference.key, storage=str(place / "signed"))
    assert not own.exists()


def test_what_is_not_believed_is_deleted_without_what_it_names(
    own: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the message asks for; a forged record may name the payload of another result."""
    reference, good = kept("x" * 20_000), kept("y" * 20_000)
    record, other = (place / ".holdall-results" / each.key for each in (reference, good))
    paths = [json.loads(each.read_bytes())["payload"]["path"] for each in (record, other)]
    data = record.read_bytes()[: -records.SEAL_SIZE].replace(paths[0].encode(), paths[1].encode())
    record.write_bytes(records.seal(data))
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", ONE)
    with pytest.raises(UntrustedResultError, match="is not signed"):
        from_json(reference.json()).get()
    open_store(reference, current()).delete(reference.key)

    assert not record.exists()
    monkeypatch.delenv("HOLDALL_SIGNING_KEY")
    assert "y" * 20_000 == from_json(good.json()).get()
    assert not own.exists()
