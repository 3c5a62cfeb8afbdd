"""The Azure block: container, account, credentials and validation."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import SecretStr, field_validator, model_validator

from holdall.errors import ConfigurationError
from holdall_azure.account import NAME, Account
from holdall_azure.config import ClientConfig
from holdall_fsspec import ObjectBlock
from holdall_fsspec.bucket import checked_path, one_way_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_azure.client import AzureClient

_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}|\$web")
_PRINCIPAL = ("tenant_id", "client_id", "client_secret")


class Azure(ObjectBlock):
    """Objects in a container of Azure Blob Storage, or of a Data Lake Storage account.

    Without credentials the block takes those of the environment, if they are of its account:
    `AZURE_STORAGE_CONNECTION_STRING`; `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or
    `AZURE_STORAGE_SAS_TOKEN`; else what `DefaultAzureCredential` finds: a service principal, a workload's or a machine's
    identity, the Azure CLI.

    Pieces of a large object whose writer failed or was killed are in no listing; Azure deletes them after a week.
    """

    slug: ClassVar[str] = "azure"
    location_fields: ClassVar[tuple[str, ...]] = ("bucket_path", "account_name", "endpoint_url")
    endpoint_fields: ClassVar[tuple[str, ...]] = ("account_name", "endpoint_url")
    at_once: ClassVar[int] = 5000 << 20

    bucket_path: str
    """`container` or `container/prefix`; a leading `az://` or `abfs://` is taken off."""
    account_name: str | None = None
    """The storage account; from the connection string or the URL if one of them names it."""
    connection_string: SecretStr | None = None
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None
    """A shared access signature, `sv=…&sig=…`."""
    tenant_id: SecretStr | None = None
    """With `client_id` and `client_secret`: a service principal. All three are secret, as they are used together."""
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    anonymous: bool = False
    """Send no credentials: public containers."""
    endpoint_url: str | None = None
    """Address of the account, for other clouds and emulators, as `https://account.blob.core.chinacloudapi.cn`."""

    @classmethod
    def from_url(cls, url: str, /) -> Self:
        """Creates a block from `az://container/prefix`, or with the account `abfss://container@account.dfs.core.windows.net/prefix`."""
        authority, slash, path = url.partition("://")[2].partition("/")
        container, at, host = authority.rpartition("@")
        if ":" in container or "?" in url:
            raise ConfigurationError("A URL of Azure holds no credentials: give a block account_key or sas_token.")
        where = {"endpoint_url": f"https://{host}"} if at else {}
        return cls.model_validate({"bucket_path": f"{container if at else host}{slash}{path}", **where})

    @model_validator(mode="before")
    @classmethod
    def _one_account(cls, values: Any) -> Any:
        """Sets the fields of the account from the URL or the connection string, for references and pickles without secrets."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if isinstance(url := values.get("endpoint_url"), str):
            account = Account.at(url)
            values["endpoint_url"] = account.endpoint_url
            if values.get("account_name") is None:
                values["account_name"] = account.name
            elif account.name not in {None, values["account_name"]}:
                raise ValueError("endpoint_url and account_name name two accounts")
        string = values.get("connection_string")
        text = string.get_secret_value() if isinstance(string, SecretStr) else string
        if isinstance(text, str):
            account = Account.of_connection_string(text)
            for name, value in (("account_name", account.name), ("endpoint_url", account.endpoint_url)):
                if values.get(name) is None:
                    values |= {} if value is None else {name: value}
                elif values[name] != value:
                    raise ValueError(f"{name} is not that of connection_string: leave it out, or correct one of them")
        return values

    @field_validator("bucket_path")
    @classmethod
    def _container_and_prefix(cls, value: str) -> str:
        rule = "three to 63 lower-case letters, digits and single hyphens"
        return checked_path(value, scheme="az|abfss?", is_bucket=_CONTAINER.fullmatch, rule=rule, noun="container")

    @field_validator("account_name")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise ValueError(f"{value!r} is no name of a storage account: three to 24 lower-case letters and digits")
        return value

    @field_validator("sas_token")
    @classmethod
    def _without_question_mark(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(value.get_secret_value().strip().removeprefix("?"))

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        principal = [name for name in _PRINCIPAL if getattr(self, name) is not None]
        if principal and len(principal) < len(_PRINCIPAL):
            raise ValueError("tenant_id, client_id and client_secret go together: give all or none")
        given = one_way_in(
            {
                "connection_string": self.connection_string is not None,
                "account_key": self.account_key is not None,
                "sas_token": self.sas_token is not None,
                "client_secret": bool(principal),
                "anonymous=True": self.anonymous,
            }
        )
        if given and self.account_name is None:
            raise ValueError(f"{given} needs account_name: without it nothing says whose it is")
        if principal and self.endpoint_url is not None and not self.endpoint_url.startswith("https:"):
            raise ValueError("client_secret needs an endpoint_url with https: tokens are not sent in the clear")
        return self

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns the address; None for Microsoft's own, and for that of the environment's connection string."""
        account = Account(location.get("account_name"), location.get("endpoint_url"))
        if account.endpoint_url is None or account.in_a_cloud:
            return None
        try:
            own = Account.of_connection_string(os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
        except ValueError:
            return account.endpoint_url
        return None if own == account else account.endpoint_url

    @property
    def account(self) -> Account:
        """The storage account, as far as the fields name it."""
        return Account(self.account_name, self.endpoint_url)

    @property
    def container(self) -> str:
        of = f" of the account {self.account_name!r}" if self.account_name else ""
        return f"the container {self.bucket!r}{of}"

    @property
    def endpoint(self) -> str:
        return self.account.url or "the endpoint of the account that the environment names"

    @property
    def credentials_advice(self) -> str:
        return (
            "Give the block a connection_string, or account_name with account_key, sas_token, a service principal or "
            "anonymous=True (pickling leaves secrets out); or set AZURE_STORAGE_CONNECTION_STRING, or "
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY."
        )

    @property
    def client_config(self) -> ClientConfig:
        """Configuration of the client."""
        return ClientConfig(
            account=self.account,
            container=self.bucket,
            secrets=self.secret_values(),
            anonymous=self.anonymous,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            max_attempts=self.max_attempts,
        )

    def new_client(self) -> AzureClient:
        from holdall_azure.client import AzureClient

        return AzureClient(self.client_config)
