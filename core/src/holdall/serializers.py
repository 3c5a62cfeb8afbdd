"""Serializers by class name: the built-in ones and those of plugins.

Where a known plugin is not installed, importing its class raises `PluginMissingError` with the install line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.builtin.auto import AutoSerializer
    from holdall.builtin.bundle.serializer import BundleSerializer
    from holdall.builtin.bytes import BytesSerializer
    from holdall.builtin.compressed.serializer import CompressedSerializer
    from holdall.builtin.json.serializer import JSONSerializer
    from holdall.builtin.pickle.serializer import PickleSerializer
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
    "BundleSerializer": "holdall.builtin.bundle.serializer",
    "BytesSerializer": "holdall.builtin.bytes",
    "CompressedSerializer": "holdall.builtin.compressed.serializer",
    "JSONSerializer": "holdall.builtin.json.serializer",
    "PickleSerializer": "holdall.builtin.pickle.serializer",
    "TextSerializer": "holdall.builtin.text",
}


def __getattr__(name: str) -> Any:
    from holdall.plugins import lazy_names

    return lazy_names.resolve(__name__, "serializers", _BUILTIN, {}, name)


def __dir__() -> list[str]:
    from holdall.plugins import lazy_names

    return lazy_names.listed("serializers", _BUILTIN)
