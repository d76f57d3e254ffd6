"""Pictures made small for a page: pixels as WebP data URIs, tiles as SVG whose type follows the page's colours.

Tiles are stored without loss, so that a kernel's squares keep their edges and their values; photos with loss.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image as Pillow

from ..picture import (
    Circle,
    Drawing,
    Image,
    Line,
    Mark,
    Picture,
    Polygon,
    Polyline,
    Rect,
    Text,
    shifted,
    swatch,
    to_svg,
)
from ..picture.sheet import MARGIN

QUALITY = 84
LABEL = 22  # pixels that a label takes below its tile


@dataclass(frozen=True)
class Shown:
    """An image to set into the page: its data URI and its size."""

    uri: str
    width: int
    height: int


def photograph(pixels: np.ndarray, longest: int | None = None) -> Shown:
    """Pixels (h, w, 3) as WebP with loss, brought to at most `longest` pixels a side."""
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    if longest and max(image.size) > longest:
        scale = longest / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Pillow.Resampling.LANCZOS)
    return Shown(_uri(image, lossless=False), *image.size)


def crisp(pixels: np.ndarray) -> Shown:
    """Pixels (h, w, 3 or 4) as WebP without loss."""
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    return Shown(_uri(image, lossless=True), *image.size)


def tiles(picture: Picture, label: str, most: int | None = None) -> Markup:
    """A picture's images and the labels between them as SVG, without its title and foot, which the page sets itself.

    Of several images the first `most`. All stand in one WebP image; `label` is the text for who can't see it.
    """
    images = [mark for mark in picture.drawing.marks if isinstance(mark, Image)][:most]
    left, top = min(mark.left for mark in images), min(mark.top for mark in images)
    right = max(mark.left + mark.width for mark in images)
    bottom = max(mark.top + mark.height for mark in images)
    labels: list[Mark] = []
    if len(images) > 1:
        inside = [m for m in picture.drawing.marks if isinstance(m, Text) and top < m.y <= bottom + LABEL]
        labels = [mark for mark in inside if left <= mark.x <= right]
    height = bottom - top + (LABEL if labels else 0)
    sheet = np.zeros((round(bottom - top), round(right - left), 4), np.uint8)
    for mark in images:
        _put(sheet, mark, round(mark.left - left), round(mark.top - top))
    whole = Image(sheet, 0, 0, right - left, bottom - top, crisp=True)
    return _page_svg(Drawing(right - left, height, (whole, *shifted(labels, -left, -top))), label)


def drawn(drawing: Drawing, label: str) -> Markup:
    """A sheet's drawing as SVG, without its title and foot, which the page sets itself."""
    rules = [m.y1 for m in drawing.marks if isinstance(m, Line) and m.x2 - m.x1 > 0.9 * (drawing.width - 2 * MARGIN)]
    bottom = rules[-1] if rules and rules[-1] > drawing.height / 2 else drawing.height
    top = min((_top(mark) for mark in drawing.marks if not isinstance(mark, Text)), default=0.0)
    kept = [mark for mark in drawing.marks if top <= _top(mark) < bottom]
    moved = shifted(kept, -MARGIN, 4 - top)
    return _page_svg(Drawing(drawing.width - 2 * MARGIN, bottom - top, moved), label)


def _top(mark: Mark) -> float:
    match mark:
        case Image() | Rect():
            return mark.top
        case Line():
            return min(mark.y1, mark.y2)
        case Polyline() | Polygon():
            return min(y for _, y in mark.points)
        case Circle():
            return mark.y - mark.radius
        case Text():
            return mark.y


def _page_svg(drawing: Drawing, label: str) -> Markup:
    """SVG without paper and style, as the page sets the roles' colours; its pixels as WebP."""
    text = to_svg(drawing)
    text = re.sub(r"<style>.*?</style>\n?|<rect [^>]*/>\n?", "", text, count=2, flags=re.DOTALL)
    text = re.sub(r'href="data:image/png;base64,([^"]*)"', _as_webp, text)
    text = text.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
    return Markup(text.replace("<svg", str(Markup('<svg role="img" aria-label="{}"').format(label)), 1))


def _as_webp(match: re.Match[str]) -> str:
    with Pillow.open(io.BytesIO(base64.b64decode(match[1]))) as image:
        return f'href="{_uri(image, lossless=True)}"'


def gradient(name: str) -> str:
    """A colour map as CSS, from its low end to its high one."""
    stops = swatch(name, 17)[0]
    return "linear-gradient(90deg," + ",".join("#{:02x}{:02x}{:02x}".format(*stop[:3]) for stop in stops) + ")"


def _put(sheet: np.ndarray, mark: Image, left: int, top: int) -> None:
    pixels = mark.pixels
    size = (round(mark.width), round(mark.height))
    if (pixels.shape[1], pixels.shape[0]) != size:
        how = Pillow.Resampling.NEAREST if mark.crisp else Pillow.Resampling.LANCZOS
        pixels = np.asarray(Pillow.fromarray(np.ascontiguousarray(pixels)).resize(size, how))
    place = sheet[top : top + size[1], left : left + size[0]]
    pixels = pixels[: place.shape[0], : place.shape[1]]
    place[..., : pixels.shape[2]] = pixels
    if pixels.shape[2] == 3:
        place[..., 3] = 255


def _uri(image: Pillow.Image, *, lossless: bool) -> str:
    file = io.BytesIO()
    if max(image.size) > 16_383:  # WebP holds no more
        image.save(file, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(file, "WEBP", lossless=lossless, quality=80 if lossless else QUALITY, method=4, exact=False)
        kind = "webp"
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode("ascii")
