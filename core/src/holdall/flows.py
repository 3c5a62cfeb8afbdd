"""The `@flow` decorator and the class `Flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeVar, Unpack, overload

from holdall.tasks import Runnable, decorate

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.declaration.options import Declared

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Flow(Runnable[P, R_co]):
    """Function that runs tasks and other flows, which inherit its result options."""

    kind: ClassVar[Literal["flow"]] = "flow"


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(**options: Unpack[Declared]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **options: Unpack[Declared]) -> Any:
    """Makes a function a flow.

    Args:
        fn: The function; absent when the decorator is called with options.
        options: See `holdall.declaration.options.Declared`.

    Raises:
        ConfigurationError: the function or an option cannot work.
    """
    return decorate(Flow, "flow", fn, options)
