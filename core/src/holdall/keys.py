"""Where records lie in a storage."""

from __future__ import annotations

from holdall.ids import shard


def own_key(run_id: str) -> str:
    """Of a result that is looked up by its run alone."""
    return f"results/{shard(run_id)}/{run_id}.json"


def record_key(cache_key: str) -> str:
    """Of a cached result: by the key's digest alone, as keys may be sensitive."""
    from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL, which only cached calls need

    hashed = sha256(cache_key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"cache/{hashed[:2]}/{hashed}.json"


def beside(name: str) -> str:
    """Of the record of a payload that stands under `name` itself, as a name with the format's own extension does."""
    return f"{name}.record"
