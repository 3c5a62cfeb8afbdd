"""Class names in `holdall.filesystems` and `holdall.serializers`."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import holdall.filesystems
import holdall.serializers
from holdall.errors import PluginBrokenError, PluginConflictError, PluginMissingError
from holdall.plugins import registry
from holdall.testing.distributions import absent, on_path, write_distribution

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

LOUD = """
from holdall.abc import Serializer


class LoudSerializer(Serializer):
    slug = "loud"
    media_type = "text/plain"
    suffix = ".txt"

    def dump(self, obj, /):
        return [str(obj).encode()]

    def load(self, source, /):
        return bytes(source.buffer()).decode()
"""
LOUD_POINTS = {"holdall.serializers": {"loud": "loudly:LoudSerializer"}}


@pytest.mark.parametrize("face", [holdall.filesystems, holdall.serializers])
def test_the_builtin_names_are_classes(face: ModuleType) -> None:
    """Each is the class of that name."""
    assert face.__all__ == [getattr(face, name).__name__ for name in face.__all__]


@pytest.mark.parametrize("face", [holdall.filesystems, holdall.serializers])
def test_all_table_and_dir_agree(face: ModuleType) -> None:
    """Three lists of the same names."""
    assert sorted(face._BUILTIN) == face.__all__
    assert set(face.__all__) <= set(dir(face))


@pytest.mark.parametrize(
    ("name", "slug", "distribution"),
    [("Azure", "azure", "holdall-azure"), ("GCS", "gcs", "holdall-gcs"), ("ObjectStore", "obstore", "holdall-obstore")],
)
def test_a_plugin_that_is_not_installed_has_its_install_line(name: str, slug: str, distribution: str) -> None:
    """As the error of the import statement itself."""
    with absent(distribution):
        with pytest.raises(ImportError) as caught:
            exec(f"from holdall.filesystems import {name}", {})  # noqa: S102 - the statement is what is tested
        installed = ", ".join(registry.names("storage"))

    assert isinstance(caught.value, PluginMissingError)
    assert str(caught.value) == (
        f"The storage type {slug!r} comes with {distribution}, which is not installed. Install it: pip install "
        f"{distribution}. Installed: {installed}."
    )


def test_a_known_serializer_that_is_not_installed_has_its_install_line() -> None:
    """By its class name."""
    with absent("holdall-lz4"), pytest.raises(PluginMissingError, match="Install it: pip install holdall-lz4"):
        _ = holdall.serializers.LZ4Serializer


def test_a_compression_that_is_not_installed_has_its_install_line() -> None:
    """By the name that the core's serializer takes."""
    with absent("holdall-zstd"), pytest.raises(PluginMissingError, match="Install it: pip install holdall-zstd"):
        holdall.serializers.CompressedSerializer(compressionlib="zstd")


def test_an_installed_plugin_is_found_by_its_class_name(tmp_path: Path) -> None:
    """It need not be known to holdall."""
    with on_path(write_distribution(tmp_path, "loudly", entry_points=LOUD_POINTS, modules={"loudly": LOUD})):
        found = holdall.serializers.LoudSerializer
        listed = "LoudSerializer" in dir(holdall.serializers)

    assert ("loudly", "LoudSerializer") == (found.__module__, found.__qualname__)
    assert listed


def test_a_broken_plugin_says_so_when_its_class_is_imported(tmp_path: Path) -> None:
    """It is not taken for a missing name."""
    with (
        on_path(write_distribution(tmp_path, "loudly", entry_points=LOUD_POINTS, modules={"loudly": ""})),
        pytest.raises(PluginBrokenError, match="loudly has no LoudSerializer"),
    ):
        _ = holdall.serializers.LoudSerializer


def test_a_name_that_stays_whatever_the_class_is_called(tmp_path: Path) -> None:
    """`GCS` is whatever provides the slug gcs."""
    points = {"holdall.storage": {"gcs": "cloudy:CloudyStorage"}}
    with (
        on_path(write_distribution(tmp_path, "cloudy", entry_points=points)),
        pytest.raises((PluginBrokenError, PluginConflictError), match="cloudy:CloudyStorage"),
    ):
        _ = holdall.filesystems.GCS


@pytest.mark.parametrize("name", ["holdall.filesystems", "holdall.serializers"])
def test_a_name_that_nobody_has_is_an_attribute_error(name: str) -> None:
    """As of any module."""
    with pytest.raises(AttributeError) as caught:
        _ = import_module(name).Nothing

    assert f"module {name!r} has no attribute 'Nothing'" == str(caught.value)


def test_importing_a_face_loads_nothing_behind_it() -> None:
    """Nor does asking it for a dunder."""
    code = (
        "import sys, holdall.filesystems as f, holdall.serializers as s; "
        "hasattr(f, '__path__'); hasattr(s, '__wrapped__'); "
        "print([name for name in ('pydantic', 'importlib.metadata') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
