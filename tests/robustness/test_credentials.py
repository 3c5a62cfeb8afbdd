"""What the environment has for credentials goes to no server that only a reference or a record names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import load_result
from holdall.errors import ConfigurationError, HoldallError
from holdall.filesystems import GCS, S3, Azure, FsspecFileSystem, ObjectStore
from holdall.results import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "c2VjcmV0LWtleS1vZi10aGUtZW52aXJvbm1lbnQtMDEyMw=="
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT",
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_SESSION_TOKEN": "token-of-the-environment",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    "AZURE_STORAGE_KEY": KEY,
    "NO_PROXY": "*",
}
SIGNED = {"authorization", "x-amz-security-token", "x-amz-date", "x-ms-date", "cookie"}


class _Listening(BaseHTTPRequestHandler):
    """Answers that nothing is there, and remembers what it was told."""

    protocol_version = "HTTP/1.1"  # which knows of bodies that wait until they are asked for
    heard: ClassVar[list[dict[str, str]]]

    def do_GET(self) -> None:
        self.heard.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        pass


class Server:
    def __init__(self, url: str, heard: list[dict[str, str]]) -> None:
        self.url = url
        self.heard = heard

    def signed(self) -> list[dict[str, str]]:
        """Requests with anything in them that only somebody with credentials could send."""
        return [each for each in self.heard if SIGNED & {*each} or "ignature" in each["path"] or "sig=" in each["path"]]


@contextmanager
def listening() -> Iterator[Server]:
    heard: list[dict[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Listening", (_Listening,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", heard)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def evil() -> Iterator[Server]:
    with listening() as server:
        yield server


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    del home
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def reference(kind: str, location: dict[str, Any], slug: str | None = None) -> Any:
    document = {
        "type": "reference",
        "key": "results/00/x.json",
        "storage": {"slug": slug, "type": kind, "location": location},
        "serializer": {"type": "json", "options": {}},
    }
    return from_json(json.dumps(document))


def locations(url: str) -> list[tuple[str, dict[str, Any]]]:
    """Every way to name a server that the plugins have."""
    port = url.rpartition(":")[2]
    return [
        ("s3", {"bucket_path": "bucket/x", "endpoint_url": url}),
        ("s3", {"bucket_path": "bucket/x", "endpoint_url": url, "region_name": "eu-west-1"}),
        ("gcs", {"bucket_path": "bucket/x", "endpoint_url": url}),
        ("azure", {"bucket_path": "bucket/x", "account_name": "account", "endpoint_url": f"{url}/account"}),
        ("obstore", {"url": "s3://bucket/x", "endpoint_url": url}),
        ("obstore", {"url": "s3://bucket/x", "settings": {"endpoint": url, "allow_http": True}}),
        ("obstore", {"url": "s3://bucket/x", "settings": {"proxy_url": url, "allow_invalid_certificates": True}}),
        ("obstore", {"url": "az://bucket/x", "account_name": "account", "endpoint_url": f"{url}/account"}),
        ("obstore", {"url": "gs://bucket/x", "endpoint_url": url}),
        ("fsspec", {"basepath": "s3://bucket/x", "settings": {"endpoint_url": url}}),
        ("fsspec", {"basepath": "s3://bucket/x", "settings": {"client_kwargs": {"endpoint_url": url}}}),
        ("fsspec", {"basepath": "az://bucket/x", "settings": {"account_name": "account", "account_host": url[7:]}}),
        ("fsspec", {"basepath": f"webdav://127.0.0.1:{port}/x"}),
        ("fsspec", {"basepath": f"sftp://me@127.0.0.1:{port}/x"}),
        ("fsspec", {"basepath": f"ftp://127.0.0.1:{port}/x"}),
        ("fsspec", {"basepath": f"http://127.0.0.1:{port}/x"}),
        ("fsspec", {"basepath": f"zip://in::sftp://127.0.0.1:{port}/x.zip"}),
    ]


CASES = range(len(locations("http://h:1")))


@pytest.mark.parametrize("case", CASES)
def test_a_reference_sends_no_credentials_to_its_server(case: int, evil: Server) -> None:
    """It is refused with the way out, or asked without a signature."""
    kind, location = locations(evil.url)[case]

    with pytest.raises(HoldallError) as caught:
        reference(kind, location).get()

    assert [] == evil.signed()
    asks_anonymously = kind == "gcs" or str(location.get("basepath")).startswith("http:")
    assert asks_anonymously or [] == evil.heard
    assert asks_anonymously or "no reason to send credentials there" in str(caught.value)
    assert asks_anonymously or "load_result(key=…, storage=…)" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "slug", "fields", "elsewhere"),
    [
        ("s3", "s3/prod", {"bucket_path": "bucket"}, lambda url: {"bucket_path": "bucket", "endpoint_url": url}),
        ("obstore", "obstore/prod", {"url": "s3://bucket"}, lambda url: {"url": "s3://bucket", "endpoint_url": url}),
        (
            "fsspec",
            "fsspec/prod",
            {"basepath": "s3://bucket"},
            lambda url: {"basepath": "s3://bucket", "settings": {"endpoint_url": url}},
        ),
        ("fsspec", "fsspec/prod", {"basepath": "sftp://a/x"}, lambda url: {"basepath": f"sftp://{url[7:]}/x"}),
    ],
)
def test_a_slug_without_secrets_sends_those_of_the_environment_to_its_own_server_alone(
    kind: str, slug: str, fields: dict[str, str], elsewhere: Any, evil: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes the reference names slug and server."""
    for name, value in fields.items():
        monkeypatch.setenv(f"HOLDALL_BLOCK__{slug.upper().replace('/', '__')}__{name.upper()}", value)

    with pytest.raises(ConfigurationError, match="no reason to send credentials there"):
        reference(kind, elsewhere(evil.url), slug).get()

    assert [] == evil.heard


def test_what_is_configured_here_is_asked(evil: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a block of that server, or by the environment's own endpoint; the request is signed then."""
    ask = reference("s3", {"bucket_path": "another", "endpoint_url": evil.url})
    with pytest.raises(ConfigurationError):
        ask.get()
    S3(bucket_path="bucket", endpoint_url=evil.url).save("mine")

    with pytest.raises(HoldallError):
        ask.get()
    assert evil.signed()
    evil.heard.clear()
    with listening() as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", other.url)
        for kind, location in (("s3", {"bucket_path": "another"}), ("obstore", {"url": "s3://another"})):
            other.heard.clear()
            with pytest.raises(HoldallError):
                reference(kind, {**location, "endpoint_url": other.url}).get()
            assert other.signed(), kind
    assert [] == evil.heard


def test_what_the_reader_names_is_asked(evil: Server) -> None:
    """`load_result(storage=…)` is the reader's own word."""
    with pytest.raises(HoldallError):
        load_result(key="results/00/x.json", storage=S3(bucket_path="bucket", endpoint_url=evil.url))

    assert evil.signed()


def test_what_was_written_from_here_is_read_in_another_process(evil: Server, tmp_path: Path) -> None:
    """The catalog remembers the place of a block that has neither slug nor secrets."""
    program = """
    import sys
    from holdall import task
    from holdall.filesystems import S3
    from holdall.errors import HoldallError

    block = S3(bucket_path="bucket/x", endpoint_url=sys.argv[1], max_attempts=1)
    try:
        task(lambda: {"a": 1}, result_storage=block, result_serializer="json")()
    except HoldallError as error:
        print(type(error).__name__)
    """
    (tmp_path / "writes.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "writes.py", evil.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ},
    )
    assert evil.signed(), done.stderr
    evil.heard.clear()

    with pytest.raises(HoldallError) as caught:
        reference("s3", {"bucket_path": "bucket/x", "endpoint_url": evil.url}).get()

    assert evil.signed(), caught.value


@pytest.mark.parametrize(
    ("block", "location", "server"),
    [
        (S3, {"bucket_path": "b"}, None),
        (S3, {"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, None),
        (S3, {"endpoint_url": "https://s3.amazonaws.com"}, None),
        (S3, {"endpoint_url": "https://s3-fips.us-gov-west-1.amazonaws.com"}, None),
        (S3, {"endpoint_url": "https://s3.dualstack.us-east-1.amazonaws.com"}, None),
        (S3, {"endpoint_url": "http://s3.amazonaws.com"}, "http://s3.amazonaws.com"),
        (S3, {"endpoint_url": "https://ec2-1-2-3-4.compute-1.amazonaws.com"}, ...),
        (S3, {"endpoint_url": "https://s3-12345.us-east-1.elb.amazonaws.com"}, ...),
        (S3, {"endpoint_url": "https://x.execute-api.us-east-1.amazonaws.com"}, ...),
        (S3, {"endpoint_url": "https://s3.amazonaws.com.evil.example"}, ...),
        (S3, {"endpoint_url": "https://evil.example/s3.amazonaws.com"}, ...),
        (S3, {"endpoint_url": "https://s3.amazonaws.com@evil.example"}, ...),
        (ObjectStore, {"url": "s3://b"}, None),
        (ObjectStore, {"url": "s3://b", "endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, None),
        (ObjectStore, {"url": "gs://b", "endpoint_url": "https://storage.googleapis.com"}, None),
        (ObjectStore, {"url": "az://b", "endpoint_url": "https://mine.blob.core.windows.net"}, None),
        (ObjectStore, {"url": "gs://b", "endpoint_url": "https://evil.example"}, ...),
        (ObjectStore, {"url": "s3://b", "settings": {"x": 1}}, ...),
        (Azure, {"bucket_path": "b", "account_name": "mine"}, None),
        (Azure, {"bucket_path": "b", "endpoint_url": "https://mine.blob.core.chinacloudapi.cn"}, None),
        (Azure, {"bucket_path": "b", "endpoint_url": "https://core.windows.net.evil.example"}, ...),
        (GCS, {"bucket_path": "b", "endpoint_url": "https://evil.example"}, None),
        (FsspecFileSystem, {"basepath": "s3://bucket"}, None),
        (FsspecFileSystem, {"basepath": "hf://datasets/me"}, None),
        (FsspecFileSystem, {"basepath": "zip://a::s3://bucket/x.zip"}, None),
        (FsspecFileSystem, {"basepath": "sftp://host/x"}, "sftp://host"),
    ],
)
def test_whose_servers_are_strangers(block: Any, location: dict[str, Any], server: Any) -> None:
    """The platforms' own are none, and look-alikes are."""
    found = block.server_of(location)

    assert found is not None if server is ... else server == found


@pytest.mark.parametrize("region", ["evil.example/", "a.b", "x/y", "x@y", "", "x" * 70])
@pytest.mark.parametrize(
    ("block", "fields"), [(S3, {"bucket_path": "bucket"}), (ObjectStore, {"url": "s3://bucket"})], ids=["s3", "obstore"]
)
def test_a_region_leads_to_no_other_server(block: Any, fields: dict[str, str], region: str) -> None:
    """It becomes part of a host."""
    with pytest.raises(ConfigurationError):
        block(**fields, region_name=region)


@pytest.mark.parametrize("account", ["evil.example/", "a.b", "x@y"])
def test_an_account_leads_to_no_other_server(account: str) -> None:
    """As a region."""
    for block, fields in ((ObjectStore, {"url": "az://bucket"}), (Azure, {"bucket_path": "bucket"})):
        with pytest.raises(ConfigurationError):
            block(**fields, account_name=account)
