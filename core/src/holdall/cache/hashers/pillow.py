"""Hashers of Pillow: size, mode, pixels of every frame, palette, format and metadata; not whether the file was read."""

from __future__ import annotations

from typing import Any

from holdall.cache.hashers.parts import Chunks, Step


def image(value: Any) -> Any:
    frames = getattr(value, "n_frames", 1)
    shown = value.tell() if frames > 1 else 0
    found = []
    try:
        for number in range(frames):
            if frames > 1:
                value.seek(number)
            found.append(_frame(value))
    finally:
        if frames > 1:
            value.seek(shown)
    value.load()  # formats note what stands behind the pixels only now
    return value.format, shown, tuple(found), Step(".info", dict(value.info))


def _frame(value: Any) -> Any:
    value.load()
    palette = None
    if value.palette is not None:
        mode = value.palette.mode
        palette = (
            mode,
            bytes(value.im.getpalette(mode, mode)) if value.mode in {"P", "PA"} else bytes(value.palette.tobytes()),
        )
    return value.mode, value.size, palette, Chunks([value.tobytes()] if all(value.size) else [])
