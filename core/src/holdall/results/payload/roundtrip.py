"""Round-trip check: reads the bytes of a result back and compares, before a record names them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import HoldallError, HoldallWarning, MissingResultError, SerializationError, describe_error
from holdall.types import Trust

if TYPE_CHECKING:
    from holdall.abc.codec import Codec
    from holdall.security.policy import Policy
    from holdall.types import Source

LARGEST_SAMPLE: Final = 1 << 20
"""Bytes of a payload up to which a sample is read back."""
TRUST: Final = Trust(runs_code=True)
_seen: dict[
    tuple[str, type], int
] = {}  # how many of a type a serializer has written; of no more use than sampling well
_said: set[tuple[str, type]] = set()


def is_due(codec: Codec, value: Any, policy: Policy, /) -> bool:
    """Returns whether the policy asks for a check; a sample is the first, second, fourth, eighth result of each type."""
    if policy.verify == "never":
        return False
    if policy.verify == "always":
        return True
    if codec.exact:
        return False
    kind = (codec.slug, type(value))
    if len(_seen) > 1000:
        _seen.clear()
    count = _seen[kind] = _seen.get(kind, 0) + 1
    return count & (count - 1) == 0


def check(codec: Codec, value: Any, source: Source, policy: Policy, /) -> dict[str, str]:
    """Reads the value back and compares; returns what the record says of a loss, if losses are allowed.

    Raises:
        SerializationError: It would come back as another value, or not at all; it is on the error.
        MissingResultError: The payload has been deleted meanwhile.
    """
    try:
        back = codec.load(source)
    except MissingResultError:
        raise  # that says nothing of the codec
    except HoldallError as error:
        raise SerializationError(f"{_would_not(codec)}: it cannot be read back. {error}", value=value) from error
    except Exception as error:  # the boundary to plugins
        raise SerializationError(
            f"{_would_not(codec)}: it cannot be read back: {describe_error(error)}.", value=value
        ) from error
    # Not every process checks, and the forms of JSON bring pydantic.
    from holdall.serialization.compare import difference
    from holdall.serialization.typed.errors import described

    found = difference(value, back)
    if found is None:
        return {}
    same = type(found.one) is type(found.other)
    other = "another value" if same else described(type(found.other))
    message = f"{_would_not(codec)}: {found.path} is {described(type(found.one))} and comes back as {other}."
    if policy.lossy == "note":
        if (codec.slug, type(value)) not in _said:
            _said.add((codec.slug, type(value)))
            warnings.warn(f"{message} It is kept so (HOLDALL_RESULTS_LOSSY=note).", HoldallWarning, stacklevel=2)
        return {"lossy": found.path}
    raise SerializationError(
        f'{message} Use result_serializer="pickle" for it, teach the serializer, or allow the loss with '
        "HOLDALL_RESULTS_LOSSY=note.",
        path=found.path,
        value=value,
    )


def _would_not(codec: Codec) -> str:
    return f"The {codec.slug} serializer would not give this result back as it is"
