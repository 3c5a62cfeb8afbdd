"""What a reader of stored data has agreed to: modules, calls, and serializers that may run code."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError, CorruptResultError, UntrustedResultError

if TYPE_CHECKING:
    from types import ModuleType

    from holdall.abc.codec import Codec

CALLS: Final = "calls:"
"""Prefix of an entry of an accept list that lets stored data have a function or a library called."""
MOST_CONTAINERS: Final = 8
"""How deep stored containers of other serializers' data may be nested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a reader has agreed to: whose classes stored data may name, what it may have called, and whether it may run code.

    A module is trusted for its data types where it is imported already, or where `accept` names it or a package around
    it. Functions and libraries are called only where `accept` names each, as `calls:module:function` or `calls:module`.
    A serializer that may run code is trusted where the reader itself writes with such a one (`runs_code`), or where
    `accept` names it. None of the three grants another.
    """

    accept: frozenset[str] = frozenset()
    runs_code: bool = False
    no_pickle: bool = False
    """Whether nothing that may run code is read, whatever is accepted."""
    reader: str = ""
    """The serializer that the reader itself writes with, for messages."""
    containers: int = 0
    """How many stored containers of other serializers' data lie around what is read."""
    max_bytes: int | None = None
    """Bytes that reading may make of the stored ones; None: no bound."""

    def serializer(self, codec: Codec, /) -> None:
        """Checks that stored data, which names its own serializer, may choose this one.

        Raises:
            UntrustedResultError: reading with it may run code, and the reader has not agreed to that.
        """
        if not codec.trusted_only:
            return
        if self.no_pickle:
            raise UntrustedResultError(
                f"It is kept as {codec.slug}, which may run code when it is read, and nothing of that kind is read here "
                "(no_pickle of the block, or HOLDALL_RESULTS_NO_PICKLE). Read it where it was written, and write it anew "
                'in another form, as result_serializer="json".'
            )
        if not self.runs_code and not {codec.slug, "pickle"} & self.accept:
            raise UntrustedResultError(
                f"It is kept as {codec.slug}, which may run code when it is read, and this reader keeps results as "
                f"{self.reader}. If you trust whoever writes there, read with accept=[{codec.slug!r}], or set "
                f"HOLDALL_RESULTS_ACCEPT={codec.slug}."
            )

    def inside(self) -> Trust:
        """Returns the trust for what lies in a container of other serializers' data.

        Raises:
            CorruptResultError: it lies in more of them than any writer makes: each costs the reader time and calls.
        """
        if self.containers >= MOST_CONTAINERS:
            raise CorruptResultError(f"The stored data has containers in more than {MOST_CONTAINERS} others.")
        return replace(self, containers=self.containers + 1)

    def called(self, path: str, /, *, needed_for: str) -> Any:
        """Returns what stored data may call: the object at `module:name`, or the module where `path` is a module's name.

        Raises:
            UntrustedResultError: `accept` does not name it; the message prints the `accept=` that would let it in.
            ConfigurationError: it is accepted, and it is not there.
        """
        if CALLS + path not in self.accept:
            raise UntrustedResultError(
                f"{needed_for} names {path!r} to be called. Nothing is called because stored data names it, imported or not. "
                f"Read with a task that has the same serializer, or, if you trust it with this data, with "
                f"accept=[{CALLS + path!r}]."
            )
        module, _, name = path.partition(":")
        try:
            found: Any = import_module(module)
            for part in name.split(".") if name else ():
                found = getattr(found, part)
        except (ImportError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{needed_for} names {path!r}, which cannot be imported: {error}.") from error
        return found

    def module(self, name: str, /, *, needed_for: str) -> ModuleType:
        """Returns the module, for the data types in it.

        Raises:
            UntrustedResultError: it is not imported yet and not on the accept list; the message prints the `accept=`
                that would let it in.
        """
        found = sys.modules.get(name)
        if found is not None:
            return found
        parents = name.split(".")
        if any(".".join(parents[: n + 1]) in self.accept for n in range(len(parents))):
            return import_module(name)
        raise UntrustedResultError(
            f"{needed_for} names the module {name!r}, which this process has not imported. Nothing is imported because "
            f"stored data names it: import {name} first, or read with accept=[{name!r}]."
        )
