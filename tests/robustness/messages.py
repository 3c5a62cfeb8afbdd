"""Messages without what differs from run to run."""

from __future__ import annotations

import re

_SAME = (
    (re.compile(r"payloads/[0-9a-f]{2}/[0-9a-f]{32}"), "payloads/PAYLOAD"),
    (re.compile(r"results/[0-9a-f]{2}/[0-9a-f]{32}"), "results/OWN"),
    (re.compile(r"cache/[0-9a-f]{2}/[0-9a-f]{64}"), "cache/KEY"),
    (re.compile(r"\.locks/[0-9a-f]{64}"), ".locks/LOCK"),
    (re.compile(r"\.holdall-tmp-[0-9a-f]{32}"), ".holdall-tmp-ID"),
)


def steady(message: object, folder: object) -> str:
    """The text with ids, digests and the test's own folder replaced by words."""
    text = str(message).replace(str(folder), "HERE")
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return text
