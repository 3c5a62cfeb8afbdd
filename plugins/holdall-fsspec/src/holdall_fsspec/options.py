"""The options that a filesystem is made with: the user's, those in the URL, and the block's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from holdall_fsspec.errors import UnusableError
from holdall_fsspec.protocols import HTTP, SFTP, Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_fsspec.filesystem import FsspecFileSystem

_SECRET = re.compile(
    r"(?i)^key$|^pass$|^pwd$|secret|passw|passphrase|token|credential|connection_string|"
    r"(account|access|api|private|encryption|customer)_?key|^sas"
)
_GOOGLES: Final = (".googleapis.com",)
_MICROSOFTS: Final = (".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net")
_NAME_SERVERS: Final = {
    **dict.fromkeys(("gs", "gcs"), ("endpoint_url", _GOOGLES)),
    **dict.fromkeys(("az", "abfs", "abfss"), ("account_host", _MICROSOFTS)),
}
"""Protocols whose filesystems show the environment's tokens to the server that a setting names, and who may see them."""


def connect(block: FsspecFileSystem, /) -> Any:
    """A filesystem of this block alone, which remembers neither listings nor other instances."""
    where = Address.parse(block.basepath)
    secrets = json.loads(block.secret_settings.get_secret_value()) if block.secret_settings else {}
    if not secrets and not block.settings.get("anon"):
        _refuse_strangers(block.settings, where.protocol)
    cls = filesystem_class(where.protocol)
    options = {
        **({"fo": where.archive} if where.archive else cls._get_kwargs_from_urls(where.base)),
        **_limits(block, where.protocol),
        **block.settings,
        **secrets,
        "skip_instance_cache": True,
        # sftp keeps no listings, and hands options that it does not know to paramiko, which refuses them.
        **({} if where.protocol in SFTP else {"use_listings_cache": False}),
    }
    try:
        filesystem = cls(**options)
    except ImportError as error:
        raise _without_package(where.protocol) from error
    if where.protocol in SFTP:
        filesystem.ftp.get_channel().settimeout(block.read_timeout)
    return filesystem


def filesystem_class(protocol: str, /) -> Any:
    """The class that fsspec has for the protocol.

    Raises:
        UnusableError: it has none, or the package of it is not installed.
    """
    import fsspec  # type: ignore[import-untyped]

    try:
        return fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        known = sorted(fsspec.available_protocols())
        near = get_close_matches(protocol, known, n=1)
        hint = f"Did you mean {near[0]}://? " if near else ""
        raise UnusableError(
            f"{protocol}:// is no protocol that fsspec knows. {hint}Known: {', '.join(known)}."
        ) from error
    except ImportError as error:
        raise _without_package(protocol) from error


def _refuse_strangers(settings: Mapping[str, Any], protocol: str) -> None:
    """A recorded place may name any server; who gets a token can use it."""
    name, suffixes = _NAME_SERVERS.get(protocol, ("", ()))
    if not (address := str(settings.get(name) or "")):
        return
    url = urlsplit(address if "://" in address else f"https://{address}")
    if url.scheme != "https" or not (url.hostname or "").endswith(suffixes):
        raise UnusableError(
            f"{name} in settings names a server that tokens of the environment are not sent to. Give its credentials in "
            "secret_settings."
        )


def _without_package(protocol: str) -> UnusableError:
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]

    needs = known_implementations.get(protocol, {}).get("err", "the error below names it")
    return UnusableError(f"the filesystem of {protocol}:// needs a package that is not installed: {needs}.")


def _limits(block: FsspecFileSystem, protocol: str) -> dict[str, Any]:
    """The timeouts, as far as the filesystem has options for them that are known here."""
    if protocol in HTTP:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=block.connect_timeout, sock_read=block.read_timeout)
        return {"client_kwargs": {"timeout": timeout}}
    if protocol in SFTP:
        return dict.fromkeys(["timeout", "banner_timeout", "auth_timeout"], block.connect_timeout)
    return {}


def secret_names(settings: Mapping[str, Any], /) -> Iterator[str]:
    """Names of options, however deep, whose values are secrets by their sound."""
    for name, value in settings.items():
        if _SECRET.search(str(name)):
            yield str(name)
        if isinstance(value, Mapping):
            yield from secret_names(value)


def as_json(value: Any, /, *, field: str | None = "secret_settings") -> Any:
    """Secret options as the text that a `SecretStr` keeps.

    Raises:
        ValueError: neither a mapping nor a JSON object.
    """
    if isinstance(value, Mapping):
        return json.dumps({name: _revealed(each) for name, each in value.items()})
    if value is not None:
        text = _revealed(value)
        try:
            is_mapping = isinstance(json.loads(text), dict)
        except (TypeError, ValueError):
            is_mapping = False
        if not is_mapping:
            raise ValueError(f"{field} must be a mapping, or a JSON object")
    return value


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
