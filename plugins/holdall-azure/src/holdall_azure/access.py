"""Address and credentials of a block's requests: the block's own, or those of the environment."""

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
    """Connection string, or address and credential: a key, a signature, a source of tokens, or None."""

    connection_string: str | None = None
    url: str = ""
    credential: dict[str, str] | str | AsyncTokenCredential | None = None

    def __repr__(self) -> str:
        return f"Access({self.url!r})" if self.url else "Access(connection_string=...)"

    @classmethod
    def of(cls, config: ClientConfig, environ: Mapping[str, str], /) -> Access:
        """Selects the access of the block, or of the environment for the block's account.

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
            return cls._for_account(config.account, secrets, anonymous=config.anonymous)
        string = environ.get(f"{_PREFIX}CONNECTION_STRING")
        if string and config.account in {Account(None, None), _account_of(string)}:
            return cls(connection_string=string)
        name = environ.get(f"{_PREFIX}ACCOUNT_NAME") or environ.get(f"{_PREFIX}ACCOUNT")
        account = config.account if config.account.url else Account(name or None, None)
        if account.url and not account.in_a_cloud:
            # References may name any address. A server that gets a token or a signature can use it, and a request that
            # is signed with a key is valid at Azure too: signatures do not include the host.
            raise UnusableError(
                f"what the environment has is for Azure's own addresses, and {account.url} is none. Give the block the "
                "credentials of that place, or set AZURE_STORAGE_CONNECTION_STRING with its BlobEndpoint."
            )
        if name in {None, "", account.name}:  # credentials of another account are not sent to this one
            secrets = _secrets(environ)
        return cls._for_account(account, secrets, anonymous=False)

    @classmethod
    def _for_account(cls, account: Account, secrets: Mapping[str, str], *, anonymous: bool) -> Access:
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


def _account_of(connection_string: str) -> Account | None:
    try:
        return Account.of_connection_string(connection_string)
    except ValueError:
        return None


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    values = {
        "account_key": environ.get(f"{_PREFIX}ACCOUNT_KEY") or environ.get(f"{_PREFIX}KEY"),
        "sas_token": environ.get(f"{_PREFIX}SAS_TOKEN"),
    }
    return {field: value for field, value in values.items() if value}


def _tokens(secrets: Mapping[str, str]) -> AsyncTokenCredential:
    from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

    if "client_secret" in secrets:
        return ClientSecretCredential(secrets["tenant_id"], secrets["client_id"], secrets["client_secret"])
    return DefaultAzureCredential()
