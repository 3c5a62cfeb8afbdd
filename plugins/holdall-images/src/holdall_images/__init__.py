"""Serializers for images and figures."""

from __future__ import annotations

from holdall_images.picture import PictureSerializer
from holdall_images.plotly import PlotlySerializer
from holdall_images.png import PNGSerializer

__all__ = ["PNGSerializer", "PictureSerializer", "PlotlySerializer"]
