"""Discovery of plugins through entry points; one class is imported per slug."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.plugins.diagnosis import Finding, PluginDetail, PluginInfo, Status, check, doctor, installed, show
    from holdall.plugins.lookup import serializer, serializer_class, serializers_for

_HOMES = {
    "Finding": "diagnosis",
    "PluginDetail": "diagnosis",
    "PluginInfo": "diagnosis",
    "Status": "diagnosis",
    "check": "diagnosis",
    "doctor": "diagnosis",
    "installed": "diagnosis",
    "serializer": "lookup",
    "serializer_class": "lookup",
    "serializers_for": "lookup",
    "show": "diagnosis",
}

__all__ = [
    "Finding",
    "PluginDetail",
    "PluginInfo",
    "Status",
    "check",
    "doctor",
    "installed",
    "serializer",
    "serializer_class",
    "serializers_for",
    "show",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
