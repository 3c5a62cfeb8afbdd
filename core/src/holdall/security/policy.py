"""What results of one storage have to be, whoever writes and reads them, and the keys for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from holdall.abc.signature import Signers
    from holdall.security.keyring import KeyRing

Verify: TypeAlias = Literal["sample", "always", "never"]
Lossy: TypeAlias = Literal["refuse", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`signing`: results are signed by the current signer, and read if one that is believed has signed them.

    `encryption` are the keys of serializers that encrypt. With `no_pickle`, nothing is written or read whose reading
    may run code. `accept` is what readers accept here in any case. `verify` says which results are read back before
    they count as kept, and `lossy` what becomes of one that would come back as another. A read makes `max_bytes` of what
    is stored at most; None: what its record declares, and the free memory allows.
    """

    signing: Signers | None = None
    encryption: KeyRing | None = None
    no_pickle: bool = False
    accept: frozenset[str] = frozenset()
    verify: Verify = "sample"
    lossy: Lossy = "refuse"
    max_bytes: int | None = None
