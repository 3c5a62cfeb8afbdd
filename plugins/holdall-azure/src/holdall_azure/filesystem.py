"""The file system of adlfs with the credentials and the limits of one block."""

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
from holdall_fsspec.finalizers import close_all, close_with, leave_to_parent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azure.storage.blob import BlobProperties

    from holdall_azure.config import ClientConfig

_DIRECTORY_MARKS: Final = frozenset({"hdi_isfolder", "is_directory"})


class FileSystem(AzureBlobFileSystem):  # type: ignore[misc]
    """adlfs's file system of one block in one process, which closes its connections with its last reference.

    `__init__` does not call that of adlfs, which takes credentials of the environment whatever account they are of, can
    set neither transport nor retries, and registers finalizers with the instance among their arguments: such an instance
    is never freed, and a forked child waits at its exit for an event loop that it does not have.
    """

    cachable: ClassVar[bool] = False
    mirror_sync_methods: ClassVar[bool] = False
    """The synchronous methods would be attributes of the instance that refer back to it."""

    def __init__(self, config: ClientConfig, /, **_: object) -> None:
        """Initialises `AsyncFileSystem`, sets the attributes of adlfs, and connects.

        Args:
            config: what to connect to. One argument, as fsspec keeps and encodes the arguments of its instances.
            _: what fsspec's own configuration says of adlfs; the block decides alone.

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
        """Sets the account and its credentials in the attributes that adlfs has for them."""
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
        """Sets what adlfs takes from its arguments to what it takes where none are given."""
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
        """Makes the client of the account, with the transport and the retries of this package. It sends nothing."""
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
        """Those of the blobs that are objects; directories are none.

        adlfs cuts a slash off the end of a name, which would make an object of the mark of a directory, so names with
        one are left out before.
        """
        infos = await self._details([blob for blob in blobs if not blob.name.endswith("/")])
        return [_seen(info) for info in infos if info["type"] == "file" and not is_directory(info.get("metadata"))]

    async def close(self) -> None:
        """Closes the connections, and those of the source of tokens."""
        await close_all(*self._held)

    @property
    def _held(self) -> list[Any]:
        return [self.service_client, *([] if self.credential is None else [self.credential])]

    def __eq__(self, other: object) -> bool:
        """Whether it is the same instance: fsspec compares arguments by their text, which leaves credentials out."""
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a file system with credentials cannot be pickled: pickle the block, which leaves them out")


def is_directory(metadata: Mapping[str, str] | None, /) -> bool:
    """Whether an empty blob stands for a directory, by the mark of a Data Lake (in any case) or that of adlfs."""
    return any(name.lower() in _DIRECTORY_MARKS and value == "true" for name, value in (metadata or {}).items())


def plain_etag(etag: str | None, /) -> str | None:
    """The etag without quotes, which listings leave out."""
    return etag.strip('"') if etag else None


def _seen(info: Mapping[str, Any]) -> ObjectInfo:
    name = info["name"].partition("/")[2]  # adlfs puts the container in front
    return ObjectInfo(name, info["size"], plain_etag(info["etag"]), info["last_modified"].timestamp())
