"""Which address and which credentials a block's requests go with: the block's own, else the environment's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob.aio import ContainerClient

from holdall_azure.account import Account
from holdall_azure.repeating import Once, Repeating
from holdall_fsspec.faults import UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_azure.block import Azure

_PREFIX: Final = "AZURE_STORAGE_"


class Access(NamedTuple):
    """A connection string, or an address and what signs: a key, a signature, a source of tokens, nothing."""

    connection_string: str | None = None
    url: str = ""
    credential: dict[str, str] | str | AsyncTokenCredential | None = None

    @classmethod
    def of(cls, block: Azure, environ: Mapping[str, str], /) -> Access:
        """What the block says, else what the environment says of the block's account.

        Raises:
            ClientAuthenticationError: neither names an account.
            UnusableError: the block has no credentials, and the environment's may not be sent to its address.
        """
        secrets = block.secret_values()
        if string := secrets.get("connection_string"):
            return cls(connection_string=string)
        if secrets or block.anonymous:
            return cls._with(block.account, secrets, anonymous=block.anonymous)
        string = environ.get(f"{_PREFIX}CONNECTION_STRING")
        if string and block.account in {Account(None, None), _of(string)}:
            return cls(connection_string=string)
        name = environ.get(f"{_PREFIX}ACCOUNT_NAME") or environ.get(f"{_PREFIX}ACCOUNT")
        account = block.account if block.account.url else Account(name or None, None)
        if account.url and not account.in_a_cloud:
            # A reference of anybody's may name any address. Who gets a token or a signature there can use it, and a
            # request that a key signed is as good at Azure: the host is no part of what is signed.
            raise UnusableError(
                f"what the environment has is for Azure's own addresses, and {account.url} is none. Give the block the "
                "credentials of that place, or set AZURE_STORAGE_CONNECTION_STRING with its BlobEndpoint."
            )
        if name in {None, "", account.name}:  # what belongs to another account is not sent to this one
            secrets = _secrets(environ)
        return cls._with(account, secrets, anonymous=False)

    @classmethod
    def _with(cls, account: Account, secrets: Mapping[str, str], *, anonymous: bool) -> Access:
        url = account.url
        if url is None:
            raise ClientAuthenticationError("nothing names a storage account")
        if anonymous:
            return cls(url=url)
        if (key := secrets.get("account_key")) and account.name:
            return cls(url=url, credential={"account_name": account.name, "account_key": key})
        if token := secrets.get("sas_token"):
            return cls(url=url, credential=token.removeprefix("?"))
        return cls(url=url, credential=_tokens(secrets))


def connect(block: Azure) -> tuple[ContainerClient, AsyncTokenCredential | None]:
    """A client of the block's container, and the credential that is to be closed with it. It connects on first use."""
    access = Access.of(block, os.environ)
    options: dict[str, Any] = {
        "retry_policy": Repeating(block.max_attempts),
        "transport": Once(connection_timeout=block.connect_timeout, read_timeout=block.read_timeout),
    }
    if access.connection_string is not None:
        client = ContainerClient.from_connection_string(access.connection_string, block.bucket, **options)
        return client, None
    client = ContainerClient(access.url, block.bucket, credential=access.credential, **options)
    return client, access.credential if isinstance(access.credential, AsyncTokenCredential) else None


def _of(connection_string: str) -> Account | None:
    try:
        return Account.of_connection_string(connection_string)
    except ValueError:
        return None


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        "account_key": environ.get(f"{_PREFIX}ACCOUNT_KEY") or environ.get(f"{_PREFIX}KEY"),
        "sas_token": environ.get(f"{_PREFIX}SAS_TOKEN"),
    }
    return {field: value for field, value in found.items() if value}


def _tokens(secrets: Mapping[str, str]) -> AsyncTokenCredential:
    from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

    if "client_secret" in secrets:
        return ClientSecretCredential(secrets["tenant_id"], secrets["client_id"], secrets["client_secret"])
    return DefaultAzureCredential()
