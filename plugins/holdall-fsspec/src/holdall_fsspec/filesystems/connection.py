"""Creates filesystems of fsspec, from the options of the user, of the URL and of the block."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from holdall_fsspec.errors import UnusableError
from holdall_fsspec.filesystems.protocols import AZURE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from holdall_fsspec.client import ClientLimits
    from holdall_fsspec.filesystems.protocols import Address

_GOOGLES: Final = (".googleapis.com",)
_MICROSOFTS: Final = (".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net")
_NAME_SERVERS: Final = {
    **dict.fromkeys(("gs", "gcs"), ("endpoint_url", _GOOGLES)),
    **dict.fromkeys(AZURE, ("account_host", _MICROSOFTS)),
}
"""Protocols whose filesystems send tokens of the environment to the server of a setting, and the servers that may get them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FsspecConfig:
    """Fields of an `FsspecFileSystem` block that an adapter needs."""

    address: Address
    settings: Mapping[str, Any]
    secret_settings: SecretStr | None
    chunk_size: int
    map_above: int | None
    limits: ClientLimits


def connect(config: FsspecConfig, /, *, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> Any:
    """Creates a filesystem that no other block shares.

    Args:
        config: the fields of the block.
        defaults: options that the user can override.
        fixed: options that override those of the user.

    Raises:
        UnusableError: fsspec does not know the protocol, its package is not installed, or tokens of the environment would
            go to a server that only `settings` name.
    """
    address = config.address
    secrets = json.loads(config.secret_settings.get_secret_value()) if config.secret_settings else {}
    if not secrets and not config.settings.get("anon"):
        _check_server(config.settings, address.protocol)
    cls = filesystem_class(address.protocol)
    options = {
        **({"fo": address.archive} if address.archive else cls._get_kwargs_from_urls(address.base)),
        **defaults,
        **config.settings,
        **secrets,
        "skip_instance_cache": True,
        **fixed,
    }
    try:
        return cls(**options)
    except ImportError as error:
        raise _without_package(address.protocol) from error


def filesystem_class(protocol: str, /) -> Any:
    """Returns fsspec's filesystem class for a protocol.

    Raises:
        UnusableError: fsspec does not know the protocol, or its package is not installed.
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


def _check_server(settings: Mapping[str, Any], protocol: str) -> None:
    """Raises `UnusableError` if tokens of the environment would go to a server that is not the platform's.

    Recorded locations may name any server, and whoever gets a token can use it.
    """
    name, suffixes = _NAME_SERVERS.get(protocol, ("", ()))
    if not (server := str(settings.get(name) or "")):
        return
    url = urlsplit(server if "://" in server else f"https://{server}")
    if url.scheme != "https" or not (url.hostname or "").endswith(suffixes):
        raise UnusableError(
            f"{name} in settings names a server that tokens of the environment are not sent to. Give its credentials in "
            "secret_settings."
        )


def _without_package(protocol: str) -> UnusableError:
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]

    needs = known_implementations.get(protocol, {}).get("err", "the error below names it")
    return UnusableError(f"the filesystem of {protocol}:// needs a package that is not installed: {needs}.")
