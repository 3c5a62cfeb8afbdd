"""A large result goes to S3 and comes back in a bounded part of the memory that it takes itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.s3 import S3Server

pytestmark = [pytest.mark.once, pytest.mark.services]

MIB = 1 << 20
PROGRAM = Path(__file__).parent / "programs" / "large.py"


@pytest.fixture
def program(seaweedfs: S3Server, tmp_path: Path) -> Callable[..., Any]:
    """Run a part of the program in a process of its own; what it prints."""

    def run(*command: str) -> Any:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *command],
            env={**os.environ, **seaweedfs.environment(), "HOLDALL_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "" == done.stderr
        return json.loads(done.stdout)

    return run


def test_a_large_result_costs_128_mib_at_most(program: Callable[..., Any], seaweedfs: S3Server) -> None:
    """Beyond the array itself, which lies in memory; and next to nothing where it is read into a mapped file."""
    bucket = seaweedfs.new_bucket()

    reference, written = program("write", bucket)
    read = program("read", bucket, reference)
    whole, mapped = program("mapped", bucket)

    assert whole
    assert 128 * MIB > written
    assert 128 * MIB > read
    assert 128 * MIB > mapped
    client = seaweedfs.client()
    for key in seaweedfs.keys(bucket):
        client.delete_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize(("serializer", "mebibytes"), [("msgpack", "96"), ("compressed/msgpack", "96")])
def test_what_a_serializer_makes_is_not_gathered(
    program: Callable[..., Any], seaweedfs: S3Server, serializer: str, mebibytes: str
) -> None:
    """It goes out as it is made: a few pieces of 5 MiB are in memory, and what the serializer holds."""
    grown = program("stream", seaweedfs.new_bucket(), serializer, mebibytes)

    assert 64 * MIB > grown
