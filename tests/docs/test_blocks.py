"""Every Python block of the documentation runs, and prints what the page says it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blocks import needs, read

if TYPE_CHECKING:
    from tests.services.gcs import FakeGCS
    from tests.services.s3 import S3Server

ROOT = Path(__file__).parents[2]
SERVERS = {"gcs": "fake_gcs", "s3": "seaweedfs"}
PAGES = [
    page
    for page in [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "plugins").glob("*/README.md")),
    ]
    if read(page.read_text(encoding="utf-8"))
]


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A home of its own, and the servers that the page needs, each with an empty bucket named `bucket`."""
    found = os.environ | {
        # The pages call `holdall` as it is installed beside this very interpreter.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HOLDALL_HOME": str(tmp_path / "home"),
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    page: Path = request.getfixturevalue("page")
    for need in needs(page.read_text(encoding="utf-8")):
        assert need in SERVERS, f"{page}: there is no server for {need!r}"
        server: FakeGCS | S3Server = request.getfixturevalue(SERVERS[need])
        server.new_bucket("bucket")
        found |= server.environment()
    return found


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=[pytest.mark.services] if needs(page.read_text(encoding="utf-8")) else [],
        )
        for page in PAGES
    ],
)
def test_the_blocks_of_the_page_run(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """The blocks run in order in one namespace of a fresh process, in an empty folder; then the page's own tests."""
    work = tmp_path / "work"
    work.mkdir()
    commands: list[list[str | Path]] = [[sys.executable, Path(__file__).with_name("run_page.py"), page]]
    if any((block.file or "").startswith("test_") for block in read(page.read_text(encoding="utf-8"))):
        # In a process that imports nothing of this workspace's conftest.
        commands.append([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={work}", work])
    for command in commands:
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)

        assert done.returncode == 0, f"{page.relative_to(ROOT)}\n{done.stdout}\n{done.stderr}"
