"""A map laid over its photo: the stronger the colour, the more the place matters; the rest of the photo stays grey.

And the row that sheets of maps are made of: the photo, the numbers, the map over the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ...input_photo import input_box, seen
from ...network import Frame
from ...picture import Block, ColourBar, ImageBlock, Photo, Row, TextBlock, map_range, overlay, resample

SIGNED, PLAIN = "diverging", "sequential"  # colour maps
GAP = 20.0  # between pictures in a row
MARGINS = 96.0  # of a sheet, both together


def colours(signed: bool) -> str:
    """The colour map of maps: diverging about zero for signed ones."""
    return SIGNED if signed else PLAIN


def laid(photo: Photo, frame: Frame, shares: np.ndarray, signed: bool, *, whole: bool = False) -> np.ndarray:
    """The part of the photo that the network sees, or the whole photo, under a map of shares (h, w) in [0, 1].

    Signed maps have zero at one half. NaN, where nothing is known, leaves the photo as it is."""
    view, box = photo, frame.to_photo(frame.whole_input).as_tuple()
    if not whole:
        view, frame = seen(photo, frame)
        box = input_box(view, frame)
    neutral = 0.5 if signed else 0.0
    filled = np.nan_to_num(shares, nan=neutral)
    strength = np.abs(filled - neutral) / (1 - neutral)
    return overlay(
        view.pixels, filled, colours(signed), np.where(np.isnan(shares), 0.0, 0.1 + 0.8 * strength),
        box=box,
    )  # fmt: skip


def map_over_photo(photo: Photo, frame: Frame, values: Tensor) -> np.ndarray:
    """A signed map (h, w) over the part of the photo that the network sees: (height, width, 3), uint8.

    The photo is clear where nothing is known yet.
    """
    view, frame = seen(photo, frame)
    box = input_box(view, frame)
    shares = map_range(values[None].float().cpu().numpy(), "symmetric").values01[0]
    drawn = overlay(view.pixels, shares, "diverging", 0.85 * np.abs(2 * shares - 1), box=box)
    known = resample(np.isfinite(shares).astype(float), view.height, view.width, box=box, how="nearest")
    return np.where((known[0] > 0)[..., None] & known[1][..., None], drawn, view.pixels)


def photo_block(photo: Photo, frame: Frame, width: float) -> ImageBlock:
    """The part of the photo that the network sees."""
    return ImageBlock(seen(photo, frame)[0].pixels, heading="photo", width=width, crisp=False)


def over_block(
    photo: Photo, frame: Frame, shares: np.ndarray, signed: bool, width: float, heading: str = "over the photo",
    caption: str = "",
) -> ImageBlock:  # fmt: skip
    """That part under a map of shares."""
    pixels = laid(photo, frame, shares, signed)
    return ImageBlock(pixels, heading=heading, caption=caption, width=width, crisp=False)


def map_rows(
    heading: str, photo: Photo, frame: Frame, before: Sequence[ImageBlock], shares: np.ndarray, signed: bool,
    after: Sequence[ImageBlock], bars: Sequence[ColourBar], width: float,
) -> list[Block]:  # fmt: skip
    """What a sheet shows of one map: heading; photo, `before`, map over the photo, `after` in a row; colour bars."""
    over = over_block(photo, frame, shares, signed, width)
    row = Row([photo_block(photo, frame, width), *before, over, *after], gap=GAP)
    return [TextBlock(heading, size=20, weight="bold"), row, *bars]


def sheet_width(pictures: int, width: float) -> float:
    """The width of a sheet whose rows hold so many pictures."""
    return pictures * (width + GAP) - GAP + MARGINS
