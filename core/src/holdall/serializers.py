"""Serializers by class name: the built-in ones and those of plugins.

Where a known plugin is not installed, importing its class raises `PluginMissingError` with the install line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.builtin.auto import AutoSerializer
    from holdall.builtin.bundle import BundleSerializer
    from holdall.builtin.compressed import CompressedSerializer
    from holdall.builtin.json import JSONSerializer
    from holdall.builtin.octets import BytesSerializer
    from holdall.builtin.pickle import PickleSerializer
    from holdall.builtin.text import TextSerializer

__all__ = [
    "AutoSerializer",
    "BundleSerializer",
    "BytesSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "PickleSerializer",
    "TextSerializer",
]

_BUILTIN = {
    "AutoSerializer": "holdall.builtin.auto",
    "BundleSerializer": "holdall.builtin.bundle",
    "BytesSerializer": "holdall.builtin.octets",
    "CompressedSerializer": "holdall.builtin.compressed",
    "JSONSerializer": "holdall.builtin.json",
    "PickleSerializer": "holdall.builtin.pickle",
    "TextSerializer": "holdall.builtin.text",
}


def __getattr__(name: str) -> Any:
    from holdall import _faces  # noqa: PLC0415 - keeps this module's own names the face that users see

    return _faces.resolve(__name__, "serializers", _BUILTIN, {}, name)


def __dir__() -> list[str]:
    from holdall import _faces  # noqa: PLC0415 - as in __getattr__

    return _faces.listed("serializers", _BUILTIN)
