"""How a block signs in: Google's credentials for it, found the way that its fields or Google's own chain say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import google.auth
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials as Token
from google.oauth2.service_account import Credentials as Account

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from holdall_gcs.config import GCSConfig

_SCOPES: Final = ["https://www.googleapis.com/auth/devstorage.read_write"]


def credentials(config: GCSConfig, url: str, /) -> Credentials | None:
    """The block's, else those of the environment for Google's own addresses; None to ask without.

    May ask the machine's metadata server. A token is good for whoever sees it: nobody else is shown one that the block
    does not hold, as the address may come from a reference that somebody wrote.

    Raises:
        DefaultCredentialsError: there are none, or they cannot be read. Never raised from what says why: a file that
            is missing must not be taken for an object that is.
    """
    if config.token is not None:
        return Token(token=config.token.get_secret_value())  # type: ignore[no-untyped-call]
    if config.service_account_info is not None:
        return _account(config.service_account_info.get_secret_value(), "service_account_info")
    if config.service_account_file is not None:
        path = Path(config.service_account_file).expanduser()
        try:
            text = path.read_text()
        except (OSError, ValueError) as error:
            raise _unusable(f"{path} cannot be read", error) from None
        return _account(text, str(path))
    if config.anonymous or not _googles(url):
        return None
    found: Credentials = google.auth.default(scopes=_SCOPES)[0]
    return found


def _googles(url: str) -> bool:
    parts = urlsplit(url)
    domains = ("googleapis.com", os.environ.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN") or "googleapis.com")
    return parts.scheme == "https" and (parts.hostname or "").endswith(tuple(f".{domain}" for domain in domains))


def _account(text: str, where: str) -> Account:
    try:
        account: Account = Account.from_service_account_info(json.loads(text), scopes=_SCOPES)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError) as error:
        raise _unusable(f"{where} holds no usable key of a service account", error) from None
    return account


def _unusable(why: str, error: Exception) -> DefaultCredentialsError:
    # Not the error's text, which may quote the key.
    return DefaultCredentialsError(f"{why}: {type(error).__name__}")  # type: ignore[no-untyped-call]
