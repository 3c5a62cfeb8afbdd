"""Encryption of the secrets of saved blocks. The key is a variable or a file, and never in the catalog."""

from __future__ import annotations

import base64
import json
import os
import stat
import warnings
from typing import TYPE_CHECKING, NamedTuple

from holdall._system.safe_open import open_own
from holdall.errors import ConfigurationError, HoldallWarning, PluginMissingError, describe_error
from holdall.settings.sources import SECRET_KEY

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.fernet import MultiFernet

    from holdall.settings.model import Settings

_FILE = "secret.key"
_MAKE_ONE = "holdall key new"


class _Keys(NamedTuple):
    text: str
    """Fernet keys, separated by commas; the first encrypts, all decrypt."""
    source: str


def encrypt(values: dict[str, str], settings: Settings, *, block: str) -> str:
    """Encrypts the values into one ASCII token; `block` names the owner in errors. Makes the key file if there is no key.

    Raises:
        PluginMissingError: The package `cryptography` is not installed; nothing has been written.
        ConfigurationError: The key is malformed, or the key file cannot be read or made.
    """
    library = _library(block)
    keys = _keys(settings) or _new_keys(settings)
    return _fernet(library, keys).encrypt(json.dumps(values).encode()).decode("ascii")


def decrypt(token: str, settings: Settings, *, block: str) -> dict[str, str]:
    """Decrypts a token of `encrypt`; `block` names the owner of the secrets in errors.

    Raises:
        PluginMissingError: The package `cryptography` is not installed.
        ConfigurationError: There is no key here, it is malformed, or it is not the one that encrypted the token.
    """
    library = _library(block)
    path = key_file(settings)
    keys = _keys(settings)
    if keys is None:
        raise ConfigurationError(
            f"The secrets of the block {block!r} are encrypted, and there is no key here: {SECRET_KEY} is not set and "
            f"there is no {path}. Set {SECRET_KEY} to the key that they were saved with, or save the block again."
        )
    try:
        values: dict[str, str] = json.loads(_fernet(library, keys).decrypt(token))
    except library.InvalidToken:
        other = f" It may have been the one in {path}." if keys.source == SECRET_KEY and os.path.exists(path) else ""
        raise ConfigurationError(
            f"The secrets of the block {block!r} do not open with the key from {keys.source}: they were saved with "
            f"another one.{other} Set {SECRET_KEY} to that one (or to both, separated by a comma: the first encrypts), "
            "or save the block again with overwrite."
        ) from None
    return values


def key_file(settings: Settings) -> str:
    """Returns the path of the key file, which is used if `HOLDALL_SECRET_KEY` is not set."""
    return os.path.join(settings.home, _FILE)


def _library(block: str) -> ModuleType:
    try:
        from cryptography import fernet
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cryptography"
        found = "is not installed" if missing else f"cannot be imported ({describe_error(error)})"
        raise PluginMissingError(
            f"The catalog keeps the secrets of the block {block!r} encrypted, for which the package cryptography is needed, "
            f'and it {found}. Install it: pip install "holdall[secrets]". A block that is configured by variables '
            "(HOLDALL_BLOCK__<TYPE>__<NAME>__<FIELD>) needs none."
        ) from (None if missing else error)
    return fernet


def _fernet(library: ModuleType, keys: _Keys) -> MultiFernet:
    parts = [part.strip() for part in keys.text.split(",") if part.strip()]
    try:
        fernet: MultiFernet = library.MultiFernet([library.Fernet(part) for part in parts])
    except ValueError:
        # Not chained: the cause may carry the key.
        raise ConfigurationError(
            f"{keys.source} holds no valid key: a key is 32 bytes in URL-safe base64, several are separated by commas. "
            f"Make one with: {_MAKE_ONE}"
        ) from None
    return fernet


def _keys(settings: Settings) -> _Keys | None:
    text = settings.environ.get(SECRET_KEY)
    if text:
        return _Keys(text, SECRET_KEY)
    path = key_file(settings)
    try:
        with open(open_own(path, os.O_RDONLY), encoding="ascii") as stream:
            _close_to_others(path, stream.fileno())
            text = stream.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The key file {path} cannot be read ({error}). Make it a file, and no link to one, that this user alone can "
            f"read, or set {SECRET_KEY}."
        ) from error
    return _Keys(text, path)


def _close_to_others(path: str, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if os.name != "posix":
        return
    if status.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(
            f"The key file {path} belongs to another user (uid {status.st_uid}), who knows the key. Move it away, so that "
            f"a new one is made, or set {SECRET_KEY}."
        )
    if not stat.S_IMODE(status.st_mode) & 0o077:
        return
    try:
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} can be read by other users, and this one may not change that ({error.strerror}). "
            f"Have its owner run: chmod 600 {path}"
        ) from error
    warnings.warn(
        f"The key file {path} could be read by other users; its mode is 0600 now. If somebody may have read it, save "
        "blocks that hold secrets again with a new key, and replace the secrets.",
        HoldallWarning,
        stacklevel=2,
    )


def _new_keys(settings: Settings) -> _Keys:
    path = key_file(settings)
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(settings.home, mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as stream:
                stream.write(base64.urlsafe_b64encode(os.urandom(32)))
                stream.flush()
                # Without the key, which a power loss may remove, the saved secrets are lost.
                os.fsync(stream.fileno())
            _publish(temporary, path)
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise ConfigurationError(
            f"No key file can be made at {path} ({error.strerror}), and the block has secrets to encrypt. Set "
            f"{SECRET_KEY}, made with: {_MAKE_ONE}"
        ) from error
    keys = _keys(settings)
    if keys is None:
        raise ConfigurationError(f"The key file {path} was removed while it was being made. Try again.")
    return keys


def _publish(temporary: str, path: str) -> None:
    # A link appears with its content and only where nothing is: of two processes at once, both read the winner's key.
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError:
        # A filesystem without hard links. O_EXCL still lets one win; the loser may see it empty for a moment.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with open(temporary, "rb") as source, open(descriptor, "wb") as target:
            target.write(source.read())
