"""What every test of the workspace shares: the environment of its clients, and the real servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Clients look at these when they are imported or built. Without them each asks a cloud's metadata service first, and
# gcsfs hangs on an emulator.
os.environ.update(
    AWS_EC2_METADATA_DISABLED="true",
    NO_GCE_CHECK="true",
    GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT="false",
    RAY_USAGE_STATS_ENABLED="0",
    UV_PYTHON_DOWNLOADS="never",
)
# Credentials and endpoints of whoever runs the tests must neither be used nor decide what a test sees.
for _name in [
    name for name in os.environ if name.startswith(("AWS_", "AZURE_")) and name != "AWS_EC2_METADATA_DISABLED"
]:
    del os.environ[_name]
for _name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
    os.environ.pop(_name, None)
os.environ.update(
    AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, CLOUDSDK_CONFIG=f"{os.devnull}/gcloud"
)

if (_root := str(Path(__file__).parent)) not in sys.path:
    sys.path.insert(0, _root)  # so that the tests of every package can import tests.services

import pytest  # noqa: E402 - the environment comes first

# Suites that tests inherit: what they assert is worth seeing.
pytest.register_assert_rewrite("tests.services")

# The fixtures of the servers.
pytest_plugins = ["tests.services.plugin"]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Archives hold the time of day, and every process has to name the tests the same."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 40 else None


@pytest.fixture(autouse=True)
def _no_storage_is_down() -> None:
    """What one test broke is not refused to the next."""
    if (circuit := sys.modules.get("holdall.storage.circuit_breaker")) is not None:
        circuit.troubled.clear()
