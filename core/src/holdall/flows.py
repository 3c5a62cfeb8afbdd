"""The `@flow` decorator and what it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeVar, Unpack, overload

from holdall.tasks import Runnable, decorated

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.declaration.options import Declared

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Flow(Runnable[P, R_co]):
    """A function that runs tasks and other flows, and hands its result options down to them."""

    kind: ClassVar[Literal["flow"]] = "flow"


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(**options: Unpack[Declared]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **options: Unpack[Declared]) -> Any:
    """Make a function a flow; see `holdall.declaration.options.Declared` for the options."""
    return decorated(Flow, "flow", fn, options)
