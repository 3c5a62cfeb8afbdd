"""What may be written into a block, what it shows, and what it never shows."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

from holdall.errors import ConfigurationError
from holdall_azure import Azure

KEY = "YS12ZXJ5LXNlY3JldC1rZXk="
STRING = f"DefaultEndpointsProtocol=https;AccountName=lakes;AccountKey={KEY};EndpointSuffix=core.windows.net"
PRINCIPAL = {"tenant_id": "a-tenant", "client_id": "a-client", "client_secret": "a-very-secret-word"}
SECRETS = [KEY, *PRINCIPAL.values(), "sig=a-signature"]


@pytest.mark.parametrize(
    "written", ["data/a/b", "az://data/a/b", "abfs://data/a/b/", "abfss://data/a/b", " data//a/b/ "]
)
def test_a_bucket_path_has_one_form(written: str) -> None:
    """However it is written."""
    block = Azure(bucket_path=written)

    assert "data/a/b" == block.bucket_path
    assert ("data", "a/b") == (block.bucket, block.root)
    assert Azure(bucket_path="data/a/b") == block


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("az://data", {"bucket_path": "data"}),
        ("abfs://data/a/b", {"bucket_path": "data/a/b"}),
        ("abfss://data@lakes.dfs.core.windows.net/a/b", {"bucket_path": "data/a/b", "account_name": "lakes"}),
        ("abfs://data@lakes.blob.core.windows.net", {"bucket_path": "data", "account_name": "lakes"}),
        (
            "abfss://data@lakes.dfs.core.chinacloudapi.cn/a",
            {
                "bucket_path": "data/a",
                "account_name": "lakes",
                "endpoint_url": "https://lakes.blob.core.chinacloudapi.cn",
            },
        ),
    ],
)
def test_a_url_names_container_prefix_and_perhaps_the_account(url: str, location: dict[str, str]) -> None:
    """As `result_storage=` takes it."""
    assert location == Azure.from_url(url).location()


@pytest.mark.parametrize("url", [f"az://lakes:{KEY}@data/p", "az://data/p?sv=1&sig=a-signature"])
def test_a_url_holds_no_credentials(url: str) -> None:
    """They would be shown wherever the storage is named."""
    with pytest.raises(ConfigurationError, match="account_key or sas_token") as caught:
        Azure.from_url(url)

    assert not [secret for secret in SECRETS if secret in str(caught.value)]


@pytest.mark.parametrize(
    ("string", "place"),
    [
        (STRING, {"account_name": "lakes"}),
        (STRING.replace("windows.net", "usgovcloudapi.net"), {
            "account_name": "lakes", "endpoint_url": "https://lakes.blob.core.usgovcloudapi.net"
        }),
        (f"AccountName=lakes;AccountKey={KEY}", {"account_name": "lakes"}),
        ("BlobEndpoint=https://lakes.blob.core.windows.net/;SharedAccessSignature=sig=a-signature", {
            "account_name": "lakes"
        }),
        (f"AccountName=lakes;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/lakes;", {
            "account_name": "lakes", "endpoint_url": "http://127.0.0.1:10000/lakes"
        }),
        ("UseDevelopmentStorage=true", {
            "account_name": "devstoreaccount1", "endpoint_url": "http://127.0.0.1:10000/devstoreaccount1"
        }),
    ],
)  # fmt: skip
def test_a_connection_string_names_the_place(string: str, place: dict[str, str]) -> None:
    """A reference names the account, and a pickled block still knows it, both without the secrets."""
    block = Azure(bucket_path="data/p", connection_string=string)

    assert {"bucket_path": "data/p", **place} == block.location()
    assert block.location() == pickle.loads(pickle.dumps(block)).location()
    assert block == Azure(**block.location(), **block.secret_values())


def test_one_account_is_named_in_one_way() -> None:
    """The public cloud's own address of an account is what its name stands for."""
    written = [
        {"account_name": "lakes"},
        {"endpoint_url": "https://lakes.blob.core.windows.net/"},
        {"account_name": "lakes", "endpoint_url": "https://lakes.dfs.core.windows.net"},
    ]

    assert [{"bucket_path": "data", "account_name": "lakes"}] * 3 == [
        Azure(bucket_path="data", **fields).location() for fields in written
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bucket_path": ""}, "names no container"),
        ({"bucket_path": "az://"}, "names no container"),
        ({"bucket_path": "/prefix"}, "names no container"),
        ({"bucket_path": "Data/x"}, "is no name of a container"),
        ({"bucket_path": "da--ta/x"}, "is no name of a container"),
        ({"bucket_path": f"az://lakes:{KEY}@data/x"}, "must hold no credentials"),
        ({"bucket_path": "data/../other"}, "could leave the base path or prefix"),
        ({"endpoint_url": "localhost:10000"}, "must be a URL"),
        ({"endpoint_url": f"https://lakes.blob.core.windows.net?{SECRETS[-1]}"}, "a signature goes into sas_token"),
        ({"endpoint_url": "https://lakes.blob.core.windows.net", "account_name": "ponds"}, "name two accounts"),
        ({"connection_string": "AccountKey=YS12ZXJ5LXNlY3JldC1rZXk="}, "connection_string names no account"),
        ({"connection_string": STRING, "account_name": "ponds"}, "account_name is not that of connection_string"),
        ({"connection_string": STRING, "account_key": KEY}, "connection_string and account_key exclude each other"),
        ({"account_name": "lakes", "account_key": KEY, "sas_token": "sig=a-signature"}, "exclude each other"),
        ({"account_name": "lakes", "anonymous": True, **PRINCIPAL}, "exclude each other"),
        ({"account_key": KEY}, "account_key needs account_name"),
        ({"account_name": "lakes", "client_id": "a-client"}, "go together: give all or none"),
        ({"endpoint_url": "http://127.0.0.1:10000/lakes", **PRINCIPAL}, "tokens are not sent in the clear"),
        (
            {"endpoint_url": "https://lakes.blob.core.chinacloudapi.cn", "account_name": "ponds"},
            "name two accounts",
        ),
        ({"account_name": "evil.example/lakes"}, "is no name of a storage account"),
        ({"read_timeout": 0}, "greater than 0"),
        ({"acount_name": "lakes"}, "did you mean 'account_name'"),
    ],
)
def test_what_cannot_be_right_is_refused(fields: dict[str, Any], message: str) -> None:
    """With a sentence, and without repeating a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        Azure(**{"bucket_path": "data", **fields})

    assert not [secret for secret in SECRETS if secret in str(caught.value)]


@pytest.mark.parametrize(
    "way", [{"connection_string": STRING}, {"account_key": KEY}, {"sas_token": "?sig=a-signature"}, PRINCIPAL]
)
def test_a_block_shows_no_secret(way: dict[str, str]) -> None:
    """Neither printed, nor by its location, nor in its plain fields, nor in its pickle."""
    block = Azure(bucket_path="data/p", account_name="lakes", **way)

    shown = f"{block!r} {block} {block.location()} {block.plain_fields()} {block.shown} {pickle.dumps(block)!r}"

    assert not [secret for secret in SECRETS if secret in shown]
    assert {"bucket_path": "data/p", "account_name": "lakes"} == block.location()
    assert Azure(**block.location(), **block.secret_values()) == block


def test_building_a_block_imports_no_backend() -> None:
    """Importing a flow that names a block costs no client."""
    program = (
        "import sys; import holdall_azure; holdall_azure.Azure(bucket_path='data/p').location();"
        "print([name for name in ('azure', 'adlfs', 'asyncio', 'fsspec', 'msal', 'aiohttp') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == said.stdout.strip()
