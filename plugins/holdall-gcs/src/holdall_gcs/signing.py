"""How a block signs in: Google's credentials for it, found the way that its fields or Google's own chain say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import google.auth
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials as Token
from google.oauth2.service_account import Credentials as Account

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from holdall_gcs.block import GCS

_SCOPES: Final = ["https://www.googleapis.com/auth/devstorage.read_write"]


def credentials(block: GCS, /, *, emulated: bool) -> Credentials | None:
    """The block's, else those of the environment; None to ask without.

    May ask the machine's metadata server. An emulator is never shown what the environment has.

    Raises:
        DefaultCredentialsError: there are none, or they cannot be read. Never raised from what says why: a file that
            is missing must not be taken for an object that is.
    """
    if block.token is not None:
        return Token(token=block.token.get_secret_value())  # type: ignore[no-untyped-call]
    if block.service_account_info is not None:
        return _account(block.service_account_info.get_secret_value(), "service_account_info")
    if block.service_account_file is not None:
        path = Path(block.service_account_file).expanduser()
        try:
            text = path.read_text()
        except (OSError, ValueError) as error:
            raise _unusable(f"{path} cannot be read", error) from None
        return _account(text, str(path))
    if block.anonymous or emulated:
        return None
    found: Credentials = google.auth.default(scopes=_SCOPES)[0]
    return found


def _account(text: str, where: str) -> Account:
    try:
        account: Account = Account.from_service_account_info(json.loads(text), scopes=_SCOPES)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError) as error:
        raise _unusable(f"{where} holds no usable key of a service account", error) from None
    return account


def _unusable(why: str, error: Exception) -> DefaultCredentialsError:
    # Not the error's text, which may quote the key.
    return DefaultCredentialsError(f"{why}: {type(error).__name__}")  # type: ignore[no-untyped-call]
