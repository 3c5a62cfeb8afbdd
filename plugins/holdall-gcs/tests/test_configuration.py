"""What may be written into a block, what it shows, and what it never shows."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr

from holdall.errors import ConfigurationError
from holdall_gcs import GCS

KEY = {
    "type": "service_account",
    "client_email": "robot@project.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----\na-very-secret-key\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://oauth2.googleapis.com/token",
}
TOKEN = "ya29.a-secret-token"


@pytest.mark.parametrize("written", ["bucket/a/b", "gs://bucket/a/b", "gcs://bucket/a/b/", " bucket//a/b/ "])
def test_a_bucket_path_has_one_form(written: str) -> None:
    """However it is written."""
    block = GCS(bucket_path=written)

    assert "bucket/a/b" == block.bucket_path
    assert ("bucket", "a/b") == (block.bucket, block.root)
    assert GCS(bucket_path="bucket/a/b") == block


@pytest.mark.parametrize("url", ["gs://bucket/a/b", "gcs://bucket/a/b"])
def test_a_url_is_a_block(url: str) -> None:
    """In both spellings of the protocol."""
    assert GCS(bucket_path="bucket/a/b") == GCS.from_url(url)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bucket_path": ""}, "names no bucket"),
        ({"bucket_path": "gs://"}, "names no bucket"),
        ({"bucket_path": "/prefix"}, "names no bucket"),
        ({"bucket_path": "Bucket/x"}, "is no name of a bucket"),
        ({"bucket_path": "gs://me:a-very-secret-key@bucket/x"}, "must hold no credentials"),
        ({"bucket_path": "bucket/../other"}, "could leave the base path or prefix"),
        ({"bucket_path": "bucket", "endpoint_url": "localhost:4443"}, "must be a URL"),
        ({"bucket_path": "bucket", "endpoint_url": "http://me:a-very-secret-key@host"}, "must hold no credentials"),
        ({"bucket_path": "bucket", "endpoint_url": "https://host/storage/v1"}, "neither credentials nor a path"),
        (
            {"bucket_path": "bucket", "service_account_info": "a-very-secret-key"},
            "must be the key of a service account",
        ),
        ({"bucket_path": "bucket", "service_account_info": ["a-very-secret-key"]}, "must be the key of a service"),
        ({"bucket_path": "bucket", "service_account_info": {"private_key": "a-very-secret-key"}}, "with client_email"),
        ({"bucket_path": "bucket", "service_account_info": "/home/me/key.json"}, "goes into service_account_file"),
        ({"bucket_path": "bucket", "service_account_info": KEY, "token": TOKEN}, "exclude each other"),
        ({"bucket_path": "bucket", "service_account_file": "key.json", "anonymous": True}, "exclude each other"),
        ({"bucket_path": "bucket", "requester_pays": True}, "needs the project that is billed"),
        ({"bucket_path": "bucket", "read_timeout": 0}, "greater than 0"),
        ({"bucket_path": "bucket", "projekt": "mine"}, "did you mean 'project'"),
    ],
)
def test_what_cannot_be_right_is_refused(fields: dict[str, Any], message: str) -> None:
    """With a sentence, and without repeating a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        GCS(**fields)

    assert not [secret for secret in ("a-very-secret-key", TOKEN) if secret in str(caught.value)]


@pytest.mark.parametrize("written", [KEY, json.dumps(KEY), SecretStr(json.dumps(KEY))])
def test_a_key_is_text_or_a_mapping(written: object) -> None:
    """As a file has it, or as a program or `holdall.toml` has it."""
    assert GCS(bucket_path="bucket", service_account_info=KEY) == GCS(
        bucket_path="bucket", service_account_info=written
    )


@pytest.mark.parametrize("secrets", [{"service_account_info": json.dumps(KEY)}, {"token": TOKEN}])
def test_a_block_shows_no_secret(secrets: dict[str, str]) -> None:
    """Neither printed, nor by its location, nor in its plain fields."""
    block = GCS(bucket_path="bucket/p", endpoint_url="https://host/", **secrets)

    shown = f"{block!r} {block} {block.location()} {block.plain_fields()} {block.shown}"

    assert not [secret for secret in ("a-very-secret-key", TOKEN) if secret in shown]
    assert {"bucket_path": "bucket/p", "endpoint_url": "https://host"} == block.location()
    assert secrets == block.secret_values()
    assert block == GCS(**block.location()).with_secrets(secrets)


def test_pickling_drops_secrets() -> None:
    """And nothing else."""
    block = GCS(bucket_path="bucket/p", read_timeout=7, service_account_info=KEY)

    pickled = pickle.dumps(block)
    back = pickle.loads(pickled)

    assert b"a-very-secret-key" not in pickled
    assert GCS(bucket_path="bucket/p", read_timeout=7).plain_fields() == back.plain_fields()
    assert {} == back.secret_values()


def test_building_a_block_imports_no_backend() -> None:
    """Importing a flow that names a block costs no client."""
    program = (
        "import sys; import holdall_gcs; holdall_gcs.GCS(bucket_path='bucket/p').location();"
        "print([name for name in ('gcsfs', 'fsspec', 'google.auth', 'aiohttp', 'asyncio', 'requests') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == said.stdout.strip()
