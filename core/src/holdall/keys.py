"""Where records lie in a storage."""

from __future__ import annotations

from typing import Final

from holdall.ids import made_at, shard

PAYLOADS: Final = "payloads/"
LOCKS: Final = "locks"
"""The folder of leases, in storages that lock by them."""
_SHA256: Final = 64  # hexadecimal digits


def own_key(run_id: str) -> str:
    """Of a result that is looked up by its run alone."""
    return f"results/{shard(run_id)}/{run_id}.json"


def is_own(key: str) -> bool:
    """Whether it is a name that `own_key` or `record_key` gives, and so that of a record."""
    kind, _, rest = key.partition("/")
    folder, _, name = rest.partition("/")
    unique, _, suffix = name.partition(".")
    if suffix != "json":
        return False
    if kind == "results":
        return made_at(unique) is not None and folder == shard(unique)
    return kind == "cache" and len(unique) == _SHA256 and folder == unique[:2]


def is_lock(key: str) -> bool:
    """Whether it is a name below `LOCKS` that a lease has: a digest, and a number."""
    folder, _, rest = key.partition("/")
    digest, _, number = rest.partition("/")
    return folder == LOCKS and len(digest) == _SHA256 and len(number) == 20 and number.isdigit()


def payload_made_at(key: str) -> float | None:
    """When the payload of that name was begun, in seconds since the epoch; None for a name that is no payload's."""
    folder, _, name = key.removeprefix(PAYLOADS).partition("/")
    unique = name.partition(".")[0]
    moment = made_at(unique) if key.startswith(PAYLOADS) else None
    return moment if moment is not None and folder == shard(unique) and "/" not in name else None


def record_key(cache_key: str) -> str:
    """Of a cached result: by the key's digest alone, as keys may be sensitive."""
    from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL, which only cached calls need

    hashed = sha256(cache_key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"cache/{hashed[:2]}/{hashed}.json"


def beside(name: str) -> str:
    """Of the record of a payload that stands under `name` itself, as a name with the format's own extension does."""
    return f"{name}.record"
