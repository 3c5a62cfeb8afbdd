"""Which address and which credentials a block's requests go with: the block's own, else the environment's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from azure.core.exceptions import ClientAuthenticationError

from holdall_azure.account import Account
from holdall_fsspec.errors import UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials_async import AsyncTokenCredential

    from holdall_azure.config import ClientConfig

_PREFIX: Final = "AZURE_STORAGE_"


class Access(NamedTuple):
    """A connection string, or an address and what signs: a key, a signature, a source of tokens, nothing."""

    connection_string: str | None = None
    url: str = ""
    credential: dict[str, str] | str | AsyncTokenCredential | None = None

    def __repr__(self) -> str:
        return f"Access({self.url!r})" if self.url else "Access(connection_string=...)"

    @classmethod
    def of(cls, config: ClientConfig, environ: Mapping[str, str], /) -> Access:
        """What the block says, else what the environment says of the block's account.

        Args:
            config: the account and the credentials of the block.
            environ: the variables of the environment.

        Raises:
            ClientAuthenticationError: neither names an account.
            UnusableError: the block has no credentials, and the environment's may not be sent to its address.
        """
        secrets = config.secrets
        if string := secrets.get("connection_string"):
            return cls(connection_string=string)
        if secrets or config.anonymous:
            return cls._with(config.account, secrets, anonymous=config.anonymous)
        string = environ.get(f"{_PREFIX}CONNECTION_STRING")
        if string and config.account in {Account(None, None), _of(string)}:
            return cls(connection_string=string)
        name = environ.get(f"{_PREFIX}ACCOUNT_NAME") or environ.get(f"{_PREFIX}ACCOUNT")
        account = config.account if config.account.url else Account(name or None, None)
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
