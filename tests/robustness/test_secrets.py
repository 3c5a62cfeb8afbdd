"""A secret is nowhere in the clear: not on disk, not in what is printed, not in what is pickled."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdall import filesystems, flow, task
from holdall.results import from_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.s3 import S3Server

SECRET = "correct-Horse/battery+staple-0123456789"


def forms(secret: str) -> list[bytes]:
    """The secret as it is and as it is written where bytes must be text."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[4 * bool(shift) + shift :][:-4] for shift in range(3)]
    return [raw, raw.hex().encode(), *encoded, repr(secret)[1:-1].encode()]


def leaks(folder: Path, secret: str) -> list[str]:
    """The files that hold it."""
    looked_for = forms(secret)
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files
    return [str(each) for each in files if any(form in each.read_bytes() for form in looked_for)]


def test_no_byte_that_is_written_or_printed_holds_a_secret(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block with a slug and one without: reprs, dumps, pickles, errors, a traceback at the end, all files."""
    monkeypatch.setenv("THE_SECRET", SECRET)
    out, err = program("secretive.py", cwd=tmp_path / "work").communicate(timeout=600)
    said = (out + err).encode()

    assert "StorageError" in err, err
    assert "Guarded" in out
    assert [] == [form for form in forms(SECRET) if form in said]
    assert [] == leaks(tmp_path, SECRET)
    assert {"catalog.db", "secret.key"} <= {each.name for each in (tmp_path / "home").iterdir()}


@pytest.mark.services
def test_real_credentials_are_nowhere_in_the_clear(seaweedfs: S3Server, tmp_path: Path, home: Path) -> None:
    """S3 with a slug and without one, its results written here and in worker processes."""
    secret = seaweedfs.admin.secret_access_key
    bucket = seaweedfs.new_bucket()
    block = filesystems.S3(
        bucket_path=bucket,
        endpoint_url=seaweedfs.endpoint_url,
        region_name=seaweedfs.region_name,
        aws_access_key_id=seaweedfs.admin.access_key_id,
        aws_secret_access_key=secret,
    )
    block.save("prod")
    for storage in (block, "s3/prod"):
        write = task(result_storage=storage, return_state=True)(len)
        state = write("here")

        @flow(task_runner="processes", result_storage=storage, persist_result=True)
        def around(write: object = task(len)) -> list[int]:
            return [write.submit("there").result()]  # type: ignore[attr-defined]

        assert [5] == around()
        assert 4 == from_json(state.reference.json()).get()  # type: ignore[attr-defined]
        (tmp_path / "said").write_text(f"{state!r} {state.reference!r} {state.reference.json()}")  # type: ignore[attr-defined]
    objects = [seaweedfs.client().get_object(Bucket=bucket, Key=key)["Body"].read() for key in seaweedfs.keys(bucket)]
    shown = subprocess.run(
        [Path(sys.executable).parent / "holdall", "block", "show", "s3/prod"], capture_output=True, check=True
    )

    assert objects
    assert [] == [each for each in (*objects, shown.stdout, shown.stderr) if secret.encode() in each]
    assert [] == leaks(tmp_path, secret)
    assert (home / "catalog.db").exists()
