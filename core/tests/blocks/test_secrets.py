"""The vault: secrets come back with the right key only, and no message repeats a key or a secret."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from holdall.blocks import secrets as vault
from holdall.errors import ConfigurationError, HoldallWarning, PluginMissingError
from holdall.settings.model import Settings

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"aws_secret_access_key": "correct horse"}


def settings(home: Path, **environ: str) -> Settings:
    return Settings(home=str(home), environ=environ)


# Not drawn: where tests are spread over processes, each has to collect the same ones.
VALID = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@pytest.mark.secrets
def test_a_key_file_is_made_on_first_use(tmp_path: Path) -> None:
    """Without a variable, a file for this user alone is made, and used from then on."""
    home = tmp_path / "deep" / "home"

    token = vault.encrypt(SECRETS, settings(home), block="s3/prod")

    assert SECRETS == vault.decrypt(token, settings(home), block="s3/prod")
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600
    assert ["secret.key"] == os.listdir(home)
    assert "correct horse" not in token


@pytest.mark.secrets
def test_the_variable_needs_no_file(tmp_path: Path) -> None:
    """With HOLDALL_SECRET_KEY nothing is written."""
    given = settings(tmp_path, HOLDALL_SECRET_KEY=key())

    token = vault.encrypt(SECRETS, given, block="s3/prod")

    assert SECRETS == vault.decrypt(token, given, block="s3/prod")
    assert [] == os.listdir(tmp_path)


@pytest.mark.secrets
def test_keys_rotate(tmp_path: Path) -> None:
    """Of several keys the first encrypts, and all decrypt."""
    old, new = key(), key()
    before = vault.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=old), block="s3/prod")
    both = settings(tmp_path, HOLDALL_SECRET_KEY=f"{new}, {old}")
    after = vault.encrypt(SECRETS, both, block="s3/prod")

    assert SECRETS == vault.decrypt(before, both, block="s3/prod")
    assert SECRETS == vault.decrypt(after, settings(tmp_path, HOLDALL_SECRET_KEY=new), block="s3/prod")


@pytest.mark.secrets
@pytest.mark.parametrize("malformed", ["passphrase", "ü", ",", VALID[:-4], f"{VALID},nonsense"])
def test_a_malformed_key(tmp_path: Path, malformed: str) -> None:
    """The error shows how to make a key, and not the one that was given."""
    with pytest.raises(ConfigurationError) as caught:
        vault.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=malformed), block="s3/prod")

    assert "HOLDALL_SECRET_KEY holds no valid key" in str(caught.value)
    assert "holdall key new" in str(caught.value)
    assert malformed == "," or malformed not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.secrets
def test_the_wrong_key(tmp_path: Path) -> None:
    """The error names the block and where the key came from; it repeats neither key."""
    first, second = key(), key()
    token = vault.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=first), block="s3/prod")

    with pytest.raises(ConfigurationError) as caught:
        vault.decrypt(token, settings(tmp_path, HOLDALL_SECRET_KEY=second), block="s3/prod")

    assert "block 's3/prod' do not open with the key from HOLDALL_SECRET_KEY" in str(caught.value)
    assert not [text for text in (first, second, "correct horse") if text in str(caught.value)]


@pytest.mark.secrets
def test_a_variable_that_hides_the_key_file(tmp_path: Path) -> None:
    """Whoever sets a variable after having saved with the file is told of the file."""
    token = vault.encrypt(SECRETS, settings(tmp_path), block="s3/prod")

    with pytest.raises(ConfigurationError) as caught:
        vault.decrypt(token, settings(tmp_path, HOLDALL_SECRET_KEY=key()), block="s3/prod")

    assert f"It may have been the one in {tmp_path / 'secret.key'}." in str(caught.value)


@pytest.mark.secrets
def test_decrypting_makes_no_key(tmp_path: Path) -> None:
    """A new key could open nothing: where there is none, that is the error."""
    token = vault.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=key()), block="s3/prod")

    with pytest.raises(ConfigurationError, match="there is no key here"):
        vault.decrypt(token, settings(tmp_path), block="s3/prod")

    assert [] == os.listdir(tmp_path)


@pytest.mark.secrets
def test_a_key_file_that_others_can_read_is_closed_with_a_warning(tmp_path: Path) -> None:
    """The mode is mended, and the user hears that the key may be known."""
    token = vault.encrypt(SECRETS, settings(tmp_path), block="s3/prod")
    (tmp_path / "secret.key").chmod(0o644)

    with pytest.warns(HoldallWarning, match="could be read by other users"):
        values = vault.decrypt(token, settings(tmp_path), block="s3/prod")

    assert SECRETS == values
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.secrets
@pytest.mark.parametrize("content", [b"", b"nonsense\n", "ключ".encode()])
def test_a_damaged_key_file(tmp_path: Path, content: bytes) -> None:
    """The error names the file, and the file is left as it is."""
    (tmp_path / "secret.key").write_bytes(content)
    (tmp_path / "secret.key").chmod(0o600)

    with pytest.raises(ConfigurationError) as caught:
        vault.encrypt(SECRETS, settings(tmp_path), block="s3/prod")

    assert str(tmp_path / "secret.key") in str(caught.value)
    assert content == (tmp_path / "secret.key").read_bytes()


@pytest.mark.secrets
def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """Without a place for the file, the error names the variable to set instead."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"No key file can be made.*HOLDALL_SECRET_KEY"):
        vault.encrypt(SECRETS, settings(tmp_path / "file" / "home"), block="s3/prod")


@pytest.mark.secrets
def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Of six that make the key file at the same moment, each can read what each of the others wrote."""
    code = (
        "import sys; from holdall.blocks import secrets as vault; from holdall.settings import Settings;"
        "from cryptography import fernet;"
        "print('ready', flush=True); sys.stdin.readline();"
        f"print(vault.encrypt({SECRETS!r}, Settings(home={str(tmp_path / 'home')!r}), block='b'))"
    )
    start = [sys.executable, "-c", code]
    workers = [subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    tokens = [worker.communicate()[0].strip() for worker in workers]

    assert [SECRETS] * 6 == [vault.decrypt(token, settings(tmp_path / "home"), block="b") for token in tokens]
    assert ["secret.key"] == os.listdir(tmp_path / "home")


@pytest.mark.usefixtures("no_cryptography")
def test_nothing_is_made_where_nothing_can_be_encrypted(tmp_path: Path) -> None:
    """Neither a key file nor a home."""
    with pytest.raises(PluginMissingError, match="secrets of the block 's3/prod' encrypted"):
        vault.encrypt(SECRETS, settings(tmp_path / "home"), block="s3/prod")
    with pytest.raises(PluginMissingError, match="secrets of the block 's3/prod' encrypted"):
        vault.decrypt("token", settings(tmp_path / "home"), block="s3/prod")

    assert [] == os.listdir(tmp_path)


def test_a_library_that_is_broken_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what its import said, and chains it."""
    (tmp_path / "cryptography").mkdir()
    (tmp_path / "cryptography" / "__init__.py").write_text("import a_library_of_c_that_is_not_here\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(PluginMissingError, match="cannot be imported .*a_library_of_c_that_is_not_here") as caught:
        vault.encrypt(SECRETS, settings(tmp_path / "home"), block="s3/prod")

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert not (tmp_path / "home").exists()
