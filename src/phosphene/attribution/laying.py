"""A map laid over its photo: the stronger the colour, the more the place matters; the rest of the photo stays grey."""

from __future__ import annotations

import numpy as np

from ..network import Box, Frame
from ..picture import Photo, overlay
from ..showing import input_box, seen

SIGNED, PLAIN = "diverging", "sequential"  # colour maps


def colours(signed: bool) -> str:
    """The colour map of maps: diverging about zero for signed ones."""
    return SIGNED if signed else PLAIN


def laid(photo: Photo, frame: Frame, shares: np.ndarray, signed: bool, *, whole: bool = False) -> np.ndarray:
    """The part of the photo that the network sees, or the whole photo, under a map of shares (h, w) in [0, 1].

    Signed maps have zero at one half. NaN, where nothing is known, leaves the photo as it is."""
    view, box = photo, frame.to_photo(Box(0, 0, frame.size[1], frame.size[0])).as_tuple()
    if not whole:
        view, frame = seen(photo, frame)
        box = input_box(view, frame)
    neutral = 0.5 if signed else 0.0
    known = np.nan_to_num(shares, nan=neutral)
    strength = np.abs(known - neutral) / (1 - neutral)
    return overlay(
        view.pixels, known, colours(signed), np.where(np.isnan(shares), 0.0, 0.1 + 0.8 * strength),
        box=box,
    )  # fmt: skip
