"""The table of forms: the handlers of all types, by tag and by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdall.serialization.typed.classes import CLASSES, class_plan, enum_plan
from holdall.serialization.typed.containers import CONTAINERS
from holdall.serialization.typed.datetimes import DATETIMES
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.form import TypeHandler
from holdall.serialization.typed.pydantic_models import PYDANTIC, library_plan, model_plan
from holdall.serialization.typed.scalars import SCALARS
from holdall.serialization.typed.static_lookup import ancestry, module_of, qualname_of

if TYPE_CHECKING:
    from collections.abc import Callable

# The decoder belongs to the reader, which calls it itself.
_CUSTOM: Final = TypeHandler("custom", "tree", (), lambda *_: None, lambda *_: None)

FORMS: Final[tuple[TypeHandler, ...]] = (*SCALARS, *DATETIMES, *CONTAINERS, *CLASSES, *PYDANTIC, _CUSTOM)
BY_TAG: Final = {form.tag: form for form in FORMS}
BY_TYPE: Final = {kind: form for form in FORMS for kind in form.types}


def plan(kind: type, /) -> Callable[..., Any]:
    """Returns the function that writes instances of a class outside `BY_TYPE`: `plan(kind)(writer, obj, level)`, the whole node.

    Raises:
        UnsupportedValue: no form covers the class.
    """
    for plan_of in (enum_plan, model_plan, class_plan, library_plan):
        write = plan_of(kind)
        if write is not None:
            return write
    for base in ancestry(kind)[1:]:
        if base is not object and module_of(base) == "builtins":
            raise UnsupportedValue(
                f"is {described(kind)}, a subclass of {qualname_of(base)} that has no form of its own"
            )
    raise UnsupportedValue(f"is {described(kind)}, which has no form")
