"""Progress of downloads: a storage reports the bytes that have arrived.

```python
def get(self, key, /, *, byte_range=None):
    arrived = arriving.get()            # first, and in the caller's thread: a pool's threads have contexts of their own
    for piece in self._pieces(key, byte_range):
        arrived(len(piece))             # from any thread, as each piece comes in
```

Optional, and worth it if a large object arrives in pieces. Bytes that have to be fetched again are taken back first, by a
negative count. Uploads need no report: parts are counted as the storage reads them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Arrived: TypeAlias = "Callable[[int], None]"
"""Takes the number of bytes that have arrived since its last call; safe in any thread, quick, never raises."""


def unwatched(count: int, /) -> None:
    """Default of `arriving`, while no progress is shown."""
    del count


arriving: Final[ContextVar[Arrived]] = ContextVar("holdall_arriving", default=unwatched)
