"""Serializer for plotly figures, as plotly's own JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source


class PlotlySerializer(Serializer):
    """Writes a `plotly.graph_objects.Figure` with traces, layout and frames."""

    slug: ClassVar[str] = "plotly"
    media_type: ClassVar[str] = "application/vnd.plotly.v1+json"
    suffix: ClassVar[str] = ".plotly.json"

    def dump(self, obj: Any, /) -> Parts:
        from plotly import graph_objects, io

        if type(obj) is not graph_objects.Figure:
            raise SerializationError(
                f"The plotly serializer cannot write this result: result is a {type(obj).__qualname__}, and no "
                'plotly.graph_objects.Figure. Use result_serializer="pickle" for it.',
                path="result",
                value=obj,
            )
        return [io.to_json(obj, validate=False).encode()]

    def load(self, source: Source, /) -> Any:
        try:
            from plotly import io
        except ImportError as error:
            raise SerializationError(
                "The stored figure is one of plotly, which is not installed here. Install it: pip install plotly"
            ) from error
        try:
            return io.from_json(bytes(source.buffer()).decode(), output_type="Figure")
        except Exception as error:  # plotly's validators raise various errors for invalid figures
            raise CorruptResultError(f"The stored bytes are no figure of plotly: {type(error).__name__}.") from error
