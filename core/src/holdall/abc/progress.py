"""How a storage says that bytes have arrived, to whoever waits for them.

```python
def get(self, key, /, *, byte_range=None):
    arrived = arriving.get()            # first, and in the caller's thread: a pool's threads have contexts of their own
    for piece in self._pieces(key, byte_range):
        arrived(len(piece))             # from any thread, as each piece comes in
```

Worth it where a large object comes in pieces; a `get` that says nothing is no less right. Bytes that have to be fetched
again are taken back first, by a negative count. Of uploads a block says nothing: parts are counted as it reads them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Arrived: TypeAlias = "Callable[[int], None]"
"""Takes how many bytes of the object have arrived since it was last told; safe in any thread, quick, never raises."""


def unwatched(count: int, /) -> None:
    """What `arriving` holds where nobody waits for a bar."""
    del count


arriving: Final[ContextVar[Arrived]] = ContextVar("holdall_arriving", default=unwatched)
