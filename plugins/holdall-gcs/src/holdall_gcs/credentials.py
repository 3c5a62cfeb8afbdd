"""Google credentials of a block: those of its fields, or of Google's own chain."""

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
    """Returns the block's credentials, or those of the environment for Google's own addresses; None for no credentials.

    May request the machine's metadata server. Other addresses never get tokens of the environment, as they may come from
    a reference that anybody wrote.

    Raises:
        DefaultCredentialsError: there are none, or they cannot be read. It has no cause, so that a missing file is not
            mistaken for a missing object.
    """
    if config.token is not None:
        return Token(token=config.token.get_secret_value())  # type: ignore[no-untyped-call]
    if config.service_account_info is not None:
        return _service_account(config.service_account_info.get_secret_value(), "service_account_info")
    if config.service_account_file is not None:
        path = Path(config.service_account_file).expanduser()
        try:
            text = path.read_text()
        except (OSError, ValueError) as error:
            raise _unusable(f"{path} cannot be read", error) from None
        return _service_account(text, str(path))
    if config.anonymous or not _is_google(url):
        return None
    default: Credentials = google.auth.default(scopes=_SCOPES)[0]
    return default


def _is_google(url: str) -> bool:
    parts = urlsplit(url)
    domains = ("googleapis.com", os.environ.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN") or "googleapis.com")
    return parts.scheme == "https" and (parts.hostname or "").endswith(tuple(f".{domain}" for domain in domains))


def _service_account(text: str, where: str) -> Account:
    try:
        account: Account = Account.from_service_account_info(json.loads(text), scopes=_SCOPES)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError) as error:
        raise _unusable(f"{where} holds no usable key of a service account", error) from None
    return account


def _unusable(why: str, error: Exception) -> DefaultCredentialsError:
    # Not the error's text, which may quote the key.
    return DefaultCredentialsError(f"{why}: {type(error).__name__}")  # type: ignore[no-untyped-call]
