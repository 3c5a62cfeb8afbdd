"""Storage account: its name and address, from a connection string, a URL or a name."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_PUBLIC: Final = "core.windows.net"
_CLOUDS: Final = (f".{_PUBLIC}", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net", ".storage.azure.net")
NAME: Final = re.compile(r"[a-z0-9]{3,24}")
_HOST = re.compile(r"(?P<name>[a-z0-9]{3,24})\.(?:blob|dfs)\.(?P<suffix>[a-z0-9.-]+)")
_EMULATOR: Final = "devstoreaccount1"


class Account(NamedTuple):
    """Name and address of a storage account. `endpoint_url` is None for the public cloud's own address."""

    name: str | None
    endpoint_url: str | None

    @property
    def url(self) -> str | None:
        """Address of its blobs; None if neither address nor name is known."""
        if self.endpoint_url is not None or self.name is None:
            return self.endpoint_url
        return f"https://{self.name}.blob.{_PUBLIC}"

    @property
    def in_a_cloud(self) -> bool:
        """Whether its address is one of Microsoft's own, which may get credentials of the environment."""
        url = urlsplit(self.url or "")
        return url.scheme == "https" and (url.hostname or "").endswith(_CLOUDS)

    @classmethod
    def at(cls, url: str, /) -> Account:
        """Parses the URL of an account's blobs. Its host begins with the name, or its path does (emulators).

        Raises:
            ValueError: it is not such a URL.
        """
        url = url.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("endpoint_url must be a URL such as 'https://account.blob.core.windows.net'")
        if parts.username or parts.password or parts.query:
            raise ValueError("endpoint_url must hold no credentials; a signature goes into sas_token")
        host = _HOST.fullmatch(parts.hostname)
        if host is None:
            first = parts.path.strip("/").partition("/")[0]
            return cls(first if NAME.fullmatch(first) else None, url)
        # A Data Lake's own address has another protocol; the address of its blobs differs in one word.
        url = url.replace(f"{host['name']}.dfs.", f"{host['name']}.blob.", 1)
        account = cls(host["name"], None)
        return account if account.url == url else cls(host["name"], url)

    @classmethod
    def of_connection_string(cls, text: str, /) -> Account:
        """Parses the account, without the secrets, of a connection string.

        Raises:
            ValueError: the string names no account.
        """
        pairs = [pair.partition("=") for pair in text.strip().strip(";").split(";")]
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if fields.get("usedevelopmentstorage") == "true":
            return cls.at(f"http://127.0.0.1:10000/{_EMULATOR}")
        name = fields.get("accountname")
        url = fields.get("blobendpoint")
        if url is None and name and (suffix := fields.get("endpointsuffix")):
            url = f"{fields.get('defaultendpointsprotocol', 'https')}://{name}.blob.{suffix}"
        account = cls(None, None) if url is None else cls.at(url)
        if name is None and account.name is None:
            raise ValueError(
                "connection_string names no account; copy the whole of it, as 'AccountName=…;AccountKey=…;EndpointSuffix=…'"
            )
        return account._replace(name=name or account.name)
