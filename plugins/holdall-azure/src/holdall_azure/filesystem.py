"""Filesystem of adlfs with the credentials and the limits of one block."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from adlfs import AzureBlobFileSystem  # type: ignore[import-untyped]
from azure.core.credentials_async import AsyncTokenCredential
from azure.storage.blob.aio import BlobServiceClient
from fsspec.asyn import AsyncFileSystem, get_loop  # type: ignore[import-untyped]

from holdall_azure.access import Access
from holdall_azure.retry import RetryPolicy, SingleSendTransport
from holdall_fsspec import ObjectInfo
from holdall_fsspec.filesystems.finalizers import close_all, close_with, leave_to_parent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azure.storage.blob import BlobProperties

    from holdall_azure.config import ClientConfig

_DIRECTORY_MARKS: Final = frozenset({"hdi_isfolder", "is_directory"})


class FileSystem(AzureBlobFileSystem):  # type: ignore[misc]
    """Filesystem of one block in one process, which closes its connections with its last reference.

    `__init__` does not call that of adlfs, which uses credentials of the environment for any account, has no options for
    transport and retries, and registers finalizers that refer to the instance: it would never be freed, and a forked
    child would wait at its exit for an event loop that it does not have.
    """

    cachable: ClassVar[bool] = False
    mirror_sync_methods: ClassVar[bool] = False
    """The synchronous methods would be attributes of the instance that refer back to it."""

    def __init__(self, config: ClientConfig, /, **_: object) -> None:
        """Initialises `AsyncFileSystem`, sets the attributes of adlfs, and connects.

        Args:
            config: the fields of the block. One argument, as fsspec stores and encodes the arguments of its instances.
            _: options of fsspec's own configuration for adlfs, which are ignored.

        Raises:
            ClientAuthenticationError: nothing names a storage account.
            UnusableError: the credentials of the environment may not be sent to the block's address.
        """
        AsyncFileSystem.__init__(self, loop=get_loop(), use_listings_cache=False)
        self.kwargs: dict[str, Any] = {"use_listings_cache": False}
        self._config = config
        self._set_credentials(Access.of(config, os.environ))
        self._set_defaults()
        self.do_connect()
        close_with(self, *self._held)

    def _set_credentials(self, access: Access) -> None:
        """Sets adlfs's attributes of the account and its credentials."""
        credential = access.credential
        key: dict[str, Any] = credential if isinstance(credential, dict) else {}
        self.connection_string = access.connection_string
        self.account_url = access.url
        self.account_name = key.get("account_name", self._config.account.name)
        self.account_key = key.get("account_key")
        self.sas_token = credential if isinstance(credential, str) else None
        self.credential = credential if isinstance(credential, AsyncTokenCredential) else None
        self.sync_credential = self.tenant_id = self.client_id = self.client_secret = None
        self.anon = self._config.anonymous

    def _set_defaults(self) -> None:
        """Sets adlfs's other attributes to the defaults of its arguments."""
        self.location_mode = "primary"
        self.request_session = None
        self.assume_container_exists = None
        self.blocksize = 50 << 20
        self.default_fill_cache = True
        self.default_cache_type = "bytes"
        self.version_aware = False
        self.max_concurrency = None
        self._timeout_kwargs: dict[str, int] = {}

    def do_connect(self) -> None:
        """Creates the client of the account, with the transport and the retries of this package. It sends no request."""
        transport = SingleSendTransport(
            connection_timeout=self._config.connect_timeout, read_timeout=self._config.read_timeout
        )
        leave_to_parent(transport)
        options: dict[str, Any] = {"retry_policy": RetryPolicy(self._config.max_attempts), "transport": transport}
        if self.connection_string is not None:
            self.service_client = BlobServiceClient.from_connection_string(self.connection_string, **options)
            return
        # The account's name is part of a signature, and an emulator's address does not begin with it.
        key = self.account_key and {"account_name": self.account_name, "account_key": self.account_key}
        self.service_client = BlobServiceClient(
            self.account_url, credential=self.credential or key or self.sas_token, **options
        )

    async def objects(self, blobs: Iterable[BlobProperties], /) -> list[ObjectInfo]:
        """Returns the infos of those blobs that are objects and not directories.

        Names that end with a slash are left out first: adlfs cuts it off, so that the marker of a directory would become
        an object.
        """
        infos = await self._details([blob for blob in blobs if not blob.name.endswith("/")])
        return [_info(info) for info in infos if info["type"] == "file" and not is_directory(info.get("metadata"))]

    async def close(self) -> None:
        """Closes the connections of the client and of the source of tokens."""
        await close_all(*self._held)

    @property
    def _held(self) -> list[Any]:
        return [self.service_client, *([] if self.credential is None else [self.credential])]

    def __eq__(self, other: object) -> bool:
        """Whether it is the same instance: fsspec compares arguments by their text, which has no credentials."""
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a file system with credentials cannot be pickled: pickle the block, which leaves them out")


def is_directory(metadata: Mapping[str, str] | None, /) -> bool:
    """Whether an empty blob stands for a directory, by the mark of a Data Lake (in any case) or that of adlfs."""
    return any(name.lower() in _DIRECTORY_MARKS and value == "true" for name, value in (metadata or {}).items())


def plain_etag(etag: str | None, /) -> str | None:
    """Returns the etag without quotes, as in listings."""
    return etag.strip('"') if etag else None


def _info(info: Mapping[str, Any]) -> ObjectInfo:
    name = info["name"].partition("/")[2]  # adlfs puts the container in front
    return ObjectInfo(name, info["size"], plain_etag(info["etag"]), info["last_modified"].timestamp())
