"""Look-up of serializers by slug and by type, for plugins that use others; public as `holdall.plugins`.

```python
from holdall.plugins import serializer

inner = serializer("compressed/json")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from holdall.plugins import registry, types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.abc.codec import Codec

__all__ = ["serializer", "serializer_class", "serializers_for"]


def serializer(slug: str, /, options: Mapping[str, Any] | None = None) -> Codec:
    """Returns the serializer that a user names.

    Args:
        slug: A name as `json`, or names as `compressed/json`, each of which wraps the one behind its slash.
        options: Values of the fields of the first one.

    Raises:
        UnknownSerializerError: No serializer has that name.
        PluginError: The plugin that provides it is missing, broken or in conflict with another.
        ConfigurationError: The options do not fit; the message does not repeat their values.
    """
    return registry.serializer(slug, options)


def serializer_class(slug: str, /) -> type[Codec]:
    """Returns the class of a serializer. For options that were read from storage, call its `from_options`.

    Args:
        slug: A name without slash.

    Raises:
        UnknownSerializerError: No serializer has that name.
        PluginError: The plugin that provides it is missing, broken or in conflict with another.
    """
    return cast("type[Codec]", registry.load("serializers", slug))


def serializers_for(cls: type, /) -> tuple[Codec, ...]:
    """Returns the serializers that are declared for a class or a base of it, the best first; none for most classes.

    Plugins declare theirs in the entry-point group `holdall.types`, programs by `register(types=[...])`. The same objects
    are returned until the next registration. A plugin that cannot be used is left out, with a warning.
    """
    known = registry.for_types()
    found = known.get(cls)
    if found is None:
        found = known[cls] = tuple(each() for each in types.claims(cls))
    return found
