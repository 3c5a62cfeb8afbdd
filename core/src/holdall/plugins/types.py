"""Serializers by type: what plugins declare in the group `holdall.types`, and what is registered in this process.

An entry of that group has a type's full name, as `numpy.ndarray`, and the serializer's class; so nothing is imported
before there is a value of that type or of a subclass.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast

from holdall.errors import HoldallWarning, PluginError
from holdall.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdall.abc.serializer import Serializer

_GROUP = "holdall.types"


def claims(kind: type, /) -> list[type[Serializer]]:
    """Returns the serializers for instances of a class, the best first: nearest base class, then `priority`, then name.

    A plugin that cannot be used is left out, with a warning.
    """
    found: dict[type[Serializer], None] = {}
    for base in kind.__mro__[:-1]:
        classes = list(_claiming(registry.full_name(base)))
        classes.sort(key=lambda cls: (-cls.priority, cls.slug))
        found |= dict.fromkeys(classes)
    return list(found)


def _claiming(name: str) -> Iterator[type[Serializer]]:
    yield from cast("Iterable[type[Serializer]]", registry.registered_for(name))
    for entry in registry.all_entries():
        if entry.group != _GROUP or entry.name != name or entry.shadowed_by is not None:
            continue
        slugs = [each.name for each in registry.entries("serializers") if each.target == entry.target]
        try:
            found: Any = registry.load("serializers", slugs[0] if slugs else entry.target)
        except PluginError as error:
            warnings.warn(f"Results of type {name} are kept without {entry}. {error}", HoldallWarning, stacklevel=2)
        else:
            yield found
