"""Images and figures come back, or are refused, and people can look at their files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure
from PIL import Image

from holdall import HoldallWarning, task
from holdall.builtin.auto import AutoSerializer
from holdall.errors import CorruptResultError, SerializationError
from holdall.results import from_json
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_images import PictureSerializer, PlotlySerializer, PNGSerializer, picture

VECTOR = Path(__file__).parent / "vectors" / "png-v1" / "palette.png"


def palette() -> Image.Image:
    """Two colours, one of them transparent."""
    image = Image.new("P", (3, 2))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1, 0, 1, 1, 0])
    image.info["transparency"] = 1
    return image


def gradient(mode: str) -> Image.Image:
    """Every pixel another one."""
    return Image.linear_gradient("L").resize((17, 5)).convert(mode)


IMAGES = {
    **{mode: gradient(mode) for mode in ("1", "L", "LA", "RGB", "RGBA")},
    "I;16": Image.frombytes("I;16", (2, 2), bytes(range(8))),
    "P": palette(),
}


class TestPNG(SerializerContract):
    """With images of every mode."""

    @pytest.fixture
    def serializer(self) -> PNGSerializer:
        return PNGSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return list(IMAGES.values())

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return Image.new("CMYK", (1, 1)), "result"

    def same(self, one: Any, other: Any, /) -> bool:
        return type(one) is type(other) and bool(one == other)


class TestPlotly(SerializerContract):
    """With figures of several kinds."""

    @pytest.fixture
    def serializer(self) -> PlotlySerializer:
        return PlotlySerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [go.Figure(), go.Figure(go.Scatter(x=[1, 2], y=[None, 3.5], name="é"), {"title": {"text": "t"}})]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return go.Scatter(), "result"

    def same(self, one: Any, other: Any, /) -> bool:
        return type(one) is type(other) and bool(one == other)

    def test_flipped_payloads_fail_cleanly(self, serializer: Any, values: list[Any]) -> None:
        """A sample: plotly validates each in milliseconds."""
        data = payload(serializer, values[1])
        for place in range(0, len(data), 97):
            changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            try:
                serializer.load(BytesSource(changed))
            except CorruptResultError:
                continue

    def test_cut_payloads_fail_cleanly(self, serializer: Any, values: list[Any]) -> None:
        """No part of a figure is one."""
        data = payload(serializer, values[1])
        for length in range(0, len(data), 97):
            with pytest.raises(CorruptResultError):
                serializer.load(BytesSource(data[:length]))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing said yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    picture._warned.clear()
    return tmp_path


def figure() -> Figure:
    """A line."""
    made = Figure(figsize=(2, 1), dpi=50)
    made.add_subplot().plot([1, 3, 2])
    return made


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.new("F", (1, 1)), "of mode F"),
        (Image.new("RGB", (0, 1)), "without pixels"),
        ([1], "no image of Pillow"),
    ],
)
def test_what_png_cannot_keep_is_refused(image: Any, said: str) -> None:
    """With the reason."""
    with pytest.raises(SerializationError, match=said):
        PNGSerializer().dump(image)


def test_an_image_from_a_file_comes_back_plain(place: Path) -> None:
    """With its pixels; an animation is refused."""
    gradient("RGB").save("a.png")
    gradient("L").save("a.gif", save_all=True, append_images=[gradient("1")])
    with Image.open("a.png") as image:
        back = PNGSerializer().load(BytesSource(payload(PNGSerializer(), image)))

    assert type(back) is Image.Image
    assert gradient("RGB") == back
    with Image.open("a.gif") as moving, pytest.raises(SerializationError, match="is an animation"):
        PNGSerializer().dump(moving)


def test_a_bomb_is_corrupt() -> None:
    """An image of more pixels than the record declares is not made."""
    serializer = PNGSerializer()
    data = payload(serializer, Image.new("L", (1000, 1000)))
    small = serializer.decoded_size([payload(serializer, Image.new("L", (10, 10)))])
    with pytest.raises(CorruptResultError, match="make 4,000,000 bytes or more, and 400 is the bound"):
        serializer.load(BytesSource(data, trust=Trust(max_bytes=small)))


@pytest.mark.filterwarnings("error")
def test_the_limit_of_pillow_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one for the whole process; what was declared is read whatever it says."""
    image = Image.new("L", (100, 100), 7)
    data = payload(PNGSerializer(), image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)

    assert image == PNGSerializer().load(BytesSource(data))
    assert 10 == Image.MAX_IMAGE_PIXELS


def test_a_figure_of_matplotlib_is_a_picture_and_says_so(place: Path) -> None:
    """Once; what comes back is an image."""
    keep = task(result_storage_key="line", result_serializer="auto", return_state=True)
    with pytest.warns(HoldallWarning, match=r'kept as a picture.*result_serializer="pickle" keeps the figure') as said:
        references = [keep(figure)().reference for _ in range(2)]

    assert 1 == len(said)
    assert "picture" == references[0].serializer.type
    assert (100, 50) == from_json(references[1].json()).get().size
    with Image.open(".holdall-results/line.png") as image:
        assert (100, 50) == image.size


def test_dots_an_inch_are_an_option(place: Path) -> None:
    """The figure's own unless given."""
    with pytest.warns(HoldallWarning, match="picture"):
        data = payload(PictureSerializer(dpi=100), figure())

    assert (200, 100) == PictureSerializer().load(BytesSource(data)).size
    with pytest.raises(SerializationError, match=r"no matplotlib\.figure\.Figure"):
        PictureSerializer().dump([1])


@pytest.mark.parametrize(
    ("value", "slug"), [(gradient("L"), "png"), (go.Figure(), "plotly"), (Image.new("F", (1, 1)), "pickle")]
)
def test_auto_knows_them(value: Any, slug: str) -> None:
    """And takes pickle for what they refuse."""
    assert slug == AutoSerializer().dump_as(value)[0].slug


def test_plotly_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    data = payload(PlotlySerializer(), go.Figure())
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(SerializationError, match="Install it: pip install plotly"):
        PlotlySerializer().load(BytesSource(data))


def test_the_vector_is_read() -> None:
    """What an earlier version wrote, and what any viewer shows."""
    assert palette() == PNGSerializer().load(BytesSource(VECTOR.read_bytes()))
