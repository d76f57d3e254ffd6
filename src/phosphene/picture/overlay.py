"""A map laid over the photo that it speaks about, and boxes drawn on it.

A map of h × w values covers a box of the photo (all of it, where not said); value (r, c) covers the box's r-th of h
rows and c-th of w columns, so its centre lies at left + (c + 1/2) (right - left) / w. The box may be fractional and may
leave the photo, as receptive fields at the border do; only what lies inside is drawn.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .colour import colour

How = Literal["nearest", "bilinear"]
FloatBox = tuple[float, float, float, float]


def overlay(
    photo_pixels: np.ndarray,
    values01: np.ndarray,
    map: str = "sequential",
    opacity: float | np.ndarray = 0.6,
    *,
    box: FloatBox | None = None,
    how: How = "bilinear",
    fade: float = 0.5,
) -> np.ndarray:
    """The photo (H, W, 3) with values (h, w) in [0, 1] over it in colour, uint8.

    `opacity` is one number or one for each value (h, w), in [0, 1]. The photo loses `fade` of its own colour below, so
    that hues come from the map. NaN is drawn in the missing colour.
    """
    height, width = photo_pixels.shape[:2]
    values = np.asarray(values01, np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"a map over a photo has shape (height, width), not {values.shape}.")
    spread, inside = resample(values, height, width, box=box, how=how)
    strength = np.asarray(opacity, np.float64)
    if strength.ndim:
        if strength.shape != values.shape:
            raise ValueError(f"the opacity has shape {strength.shape} and the map {values.shape}; give one for each.")
        strength = resample(strength, height, width, box=box, how=how)[0]
    elif not 0 <= strength <= 1:
        raise ValueError(f"an opacity lies in [0, 1], not at {opacity}.")
    strength = np.where(inside, np.clip(np.nan_to_num(strength), 0, 1), 0.0)[..., None]
    below = photo_pixels.astype(np.float64)
    light = below @ np.array([0.2126, 0.7152, 0.0722])
    below = np.where(inside[..., None], below + fade * (light[..., None] - below), below)
    above = colour(spread, map).astype(np.float64)
    return np.floor(below * (1 - strength) + above * strength + 0.5).astype(np.uint8)


def resample(
    values: np.ndarray, height: int, width: int, *, box: FloatBox | None = None, how: How = "bilinear"
) -> tuple[np.ndarray, np.ndarray]:
    """The map at every pixel of a (height, width) photo, and where it is defined (inside the box).

    'nearest' keeps the map's own cells; 'bilinear' blends between their centres and is constant beyond the outermost.
    A NaN stays in its own cell; its neighbours are blended from the values that are known.
    """
    left, top, right, bottom = box or (0, 0, width, height)
    if not (right > left and bottom > top):
        raise ValueError(f"the box (left, top, right, bottom) = {(left, top, right, bottom)} is empty.")
    rows = (np.arange(height) + 0.5 - top) / (bottom - top) * values.shape[0]
    columns = (np.arange(width) + 0.5 - left) / (right - left) * values.shape[1]
    inside = ((rows >= 0) & (rows < values.shape[0]))[:, None] & ((columns >= 0) & (columns < values.shape[1]))
    near_row = np.clip(np.floor(rows), 0, values.shape[0] - 1).astype(int)
    near_column = np.clip(np.floor(columns), 0, values.shape[1] - 1).astype(int)
    nearest = values[near_row[:, None], near_column]
    if how == "nearest":
        return nearest, inside
    if how != "bilinear":
        raise ValueError(f"a map is resampled 'nearest' or 'bilinear', not {how!r}.")
    finite = np.isfinite(values)
    by_row, by_column = blend(rows, values.shape[0]), blend(columns, values.shape[1])
    total = by_row @ np.where(finite, values, 0.0) @ by_column.T
    if finite.all():
        return total, inside
    weight = by_row @ finite.astype(np.float64) @ by_column.T
    nearest_finite = np.isfinite(nearest)
    return np.where(nearest_finite, total / np.where(nearest_finite, weight, 1.0), np.nan), inside


def blend(positions: np.ndarray, count: int) -> np.ndarray:
    """The weights (places, count) of linear interpolation between cell centres at 1/2, 3/2, ..."""
    at = np.clip(positions - 0.5, 0, count - 1)
    lower = np.minimum(np.floor(at).astype(int), max(count - 2, 0))
    share = at - lower
    weights = np.zeros((len(positions), count))
    index = np.arange(len(positions))
    weights[index, lower] = 1 - share
    weights[index, np.minimum(lower + 1, count - 1)] += share
    return weights


def draw_boxes(
    photo_pixels: np.ndarray,
    boxes: Sequence[FloatBox],
    colour: tuple[int, int, int] = (255, 92, 40),
    *,
    line_px: int = 2,
) -> np.ndarray:
    """The photo with each (left, top, right, bottom) framed, uint8.

    The frame lies just outside the box with a thin dark line around it, so that it shows on bright and dark photos and
    hides none of the box; what leaves the photo is cut off.
    """
    pixels = photo_pixels.copy()
    for box in boxes:
        left, top, right, bottom = (round(edge) for edge in box)
        for margin, inner, ink in ((line_px + 1, line_px, (0, 0, 0)), (line_px, 0, colour)):
            frame(pixels, (left, top, right, bottom), margin, inner, ink)
    return pixels


def frame(pixels: np.ndarray, box: tuple[int, int, int, int], outer: int, inner: int, ink: Sequence[int]) -> None:
    left, top, right, bottom = box
    height, width = pixels.shape[:2]

    def fill(x0: int, y0: int, x1: int, y1: int) -> None:
        pixels[max(y0, 0) : max(min(y1, height), 0), max(x0, 0) : max(min(x1, width), 0)] = ink

    fill(left - outer, top - outer, right + outer, top - inner)
    fill(left - outer, bottom + inner, right + outer, bottom + outer)
    fill(left - outer, top - outer, left - inner, bottom + outer)
    fill(right + inner, top - outer, right + outer, bottom + outer)
