"""From a recorded place back to a storage: whose credentials go where."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import SecretStr

from holdall import register
from holdall.abc import StorageBlock
from holdall.blocks import reopen as places
from holdall.blocks.reopen import remember, storage_at
from holdall.builtin.local.directory import Directory
from holdall.errors import ConfigurationError, HoldallWarning, PluginError, UnknownBlockError
from holdall.settings import model as settings
from holdall.testing.distributions import registrations_undone
from holdall.types import StorageReference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VAULT = """
from typing import ClassVar
from pydantic import SecretStr
from holdall.abc import StorageBlock
from holdall.builtin.local.directory import Directory

class Vault(StorageBlock):
    slug: ClassVar[str] = "test-vault"
    endpoint_fields: ClassVar[frozenset[str]] = frozenset({"endpoint"})
    endpoint: str
    bucket: str
    token: SecretStr | None = None

    def inner(self):
        if self.token is None:
            raise ValueError("no token")
        return Directory(self.bucket)
    def put(self, key, parts, /, *, mode="overwrite"): return self.inner().put(key, parts, mode=mode)
    def get(self, key, /, *, byte_range=None): return self.inner().get(key, byte_range=byte_range)
    def head(self, key, /): return self.inner().head(key)
    def delete(self, key, /): return self.inner().delete(key)
    def scan(self, prefix="", /): return self.inner().scan(prefix)
"""


class Vault(StorageBlock):
    """A folder that asks for a token."""

    slug: ClassVar[str] = "test-vault"
    endpoint_fields: ClassVar[frozenset[str]] = frozenset({"endpoint"})
    endpoint: str
    bucket: str
    token: SecretStr | None = None

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        return Directory(self.bucket).put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        return Directory(self.bucket).get(key, byte_range=byte_range)

    def head(self, key: str, /) -> Any:
        return Directory(self.bucket).head(key)

    def delete(self, key: str, /) -> None:
        Directory(self.bucket).delete(key)

    def scan(self, prefix: str = "", /) -> Any:
        return Directory(self.bucket).scan(prefix)


@pytest.fixture(autouse=True)
def _registered(place: Path) -> Iterator[None]:
    del place
    with registrations_undone():
        register(Vault)
        yield
    places._unsaved.clear()


def where(slug: str | None = None, kind: str = "test-vault", **location: str) -> StorageReference:
    return StorageReference(slug=slug, type=kind, location={"endpoint": "https://a", "bucket": "b", **location})


def configured(monkeypatch: pytest.MonkeyPatch, **fields: str) -> settings.Settings:
    for name, value in {"endpoint": "https://a", "bucket": "b", "token": "secret", **fields}.items():
        monkeypatch.setenv(f"HOLDALL_BLOCK__TEST_VAULT__PROD__{name.upper()}", value)
    return settings.current()


def token(block: Any) -> str | None:
    return None if block.token is None else str(block.token.get_secret_value())


def test_a_slug_gives_its_credentials_of_today_to_the_place_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same endpoint, another bucket."""
    found = configured(monkeypatch, bucket="new")
    block: Any = storage_at(where("test-vault/prod", bucket="old"), found)

    assert ("old", "secret", "test-vault/prod") == (block.bucket, token(block), block.block_slug)


def test_credentials_go_to_no_other_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor to another type; the message shows no secret."""
    found = configured(monkeypatch, endpoint="https://mine")

    with pytest.raises(ConfigurationError, match="credentials are not sent to another place") as caught:
        storage_at(where("test-vault/prod", endpoint="https://evil"), found)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        storage_at(where("test-vault/prod", kind="other", endpoint="https://mine"), found)


def test_what_means_nothing_here_says_so() -> None:
    """An unknown slug, an unknown type."""
    with pytest.raises(UnknownBlockError):
        storage_at(where("test-vault/nowhere"), settings.current())
    with pytest.raises((PluginError, UnknownBlockError)):
        storage_at(where(kind="nothing-known"), settings.current())


@pytest.mark.secrets
def test_a_block_without_a_slug_is_remembered_encrypted(place: Path) -> None:
    """With this catalog it can be read again; the secret lies nowhere in clear."""
    found = settings.current()
    remember(Vault(endpoint="https://a", bucket="b", token=SecretStr("open sesame")), found)

    assert "open sesame" == token(storage_at(where(), found))
    assert token(storage_at(where(bucket="other"), found)) is None
    with pytest.raises(ConfigurationError, match="lies at endpoint=https://elsewhere, which no test-vault block here"):
        storage_at(where(endpoint="https://elsewhere"), found)
    assert [] == [path for path in (place / "home").rglob("*") if path.is_file() and b"sesame" in path.read_bytes()]


def test_a_catalog_that_is_out_of_order_vouches_for_no_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one warning each; what is configured elsewhere is trusted as ever."""
    (place / "home").write_text("a file")

    with (
        pytest.warns(HoldallWarning, match="the catalog cannot say") as warned,
        pytest.raises(ConfigurationError, match="no reason to send credentials there"),
    ):
        storage_at(where(), settings.current())
    found = configured(monkeypatch)
    with pytest.warns(HoldallWarning, match="the catalog cannot say"):
        block = storage_at(where(bucket="other"), found)
    assert (1, None) == (len(warned), token(block))
    (place / "home").unlink()


@pytest.mark.usefixtures("no_cryptography")
def test_where_nothing_encrypts_a_block_without_a_slug_is_remembered_in_this_process(place: Path) -> None:
    """Whose reads find it; others are told of in a warning with the way out, and nothing is written."""
    found = settings.current()

    with pytest.warns(
        HoldallWarning, match=r'other processes cannot read .* pip install "holdall\[secrets\]"'
    ) as warned:
        remember(Vault(endpoint="https://a", bucket="b", token=SecretStr("open sesame")), found)

    assert "open sesame" == token(storage_at(where(), found))
    with pytest.raises(ConfigurationError, match="no reason to send credentials there"):
        storage_at(where(endpoint="https://elsewhere"), found)
    assert [] == [str(each.message) for each in warned if "sesame" in str(each.message)]
    files = [path for path in place.rglob("*") if path.is_file()]
    assert [] == [path for path in files if path.name == "secret.key" or b"sesame" in path.read_bytes()]


@pytest.mark.parametrize(
    "installed",
    [
        pytest.param("", id="with what encrypts", marks=pytest.mark.secrets),
        pytest.param("import sys; sys.modules['cryptography'] = None", id="without"),
    ],
)
def test_what_runs_inside_a_call_in_a_worker_has_the_credentials_of_its_flow(place: Path, installed: str) -> None:
    """A task that calls a task, two processes away from the block."""
    script = """
    from holdall import flow, register, task
    from vault import Vault
    register(Vault)

    @task
    def inner(): return [1]
    @task
    def outer(): return [*inner(), 2]
    @flow(task_runner="processes", persist_result=True,
          result_storage=Vault(endpoint="https://a", bucket="kept", token="open sesame"))
    def main(): return outer.submit().result()
    if __name__ == "__main__": print(main())
    """
    (place / "vault.py").write_text(VAULT)
    (place / "script.py").write_text(f"{installed}\n{textwrap.dedent(script)}")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "[1, 2]\n" == done.stdout, done.stderr
    assert bool(installed) == ("HoldallWarning" in done.stderr)
    assert not installed or "could not be kept" in done.stderr
    assert 3 == len(list((place / "kept" / "results").rglob("*.json")))
