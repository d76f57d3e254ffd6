"""Pictures made small for a page: pixels as WebP data URIs, tiles as SVG whose type follows the page's colours.

Tiles are stored without loss, so that a kernel's squares keep their edges and their values; photos with loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from PIL import Image as Pillow

from ..picture import Drawing, DrawingBlock, Image, ImageBlock, Sheet, Text, inline_svg, set_block, swatch, webp_uri
from ..picture.sheet import MARGIN

LABEL = 22  # pixels that a label takes below its tile


@dataclass(frozen=True)
class PageImage:
    """An image to set into the page: its data URI and its size."""

    uri: str
    width: int
    height: int


def compressed(pixels: np.ndarray, longest: int | None = None) -> PageImage:
    """Pixels (h, w, 3) as WebP with loss, brought to at most `longest` pixels a side."""
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    if longest and max(image.size) > longest:
        scale = longest / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Pillow.Resampling.LANCZOS)
    return PageImage(webp_uri(np.asarray(image), lossless=False), *image.size)


def crisp(pixels: np.ndarray) -> PageImage:
    """Pixels (h, w, 3 or 4) as WebP without loss."""
    return PageImage(webp_uri(pixels), pixels.shape[1], pixels.shape[0])


def tiles(sheet: Sheet, label: str, most: int | None = None) -> Markup:
    """The tiles of a sheet and the labels between them as SVG; of several tiles the first `most`.

    All stand in one WebP image; `label` is the text for who can't see it.
    """
    block = next(block for block in sheet.blocks if isinstance(block, (ImageBlock, DrawingBlock)))
    if isinstance(block, DrawingBlock):
        return body(replace(sheet, blocks=[replace(block, heading="", caption="")]), label)
    several = len(block.cells) > 1
    cells = block.cells[:most] if several else ()
    block = replace(block, heading="", caption="", cells=cells, labels=block.labels[:most] if several else ())
    marks = set_block(block, 0, 0, sheet.width - 2 * MARGIN).marks
    images = [mark for mark in marks if isinstance(mark, Image)]
    right = max(mark.left + mark.width for mark in images)
    bottom = max(mark.top + mark.height for mark in images)
    labels = [mark for mark in marks if isinstance(mark, Text)]
    together = np.zeros((round(bottom), round(right), 4), np.uint8)
    for mark in images:
        _put(together, mark, round(mark.left), round(mark.top))
    whole = Image(together, 0, 0, right, bottom, crisp=True)
    return _page_svg(Drawing(right, bottom + (LABEL if labels else 0), (whole, *labels)), label)


def body(sheet: Sheet, label: str) -> Markup:
    """The blocks of a sheet as SVG; the page sets its title and foot itself."""
    return _page_svg(sheet.body(), label)


def _page_svg(drawing: Drawing, label: str) -> Markup:
    return Markup(inline_svg(drawing, label, webp_uri))


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
    area = sheet[top : top + size[1], left : left + size[0]]
    pixels = pixels[: area.shape[0], : area.shape[1]]
    area[..., : pixels.shape[2]] = pixels
    if pixels.shape[2] == 3:
        area[..., 3] = 255
