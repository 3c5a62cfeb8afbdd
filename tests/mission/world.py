"""The place where an example runs, and what lies in its storages and its catalog afterwards, seen past the library.

Storage is read with pathlib and boto3, the catalog with sqlite3, so that what is asserted is what is there.
"""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.settings import current

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A record as it lies in a storage. `data` is the payload where that lies inside the record."""

    name: str
    kind: str
    serializer: str
    document: dict[str, Any]

    @property
    def data(self) -> Any:
        """The inlined payload: bytes, or JSON where that is what was written."""
        data = self.document["data"]
        return b64decode(data) if self.document["payload"]["inline"] == "base64" else data


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A run as the catalog has it. `result` is the JSON that it keeps, parsed, or None."""

    name: str
    state: str
    attempts: int
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A working directory three folders deep, a catalog of its own, and a bucket."""

    directory: Path
    home: Path
    s3: Any = None
    """A boto3 client, where the world has a server."""

    def in_folder(self, folder: Path) -> list[Kept]:
        """The records below a folder, by name."""
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
        return _records(path.read_bytes() for path in files)

    @property
    def local(self) -> list[Kept]:
        """What the default storage of this working directory holds."""
        return self.in_folder(self.directory / ".holdall-results")

    @property
    def above(self) -> list[Kept]:
        """What `../results` holds."""
        return self.in_folder(self.directory.parent / "results")

    def in_bucket(self, prefix: str) -> list[Kept]:
        """The records below `bucket/<prefix>`."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
        return _records(self.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found)

    @property
    def prod(self) -> list[Kept]:
        """What `s3/prod` holds."""
        return self.in_bucket("prod")

    def empty_bucket(self) -> None:
        """Remove what an earlier test left."""
        for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self.s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    @property
    def runs(self) -> list[Logged]:
        """Every run of the catalog, in the order of their starts."""
        rows = self._select("select name, state, attempts, result from runs order by started, id")
        return [Logged(name=n, state=s, attempts=a, result=None if r is None else json.loads(r)) for n, s, a, r in rows]

    def results_of(self, name: str) -> list[dict[str, Any] | None]:
        """What the catalog keeps of the runs of that name."""
        return [run.result for run in self.runs if run.name == name]

    @property
    def references(self) -> list[str | None]:
        """The names of the runs that the catalog has a reference for, sorted."""
        return sorted(name for (name,) in self._select("select name from result_references"))

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        recorder_for(open_catalog(current())).flush()
        with closing(sqlite3.connect(self.home / "catalog.db")) as connection:
            return connection.execute(query).fetchall()


def names(kept: list[Kept]) -> list[str]:
    """Whose results they are."""
    return [each.name for each in kept]


def _records(contents: Any) -> list[Kept]:
    documents = [json.loads(content) for content in contents if bytes(content[:11]) == b'{"holdall":']
    found = [
        Kept(
            name=each["producer"]["name"],
            kind=each["producer"]["kind"],
            serializer=each["serializer"]["type"],
            document=each,
        )
        for each in documents
    ]
    return sorted(found, key=lambda each: each.name)
