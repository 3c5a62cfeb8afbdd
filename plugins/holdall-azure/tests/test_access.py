"""Whose credentials go where: the block's own first, and none of the environment's to another account."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

from holdall_azure import Azure
from holdall_azure.access import Access
from holdall_fsspec.errors import UnusableError

KEY = "YS12ZXJ5LXNlY3JldC1rZXk="
STRING = f"DefaultEndpointsProtocol=https;AccountName=lakes;AccountKey={KEY};EndpointSuffix=core.windows.net"
LAKES = "https://lakes.blob.core.windows.net"
PRINCIPAL = {"tenant_id": "a-tenant", "client_id": "a-client", "client_secret": "a-very-secret-word"}
SIGNED = {"account_name": "lakes", "account_key": KEY}


@pytest.mark.parametrize(
    ("fields", "environ", "expected"),
    [
        ({"connection_string": STRING}, {}, Access(STRING)),
        (SIGNED, {}, Access(None, LAKES, SIGNED)),
        ({"account_name": "lakes", "sas_token": "?sig=x"}, {}, Access(None, LAKES, "sig=x")),
        ({"account_name": "lakes", "anonymous": True}, {"AZURE_STORAGE_KEY": KEY}, Access(None, LAKES)),
        # What the block says counts, whatever the environment says.
        (SIGNED, {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=ponds;AccountKey=eA=="}, Access(None, LAKES, SIGNED)),
        # What it does not say comes from there.
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": STRING}, Access(STRING)),
        ({"account_name": "lakes"}, {"AZURE_STORAGE_CONNECTION_STRING": STRING}, Access(STRING)),
        (
            {},
            {"AZURE_STORAGE_ACCOUNT_NAME": "lakes", "AZURE_STORAGE_ACCOUNT_KEY": KEY},
            Access(None, LAKES, SIGNED),
        ),
        ({}, {"AZURE_STORAGE_ACCOUNT": "lakes", "AZURE_STORAGE_KEY": KEY}, Access(None, LAKES, SIGNED)),
        ({}, {"AZURE_STORAGE_ACCOUNT": "lakes", "AZURE_STORAGE_SAS_TOKEN": "?sig=x"}, Access(None, LAKES, "sig=x")),
        ({"account_name": "lakes"}, {"AZURE_STORAGE_ACCOUNT_KEY": KEY}, Access(None, LAKES, SIGNED)),
    ],
)
def test_keys_and_signatures(fields: dict[str, Any], environ: dict[str, str], expected: Access) -> None:
    """The first that is there."""
    assert expected == Access.of(Azure(bucket_path="data", **fields).client_config, environ)


@pytest.mark.parametrize(
    ("fields", "environ", "kind"),
    [
        (PRINCIPAL, {}, ClientSecretCredential),
        ({}, {}, DefaultAzureCredential),
        # Neither the key nor the string of another account goes to this one.
        ({}, {"AZURE_STORAGE_ACCOUNT_NAME": "ponds", "AZURE_STORAGE_ACCOUNT_KEY": KEY}, DefaultAzureCredential),
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": STRING.replace("lakes", "ponds")}, DefaultAzureCredential),
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": f"{STRING};BlobEndpoint=http://elsewhere"}, DefaultAzureCredential),
    ],
)
def test_tokens(fields: dict[str, Any], environ: dict[str, str], kind: type) -> None:
    """Of a service principal, or of whatever identity the platform gives."""
    access = Access.of(Azure(bucket_path="data", account_name="lakes", **fields).client_config, environ)

    assert (None, LAKES) == access[:2]
    assert kind is type(access.credential)


@pytest.mark.parametrize(
    ("fields", "environ"),
    [
        ({"endpoint_url": "http://127.0.0.1:10000/lakes"}, {}),
        ({"endpoint_url": "https://lakes.blob.evil.example"}, {"AZURE_STORAGE_SAS_TOKEN": "sig=x"}),
        ({"endpoint_url": "https://lakes.blob.evil.example"}, {"AZURE_STORAGE_KEY": KEY}),
        ({"endpoint_url": "https://evil.example", "account_name": "lakes"}, {"AZURE_STORAGE_KEY": KEY}),
    ],
)
def test_strangers_get_nothing_of_the_environment(fields: dict[str, str], environ: dict[str, str]) -> None:
    """Who is sent a token or a signature can use it.

    So can who gets a request that a key signed: it is good at Azure too, as the host is no part of what is signed.
    """
    with pytest.raises(UnusableError, match="Give the block the credentials of that place"):
        Access.of(Azure(bucket_path="data", **fields).client_config, environ)


def test_no_account() -> None:
    """Neither the block nor the environment names one."""
    with pytest.raises(ClientAuthenticationError):
        Access.of(Azure(bucket_path="data").client_config, {})


def test_an_emulator_is_named_by_whoever_names_its_key() -> None:
    """Both by the environment, or both by the block."""
    url = "http://127.0.0.1:10000/lakes"
    string = f"AccountName=lakes;AccountKey={KEY};BlobEndpoint={url}"
    block = Azure(bucket_path="data", endpoint_url=url)

    assert Access(string) == Access.of(block.client_config, {"AZURE_STORAGE_CONNECTION_STRING": string})
    assert Access(None, url, SIGNED) == Access.of(
        Azure(bucket_path="data", endpoint_url=url, account_key=KEY).client_config, {}
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"connection_string": STRING},
        {"account_name": "lakes", "account_key": KEY},
        {"account_name": "lakes", "sas_token": "sv=1&sig=a-signature"},
        {"account_name": "lakes", **PRINCIPAL},
    ],
)
def test_neither_access_nor_configuration_shows_credentials(fields: dict[str, Any]) -> None:
    """Printed, in a message or as part of a tuple."""
    config = Azure(bucket_path="data", **fields).client_config
    access = Access.of(config, {})

    shown = f"{config} {config!r} {access} {access!r} {[config, access]}"

    assert "lakes" in shown
    assert not [secret for secret in (KEY, "a-signature", *PRINCIPAL.values()) if secret in shown]
