"""All forms, by tag and by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdall.serialization.typed.classes import CLASSES, class_plan
from holdall.serialization.typed.containers import CONTAINERS
from holdall.serialization.typed.datetimes import MOMENTS
from holdall.serialization.typed.enums import ENUMS, enum_plan
from holdall.serialization.typed.errors import Refused, described
from holdall.serialization.typed.form import Form
from holdall.serialization.typed.libraries import LIBRARIES, library_plan
from holdall.serialization.typed.pydantic_models import MODELS, model_plan
from holdall.serialization.typed.scalars import SCALARS
from holdall.serialization.typed.static_lookup import ancestry, module_of, qualname_of

if TYPE_CHECKING:
    from collections.abc import Callable

# The decoder belongs to the reader, which calls it itself.
_CUSTOM: Final = Form("custom", "tree", (), lambda *_: None, lambda *_: None)

FORMS: Final[tuple[Form, ...]] = (*SCALARS, *MOMENTS, *CONTAINERS, *ENUMS, *CLASSES, *MODELS, *LIBRARIES, _CUSTOM)
BY_TAG: Final = {form.tag: form for form in FORMS}
BY_TYPE: Final = {kind: form for form in FORMS for kind in form.types}


def plan(kind: type, /) -> Callable[..., Any]:
    """How instances of a class outside `BY_TYPE` are written: `plan(kind)(writer, obj, level)`, the node whole.

    Raises:
        Refused: no form covers the class.
    """
    for find in (enum_plan, model_plan, class_plan, library_plan):
        write = find(kind)
        if write is not None:
            return write
    for base in ancestry(kind)[1:]:
        if base is not object and module_of(base) == "builtins":
            raise Refused(f"is {described(kind)}, a subclass of {qualname_of(base)} that has no form of its own")
    raise Refused(f"is {described(kind)}, which has no form")
