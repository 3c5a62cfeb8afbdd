"""Trusted and revoked signers: from the user's own file or environment, and never from a file of a project."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError
from holdall.security.signing import UNSIGNED
from holdall.settings.files import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.settings.files import ConfigFile

_TRUSTED: Final = "trusted_signers"
_REVOKED: Final = "revoked_signers"
KEYS: Final = (_TRUSTED, _REVOKED)
VARIABLES: Final = {key: f"HOLDALL_{key.upper()}" for key in KEYS}
_FILE: Final = "trust.toml"


def path(environ: Mapping[str, str], /, *, platform: str = sys.platform) -> str | None:
    """Returns the path of the user's own file; None for a user without a home.

    It depends neither on the working directory nor on a file that is found from there.
    """
    user = environ.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        folder = environ.get("APPDATA") or os.path.join(user, "AppData", "Roaming")
    elif platform == "darwin":
        folder = os.path.join(user, "Library", "Application Support")
    else:
        folder = environ.get("XDG_CONFIG_HOME", "")
        if not os.path.isabs(folder):  # as its specification asks: relative paths are to be ignored
            folder = os.path.join(user, ".config")
    return os.path.join(folder, "holdall", _FILE) if os.path.isabs(folder) else None


def read(environ: Mapping[str, str], /) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Reads values and sources of the keys that are set.

    The variable wins over the file, except that signers revoked in either are revoked.

    Raises:
        ConfigurationError: the file cannot be read, has another key, or a value is not a list of texts.
    """
    values: dict[str, tuple[str, ...]] = {}
    sources: dict[str, str] = {}
    own = path(environ)
    tables = None if own is None else read_toml(own)
    for key, value in (tables or {}).items():
        if key not in KEYS:
            raise ConfigurationError(
                f"{own}: there is no setting {key!r}. Settings of this file are {', '.join(KEYS)}."
            )
        values[key], sources[key] = _listed(value, f"{own}, {key}"), str(own)
    for key, variable in VARIABLES.items():
        text = environ.get(variable)
        if not text:  # an empty variable is how a shell says "not set"
            continue
        given, source = _listed(text.split(","), f"environment variable {variable}"), f"environment variable {variable}"
        if key == _REVOKED and key in values:
            given, source = tuple(dict.fromkeys((*given, *values[key]))), f"{source} and {own}"
        values[key], sources[key] = given, source
    return values, sources


def refuse_in(file: ConfigFile, environ: Mapping[str, str], /) -> None:
    """Raises `ConfigurationError` if a file of a project has trusted or revoked signers, or accepts unsigned results."""
    tables = (file.tables, *(each for each in file.tables.values() if isinstance(each, dict)))
    for key in KEYS:
        if any(key in table for table in tables):
            own = path(environ) or "a file of your own"
            raise ConfigurationError(
                f"{file.path}: {key} cannot stand here, because a file that arrives with a project does not say whose "
                f"results you believe. Put it into {own}, or set {VARIABLES[key]}."
            )
    results = file.tables.get("results")
    accept = results.get("accept") if isinstance(results, dict) else None
    if isinstance(accept, list) and UNSIGNED in [each.strip() for each in accept if isinstance(each, str)]:
        raise ConfigurationError(
            f"{file.path}, results.accept: {UNSIGNED!r} cannot stand here, because a file that arrives with a project does "
            f"not say whose results you believe. Set HOLDALL_RESULTS_ACCEPT={UNSIGNED}, or read with accept=[{UNSIGNED!r}]."
        )


def refuse_block(fields: Mapping[str, Any], where: str, /, *, key_is_of_the_user: bool) -> None:
    """Raises `ConfigurationError` if a block of a project has a signing key, or accepts unsigned results."""
    what = None
    accept = fields.get("accept")
    if isinstance(accept, list | tuple | str) and UNSIGNED in accept:
        what = f"accept with {UNSIGNED!r}"
    elif fields.get("signing_key") is not None and not key_is_of_the_user:
        what = "a signing_key of its own"
    if what is not None:
        raise ConfigurationError(
            f"{where} has {what}, and what arrives with a project does not say whose results you believe. Set "
            "HOLDALL_SIGNING_KEY or HOLDALL_RESULTS_ACCEPT, configure the block in the environment, or write signing_key as "
            '"${NAME}", the variable that has the key.'
        )


def _listed(value: Any, source: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) and part.strip() for part in value):
        # Not shown: somebody may have put a private key there.
        raise ConfigurationError(
            f"{source} is not a list of signers: texts in a list in a file, separated by commas in a variable."
        )
    return tuple(part.strip() for part in value)
