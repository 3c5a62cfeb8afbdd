"""The world of the mission's tests."""

from __future__ import annotations

from tests.mission.fixtures import bucket_server, s3_client, s3_world, world

__all__ = ["bucket_server", "s3_client", "s3_world", "world"]
