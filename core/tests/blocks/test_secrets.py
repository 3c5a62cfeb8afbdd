"""The vault: secrets come back with the right key only, and no message repeats a key or a secret."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretBytes, SecretStr

from holdall.abc import StorageBlock
from holdall.blocks import secrets
from holdall.errors import ConfigurationError, HoldallWarning
from holdall.settings.model import Settings

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"aws_secret_access_key": "correct horse"}


class Locker(StorageBlock):
    """A block with secrets and no storage behind it."""

    slug: ClassVar[str] = "locker"
    place: str
    key: SecretStr | None = None
    raw: SecretBytes | None = None

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any: ...
    def get(self, key: str, /, *, byte_range: Any = None) -> Any: ...
    def head(self, key: str, /) -> Any: ...
    def delete(self, key: str, /) -> None: ...
    def scan(self, prefix: str = "", /) -> Any: ...


def settings(home: Path, **environ: str) -> Settings:
    return Settings(home=str(home), environ=environ)


# Not drawn: where tests are spread over processes, each has to collect the same ones.
VALID = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def key() -> str:
    return Fernet.generate_key().decode()


def test_a_key_file_is_made_on_first_use(tmp_path: Path) -> None:
    """Without a variable, a file for this user alone is made, and used from then on."""
    home = tmp_path / "deep" / "home"

    token = secrets.encrypt(SECRETS, settings(home))

    assert SECRETS == secrets.decrypt(token, settings(home), block="s3/prod")
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600
    assert ["secret.key"] == os.listdir(home)
    assert "correct horse" not in token


def test_the_variable_needs_no_file(tmp_path: Path) -> None:
    """With HOLDALL_SECRET_KEY nothing is written."""
    given = settings(tmp_path, HOLDALL_SECRET_KEY=key())

    token = secrets.encrypt(SECRETS, given)

    assert SECRETS == secrets.decrypt(token, given, block="s3/prod")
    assert [] == os.listdir(tmp_path)


def test_keys_rotate(tmp_path: Path) -> None:
    """Of several keys the first encrypts, and all decrypt."""
    old, new = key(), key()
    before = secrets.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=old))
    both = settings(tmp_path, HOLDALL_SECRET_KEY=f"{new}, {old}")
    after = secrets.encrypt(SECRETS, both)

    assert SECRETS == secrets.decrypt(before, both, block="s3/prod")
    assert SECRETS == secrets.decrypt(after, settings(tmp_path, HOLDALL_SECRET_KEY=new), block="s3/prod")


@pytest.mark.parametrize("malformed", ["passphrase", "ü", ",", VALID[:-4], f"{VALID},nonsense"])
def test_a_malformed_key(tmp_path: Path, malformed: str) -> None:
    """The error shows how to make a key, and not the one that was given."""
    with pytest.raises(ConfigurationError) as caught:
        secrets.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=malformed))

    assert "HOLDALL_SECRET_KEY holds no valid key" in str(caught.value)
    assert "holdall key new" in str(caught.value)
    assert malformed == "," or malformed not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_wrong_key(tmp_path: Path) -> None:
    """The error names the block and where the key came from; it repeats neither key."""
    first, second = key(), key()
    token = secrets.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=first))

    with pytest.raises(ConfigurationError) as caught:
        secrets.decrypt(token, settings(tmp_path, HOLDALL_SECRET_KEY=second), block="s3/prod")

    assert "block 's3/prod' do not open with the key from HOLDALL_SECRET_KEY" in str(caught.value)
    assert not [text for text in (first, second, "correct horse") if text in str(caught.value)]


def test_a_variable_that_hides_the_key_file(tmp_path: Path) -> None:
    """Whoever sets a variable after having saved with the file is told of the file."""
    token = secrets.encrypt(SECRETS, settings(tmp_path))

    with pytest.raises(ConfigurationError) as caught:
        secrets.decrypt(token, settings(tmp_path, HOLDALL_SECRET_KEY=key()), block="s3/prod")

    assert f"It may have been the one in {tmp_path / 'secret.key'}." in str(caught.value)


def test_decrypting_makes_no_key(tmp_path: Path) -> None:
    """A new key could open nothing: where there is none, that is the error."""
    token = secrets.encrypt(SECRETS, settings(tmp_path, HOLDALL_SECRET_KEY=key()))

    with pytest.raises(ConfigurationError, match="there is no key here"):
        secrets.decrypt(token, settings(tmp_path), block="s3/prod")

    assert [] == os.listdir(tmp_path)


def test_a_key_file_that_others_can_read_is_closed_with_a_warning(tmp_path: Path) -> None:
    """The mode is mended, and the user hears that the key may be known."""
    token = secrets.encrypt(SECRETS, settings(tmp_path))
    (tmp_path / "secret.key").chmod(0o644)

    with pytest.warns(HoldallWarning, match="could be read by other users"):
        values = secrets.decrypt(token, settings(tmp_path), block="s3/prod")

    assert SECRETS == values
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"nonsense\n", "ключ".encode()])
def test_a_damaged_key_file(tmp_path: Path, content: bytes) -> None:
    """The error names the file, and the file is left as it is."""
    (tmp_path / "secret.key").write_bytes(content)
    (tmp_path / "secret.key").chmod(0o600)

    with pytest.raises(ConfigurationError) as caught:
        secrets.encrypt(SECRETS, settings(tmp_path))

    assert str(tmp_path / "secret.key") in str(caught.value)
    assert content == (tmp_path / "secret.key").read_bytes()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """Without a place for the file, the error names the variable to set instead."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"No key file can be made.*HOLDALL_SECRET_KEY"):
        secrets.encrypt(SECRETS, settings(tmp_path / "file" / "home"))


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Of six that make the key file at the same moment, each can read what each of the others wrote."""
    code = (
        "import sys; from holdall import vault; from holdall.settings import Settings; from cryptography import fernet;"
        "print('ready', flush=True); sys.stdin.readline();"
        f"print(vault.encrypt({SECRETS!r}, Settings(home={str(tmp_path / 'home')!r})))"
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

    assert [SECRETS] * 6 == [secrets.decrypt(token, settings(tmp_path / "home"), block="b") for token in tokens]
    assert ["secret.key"] == os.listdir(tmp_path / "home")


def test_a_block_goes_to_another_process_with_its_secrets() -> None:
    """Packed, its secrets are unreadable; unpacked with the key, it is equal and goes by its slug."""
    given = Fernet.generate_key()
    block = Locker(place="here", key=SecretStr("correct horse"), raw=SecretBytes(b"staple")).named("locker/a")

    packed = secrets.pack(block, given)
    back = secrets.unpack(packed, given)

    assert b"correct horse" not in packed
    assert b"staple" not in packed
    assert block == back
    assert back.block_slug == "locker/a"


def test_a_block_without_secrets_needs_no_key() -> None:
    """Nothing is encrypted where there is nothing to hide."""
    block = Locker(place="here")

    assert block == secrets.unpack(secrets.pack(block, b""), b"")


def test_unpacking_with_another_key() -> None:
    """An error that names the block, not a block without its secrets."""
    packed = secrets.pack(Locker(place="here", key=SecretStr("x")).named("locker/a"), Fernet.generate_key())

    with pytest.raises(ConfigurationError, match="secrets of locker/a came under another key"):
        secrets.unpack(packed, Fernet.generate_key())


def test_a_block_class_of_a_script_travels_whole() -> None:
    """A class of `__main__` is not to be found by name in another process."""
    code = (
        "import sys; sys.path[:0] = {path!r}\n"
        "from typing import ClassVar\nfrom test_vault import Locker\nfrom holdall import vault\n"
        "class Own(Locker):\n    slug: ClassVar[str] = 'own'\n    size: int = 3\n"
        "sys.stdout.buffer.write(vault.pack(Own(place='here', size=7), b''))"
    )
    path = [os.path.dirname(__file__)]
    packed = subprocess.run([sys.executable, "-c", code.format(path=path)], capture_output=True, check=True).stdout
    reader = "import sys; sys.path[:0] = {path!r}; from holdall import vault; print(vault.unpack({packed!r}, b''))"

    shown = subprocess.run(
        [sys.executable, "-c", reader.format(path=path, packed=packed)], capture_output=True, text=True, check=True
    )

    assert "size=7" in shown.stdout
