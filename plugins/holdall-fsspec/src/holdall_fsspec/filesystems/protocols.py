"""Families of fsspec's protocols, and the parts of a base path."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from holdall_fsspec import keys

LOCAL: Final = frozenset({"file", "local"})
HTTP: Final = frozenset({"http", "https"})
ARCHIVES: Final = frozenset({"zip", "tar", "libarchive"})
SFTP: Final = frozenset({"sftp", "ssh"})
READ_ONLY: Final = HTTP | ARCHIVES | {"data", "git", "github", "reference"}
AZURE: Final = frozenset({"az", "abfs", "abfss"})
STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "oss"}) | AZURE
"""Object stores: the host of their URLs is a bucket or container."""
ONE_AT_A_TIME: Final = SFTP | {"ftp", "ftps"}
"""Protocols whose client is one connection for one thread."""
WITHOUT_A_SERVER: Final = STORES | HTTP | {"memory", "hf", "data"}
"""Protocols whose URLs name no server, or one that gets no credentials of the environment."""

_PROTOCOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*").fullmatch


_WITH_A_HOST: Final = STORES | HTTP | ONE_AT_A_TIME


class Address(NamedTuple):
    """Parts of a base path. `host` is the bucket or container of a store; an archive has none.

    `archive` is the URL of the archive that `zip://inside::URL` names.
    """

    protocol: str
    host: str
    root: str
    archive: str | None = None

    @classmethod
    def parse(cls, url: str, /) -> Self:
        """Parses a URL that `checked` has returned."""
        protocol, _, rest = url.partition("://")
        inside, separator, archive = rest.partition("::")
        if protocol in ARCHIVES:
            return cls(protocol, "", inside, archive if separator else None)
        host, _, root = rest.partition("/")
        return cls(protocol, host, root)

    @property
    def base(self) -> str:
        """URL prefix of the objects' names, without a slash at the end."""
        between = "/" if self.root and self.protocol not in ARCHIVES else ""
        return f"{self.protocol}://{self.host}{between}{self.root}"


def _check_host(protocol: str, authority: str) -> None:
    what = "bucket or container" if protocol in STORES else "host"
    parts = urlsplit(f"//{authority}")  # raises ValueError for brackets that do not close
    if not (authority if protocol in STORES else parts.hostname):
        raise ValueError(f"basepath names no {what}; write {protocol}://{what.split(maxsplit=1)[0]}/results")
    try:
        port = None if protocol in STORES else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port in basepath is none: it is a number from 1 to 65535")


def checked(url: str, /) -> str:
    """Validates a base path; returns it without slashes at its end.

    Raises:
        ValueError: it is not the URL of a filesystem that fsspec may have.
    """
    protocol, separator, rest = url.partition("://")
    if not separator or not _PROTOCOL(protocol):
        raise ValueError("basepath must be one URL such as 'sftp://host/results', with a protocol that fsspec knows")
    if protocol in LOCAL:
        raise ValueError("a local folder is LocalFileSystem(basepath='/the/folder'), which fsspec cannot do as well")
    if protocol in _WITH_A_HOST:
        _check_host(protocol, rest.partition("/")[0])
    path = rest
    if protocol in ARCHIVES:
        path = f"archive/{rest.partition('::')[0]}"
    elif "::" in rest:
        raise ValueError(f"basepath must be one URL; only archives ({', '.join(sorted(ARCHIVES))}) lie in another")
    trimmed = path.rstrip("/")
    if reason := keys.prefix_fault(re.sub(r"^[^/]*/*", "", trimmed)):
        raise ValueError(f"the path in basepath {reason}")
    return url if protocol in ARCHIVES else f"{protocol}://{trimmed}"
