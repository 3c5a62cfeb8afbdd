"""A network that fails, before Google Cloud Storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.services.network import NetworkContract

from holdall_gcs import GCS

if TYPE_CHECKING:
    from tests.services.gcs import FakeGCS


@pytest.mark.services
class TestGCS(NetworkContract):
    """Pieces go one after the other, and the last one shows the object."""

    write: ClassVar[str] = "POST "
    piece: ClassVar[str] = "&upload_id="
    decides: ClassVar[str] = "POST "
    keeps_twice: ClassVar[bool] = True  # Google skips what it has
    bucket: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls, fake_gcs: FakeGCS) -> str:
        cls.bucket = fake_gcs.new_bucket()
        return fake_gcs.endpoint_url

    def at(self, url: str, **fields: object) -> GCS:
        return GCS.model_validate({"bucket_path": f"{self.bucket}/far", "endpoint_url": url, **fields})
