"""Layout of a storage: the keys of records, payloads and readable copies."""

from __future__ import annotations

import re
from typing import Final

from holdall.abc.keys import LOCKS as FILE_LOCKS
from holdall.abc.keys import TEMPORARY
from holdall.errors import ConfigurationError
from holdall.ids import id_timestamp, new_id, shard

RESULTS: Final = "results/"
"""Records of results that are looked up by their run: each is the only one of its payload."""
CACHE: Final = "cache/"
"""Records of cached results: each is written under its lock."""
NAMES: Final = "names/"
"""Records of results with a `result_storage_key`."""
PAYLOADS: Final = "payloads/"
LOCKS: Final = "locks"
"""The folder of leases, in storages that lock by them."""
OURS: Final = frozenset({*(folder.rstrip("/") for folder in (RESULTS, CACHE, NAMES, PAYLOADS)), LOCKS})
"""The folders directly below a storage's base that are holdall's own: no name of a user's leads into one."""
_SHA256: Final = 64  # hexadecimal digits
_LONGEST: Final = 1000
"""Bytes of a user's name: object stores take 1,024 for a key, the prefix and the extension included."""
_BREAKS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_SUFFIX: Final = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9-]*)+").fullmatch
_LIKE_A_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9-]*_*\Z").search


def own_key(run_id: str) -> str:
    """Returns the key of the record of a result that is looked up by its run alone."""
    return f"{RESULTS}{shard(run_id)}/{run_id}.json"


def record_key(cache_key: str) -> str:
    """Returns the key of the record of a cached result: the digest alone, as cache keys may be sensitive."""
    hashed = _digest(cache_key)
    return f"{CACHE}{hashed[:2]}/{hashed}.json"


def name_key(name: str) -> str:
    """Returns the key of the record of a `result_storage_key`: its digest, so that records of two names cannot meet."""
    hashed = _digest(name)
    return f"{NAMES}{hashed[:2]}/{hashed}.json"


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_own(key: str) -> bool:
    """Returns whether a key is one that `own_key`, `record_key` or `name_key` returns."""
    kind, _, rest = key.partition("/")
    folder, _, name = rest.partition("/")
    unique, _, suffix = name.partition(".")
    if suffix != "json":
        return False
    if kind + "/" == RESULTS:
        return id_timestamp(unique) is not None and folder == shard(unique)
    return kind + "/" in {CACHE, NAMES} and len(unique) == _SHA256 and folder == unique[:2]


def candidates(name: str) -> tuple[str, ...]:
    """Returns the keys that the record of a user's `name`, or of a key, may have, the most likely first.

    The last two are of records that were written before names had a folder of their own.
    """
    return (name,) if is_own(name) else (name_key(name), name, f"{name}.record")


def is_lock(key: str) -> bool:
    """Returns whether a key is that of a lease: below `LOCKS`, a digest and a number."""
    folder, _, rest = key.partition("/")
    digest, _, number = rest.partition("/")
    return folder == LOCKS and len(digest) == _SHA256 and len(number) == 20 and number.isdigit()


def payload_key(suffix: str) -> str:
    """Returns a new key for a payload, with the extension of its format."""
    unique = new_id()
    return f"{PAYLOADS}{shard(unique)}/{unique}{suffix}"


def payload_made_at(key: str) -> float | None:
    """Returns when the payload of a key was begun, in seconds since the epoch; None for a key of anything else."""
    folder, _, name = key.removeprefix(PAYLOADS).partition("/")
    unique = name.partition(".")[0]
    moment = id_timestamp(unique) if key.startswith(PAYLOADS) else None
    return moment if moment is not None and folder == shard(unique) and "/" not in name else None


def suffix_of(payload: str) -> str:
    """Returns the format's extension in the key of a payload."""
    return "." + payload.rpartition("/")[2].partition(".")[2]


def copy_name(name: str, suffix: str) -> str:
    """Returns the key of the readable copy of a result named `name`, in a format with the extension `suffix`.

    Copies of two names never meet, nor does one stand where another has a folder: in each segment that could be taken
    for a file of some format an underscore follows, and no extension ends in one. So a copy's name without its
    extension, and without one underscore where there is any, is the name.

    Raises:
        ConfigurationError: The extension is not valid.
    """
    if _SUFFIX(suffix) is None:
        raise ConfigurationError(
            f"A format with the extension {suffix!r} cannot be published under a result_storage_key: an extension is a dot, "
            "a letter, and more letters, digits and hyphens, once or several times, as .tar.gz. Tell the serializer's author."
        )
    return "/".join(f"{each}_" if _LIKE_A_SUFFIX(each) else each for each in name.split("/")) + suffix


def name_fault(name: str) -> str | None:
    """Returns why no storage can have a `result_storage_key`, as the end of a sentence; None if it is valid."""
    segments = name.split("/")
    first = segments[0].lower()
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "contains half of a surrogate pair, which is no text"
    rules = (
        (not name.strip("/"), "is no name"),
        (size > _LONGEST, f"has {size} bytes, and object stores take {_LONGEST}: shorten it, or name a digest of it"),
        (_BREAKS(name), "contains a line break or a control character"),
        (not all(segments), "has an empty part: write parts with one / between them, and none at the ends"),
        (not {".", ".."}.isdisjoint(segments), "has a part . or .., which could lead out of the storage"),
        (
            first in OURS or first == FILE_LOCKS,
            f"begins with {segments[0]}, where holdall's own objects lie: put another part before it, as named/{name[:60]}",
        ),
        (
            any(each.lower().startswith(TEMPORARY) for each in segments),
            f"has a part {TEMPORARY}…, as unfinished files",
        ),
    )
    return next((fault for broken, fault in rules if broken), None)


def check_name(name: str, /, *, what: str = "The name") -> None:
    """Checks a user's name for a result.

    Raises:
        ConfigurationError: No storage can have it, or it is reserved for holdall; `what` begins the sentence.
    """
    fault = name_fault(name)
    if fault is not None:
        shown = name if len(name) <= 100 else f"{name[:100]}…"
        raise ConfigurationError(f"{what} {shown!r} {fault}.")
