"""Where records lie."""

from __future__ import annotations

import hashlib

from holdall.ids import new_id
from holdall.keys import beside, own_key, record_key


def test_a_run_leads_to_its_record() -> None:
    """4,096 neighbours to a folder."""
    run = new_id()

    assert f"results/{run[-5:-3]}/{run}.json" == own_key(run)


def test_a_cache_key_leads_to_its_digest_alone() -> None:
    """Whatever characters it has."""
    hashed = hashlib.sha256("clé/../\0".encode()).hexdigest()

    assert f"cache/{hashed[:2]}/{hashed}.json" == record_key("clé/../\0")
    assert record_key("\ud800") != record_key("\ud801")


def test_a_name_with_the_formats_extension_has_its_record_beside_it() -> None:
    """As people look for the payload under it."""
    assert "day.pkl.record" == beside("day.pkl")
