"""Policy of a storage: signing, encryption, pickle, trust and verification of its results."""

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
    """Policy for the results of one storage, whoever writes and reads them.

    `signing`: results are signed by the current signer, and read if a trusted one has signed them. `encryption` are the
    keys of serializers that encrypt. With `no_pickle`, nothing is written or read whose reading may run code. `accept`
    is what readers accept here in any case. `verify` says which results are read back before they count as stored,
    and `lossy` what is done with one that would come back different. A read makes at most `max_bytes` of what is stored;
    None: what its record declares, and the free memory allows.
    """

    signing: Signers | None = None
    encryption: KeyRing | None = None
    no_pickle: bool = False
    accept: frozenset[str] = frozenset()
    verify: Verify = "sample"
    lossy: Lossy = "refuse"
    max_bytes: int | None = None
