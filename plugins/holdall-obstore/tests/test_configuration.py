"""What may be written into a block, what it shows, what it never shows, and what obstore is handed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from holdall.errors import ConfigurationError
from holdall_obstore import ObjectStore
from holdall_obstore.stores import store_arguments

S3_SECRETS = {
    "aws_access_key_id": "AKIASECRETID",
    "aws_secret_access_key": "a-very-secret-key",
    "aws_session_token": "a-secret-token",
}
ACCOUNT = {"type": "service_account", "client_email": "me@example.org", "private_key": "a-very-secret-key"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("s3://bucket/a/b", ("s3://bucket/a/b", "s3", "bucket", "a/b")),
        (" s3a://bucket//a/b/ ", ("s3://bucket/a/b", "s3", "bucket", "a/b")),
        ("gcs://bucket", ("gs://bucket", "gs", "bucket", "")),
        ("gs://bucket/p/", ("gs://bucket/p", "gs", "bucket", "p")),
        ("abfs://container/p", ("az://container/p", "az", "container", "p")),
        ("azure://container/p", ("az://container/p", "az", "container", "p")),
    ],
)
def test_a_url_has_one_form(written: str, expected: tuple[str, ...]) -> None:
    """However it is written."""
    block = ObjectStore(url=written)

    assert expected == (block.url, block.provider, block.bucket, block.root)
    assert ObjectStore(url=expected[0]) == block


def test_a_url_may_name_the_account() -> None:
    """As Azure's own tools write it; the account is then a field like any other."""
    block = ObjectStore(url="abfss://container@myaccount.dfs.core.windows.net/p/q")

    assert ("az://container/p/q", "myaccount") == (block.url, block.account_name)
    assert ObjectStore(**block.location()) == block


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": ""}, "url must be one such as"),
        ({"url": "bucket/prefix"}, "url must be one such as"),
        ({"url": "ftp://host/x"}, "url must be one such as"),
        ({"url": "s3://"}, "names no bucket"),
        ({"url": "s3:///prefix"}, "names no bucket"),
        ({"url": "s3://me:a-very-secret-key@host/x"}, "must hold no credentials"),
        ({"url": "s3://b_ucket!/x"}, "is no name of a bucket"),
        ({"url": "s3://bucket/../other"}, "could leave the base path or prefix"),
        ({"url": "s3://bucket", "endpoint_url": "localhost:9000"}, "must be a URL"),
        ({"url": "s3://bucket", "endpoint_url": "http://me:a-very-secret-key@host"}, "must hold no credentials"),
        ({"url": "s3://bucket", "aws_access_key_id": "AKIASECRETID"}, "go together"),
        ({"url": "s3://bucket", "aws_session_token": "a-secret-token"}, "needs aws_access_key_id"),
        ({"url": "s3://bucket", "anonymous": True, **S3_SECRETS}, "exclude each other"),
        ({"url": "gs://bucket", **S3_SECRETS}, "mean nothing to Google Cloud Storage"),
        ({"url": "s3://bucket", "account_key": "a-very-secret-key"}, "account_key mean nothing to S3"),
        ({"url": "az://box", "account_key": "a-very-secret-key", "sas_token": "a-secret-token"}, "exclude each other"),
        ({"url": "az://box", "client_secret": "a-very-secret-key"}, "client_secret needs client_id and tenant_id"),
        ({"url": "abfss://box@one.dfs.core.windows.net", "account_name": "two"}, "account_name another"),
        ({"url": "gs://bucket", "service_account_info": "a-very-secret-key"}, "must be a mapping, or a JSON object"),
        ({"url": "s3://bucket", "settings": {"session_token": "a-secret-token"}}, "session_token in settings would be"),
        ({"url": "az://box", "settings": {"encryption_key": "a-secret-token"}}, "encryption_key in settings would be"),
        ({"url": "s3://bucket", "secret_settings": "a-secret-token"}, "must be a mapping, or a JSON object"),
        ({"url": "s3://bucket", "read_timeout": 0}, "greater than 0"),
        ({"url": "s3://bucket", "buckit": 1}, "buckit"),
    ],
)
def test_what_cannot_be_right_is_refused(fields: dict[str, Any], message: str) -> None:
    """With a sentence, and without repeating a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        ObjectStore(**fields)

    assert not [secret for secret in S3_SECRETS.values() if secret in str(caught.value)]


@pytest.mark.parametrize(
    "secrets",
    [
        {"url": "s3://bucket/p", **S3_SECRETS},
        {"url": "gs://bucket/p", "service_account_info": json.dumps(ACCOUNT)},
        {"url": "az://box/p", "account_name": "me", "account_key": "a-very-secret-key"},
        {"url": "az://box/p", "account_name": "me", "sas_token": "sig=a-very-secret-key"},
        {"url": "az://b0/p", "tenant_id": "t", "client_id": "c", "client_secret": "a-very-secret-key"},
        {"url": "s3://bucket/p", "secret_settings": json.dumps({"sse_customer_key_base64": "a-very-secret-key"})},
    ],
)
def test_a_block_shows_and_pickles_no_secret(secrets: dict[str, Any]) -> None:
    """Neither printed, nor by its location, nor in its plain fields; and secrets make it whole again."""
    block = ObjectStore(**secrets)

    shown = f"{block!r} {block} {block.location()} {block.plain_fields()} {block.shown} {pickle.dumps(block)!r}"

    assert "a-very-secret-key" not in shown
    assert "AKIASECRETID" not in shown
    assert "a-very-secret-key" in str(block.secret_values())
    assert ObjectStore(**block.location(), **block.secret_values()) == block


def test_what_s3_is_made_with() -> None:
    """The block's fields by obstore's names; plain http is allowed to who has written it."""
    block = ObjectStore(
        url="s3://bucket/p",
        endpoint_url="http://host:9000/",
        region_name="eu-west-1",
        connect_timeout=3,
        read_timeout=4,
        max_attempts=3,
        settings={"virtual_hosted_style_request": True, "proxy_url": "http://proxy:8080"},
        **S3_SECRETS,
    )

    made = store_arguments(block.store_config)

    assert ("S3Store", "bucket") == (made.kind, made.bucket)
    assert {
        "access_key_id": "AKIASECRETID",
        "secret_access_key": "a-very-secret-key",
        "session_token": "a-secret-token",
        "endpoint": "http://host:9000",
        "region": "eu-west-1",
        "conditional_put": "etag",
        "disable_bulk_delete": True,
        "virtual_hosted_style_request": True,
    } == made.config
    assert {
        "allow_http": True,
        "connect_timeout": timedelta(seconds=3),
        "read_timeout": timedelta(seconds=4),
        "timeout": timedelta(days=1),
        "proxy_url": "http://proxy:8080",
    } == made.client
    assert {"max_retries": 2, "retry_timeout": timedelta(minutes=5)} == made.retry


def test_an_endpoint_of_the_environment_may_be_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard variable says it as well as the field does; without either, only https is spoken."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    block = ObjectStore(url="s3://bucket", timeout=5)
    before = store_arguments(block.store_config).client
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host:9000")

    assert "allow_http" not in before
    assert timedelta(seconds=5) == before["timeout"] == store_arguments(block.store_config).retry["retry_timeout"]
    assert store_arguments(block.store_config).client["allow_http"]


def test_what_google_cloud_storage_is_made_with() -> None:
    """A mapping or its JSON is the account's key; obstore takes the options (no server here speaks to it)."""
    block = ObjectStore(url="gs://bucket/p", service_account_info=ACCOUNT, endpoint_url="https://storage.example.org")
    anonymous = ObjectStore(url="gs://bucket", anonymous=True, settings={"user_agent": "me"})

    made = store_arguments(block.store_config)

    assert ("GCSStore", "bucket") == (made.kind, made.bucket)
    assert {"service_account_key", "base_url"} == set(made.config)
    assert ACCOUNT == json.loads(made.config["service_account_key"])
    assert {"skip_signature": True} == store_arguments(anonymous.store_config).config
    assert "me" == store_arguments(anonymous.store_config).client["user_agent"]
    assert anonymous.client is not None


def test_what_azure_is_made_with() -> None:
    """The question mark that portals put in front of a token is none of it."""
    key = ObjectStore(url="az://box", account_name="me", account_key="a2V5")
    token = ObjectStore(url="az://box", account_name="me", sas_token="?sv=1&sig=2")
    principal = ObjectStore(url="az://box", account_name="me", tenant_id="t", client_id="c", client_secret="s")

    made = [store_arguments(block.store_config).config for block in (key, token, principal)]

    assert {"account_name": "me", "account_key": "a2V5"} == made[0]
    assert {"account_name": "me", "sas_key": "sv=1&sig=2"} == made[1]
    assert {"account_name": "me", "tenant_id": "t", "client_id": "c", "client_secret": "s"} == made[2]
    assert all(block.client is not None for block in (key, token, principal))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "s3://bucket", "settings": {"no_such_option": "x"}}, "knows no option 'no_such_option' for s3://"),
        ({"url": "gs://bucket", "service_account_info": {"private_key": "a-very-secret-key"}}, "takes no such options"),
        ({"url": "az://box", "account_name": "me", "account_key": "a-very-secret-key!"}, "takes no such options"),
    ],
)
def test_options_that_obstore_refuses(fields: dict[str, Any], message: str) -> None:
    """They are a mistake in the block, found with the first byte; nothing that was given is repeated."""
    block = ObjectStore(**fields)

    with pytest.raises(ConfigurationError, match=message) as caught:
        block.get("k")

    assert "a-very-secret-key" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_building_a_block_imports_no_backend() -> None:
    """Importing a flow that names a block costs no client, and using it none but its own."""
    program = (
        "import sys; import holdall_obstore; block = holdall_obstore.ObjectStore(url='s3://bucket/p'); block.location();"
        "print([name for name in ('obstore', 'fsspec', 's3fs', 'botocore', 'aiohttp') if name in sys.modules]);"
        "block.client; print([name for name in ('fsspec', 's3fs', 'botocore', 'aiohttp') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ["[]", "[]"] == said.stdout.split("\n")[:2]
