"""An S3 server whose disk is full: what was stored is whole, what does not fit leaves nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from conftest import mounted
from tests.services.s3 import SeaweedFS

from holdall import StorageError
from holdall_s3 import S3

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.mark.root
@pytest.mark.services
def test_a_full_server_keeps_what_it_has(tmp_path: Path) -> None:
    """Large objects go in until one does not: an error that names the key, no parts of it, and all others readable."""
    content = os.urandom(6 * MIB)
    with mounted(tmp_path / "disk", "size=48m") as disk, SeaweedFS.running(disk / "weed") as server:
        bucket = server.new_bucket()
        block = S3(
            bucket_path=bucket,
            endpoint_url=server.endpoint_url,
            region_name=server.region_name,
            aws_access_key_id=server.admin.access_key_id,
            aws_secret_access_key=server.admin.secret_access_key,
            max_attempts=1,
            chunk_size=5 * MIB,
        )
        stored: list[str] = []
        error: StorageError | None = None
        while error is None and len(stored) < 12:
            try:
                block.put(f"large/{len(stored)}", [content])
                stored.append(f"large/{len(stored)}")
            except StorageError as raised:
                error = raised

        assert error is not None
        assert f"put 'large/{len(stored)}' in the s3 block S3({bucket!r}) failed: the service failed" in str(error)
        assert 2 < len(stored)
        assert stored == [meta.key for meta in block.scan()]
        assert [content] * len(stored) == [block.get(key) for key in stored]
        assert [] == server.uploads(bucket)
        block.close()
