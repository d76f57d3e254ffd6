"""Which rows of a photo the rows of its resized copy are made of, exact to the row; columns alike.

n rows become m. Row i of the copy has its centre at c = (i + 1/2) n / m and is made of the rows j of weight above 0:

    PIL               k((j + 1/2 - c) / max(n / m, 1)): it grows with the shrinking, so that nothing is skipped
    PIL's nearest     j = floor(c)
    not antialiased   nearest: j = floor(i n / m); else k(j + 1/2 - c): two rows or four, whatever is skipped

PIL keeps weights of 8 bit images as multiples of 2^-22; what rounds to 0 there has no part, and here as well. The sums
are done as the libraries do them (PIL in double precision, torch in single), so that the same rows come out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# How far each filter reaches from the centre of a row, in rows where the photo is not shrunk
SUPPORT = {"nearest": 0.5, "box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}
_ONE = 1 << 22  # PIL's weight of 1

Piece = tuple[float, float, int, int]  # the part of the photo that is resized: start, stop, the copy's first row, rows


@lru_cache(maxsize=4096)
def sources(
    first: int, stop: int, before: int, after: int, interpolation: str, antialias: bool, piece: Piece | None = None
) -> tuple[int, int]:
    """The rows (first, stop) of a photo of `before` rows that the copy's rows first <= i < stop are made of.

    The copy has `after` rows. With a `piece` only a part of the photo was resized, to a part of the copy.
    """
    rows = np.arange(first, stop)
    if not antialias:
        low, high = _without_smoothing(rows, before, after, interpolation)
    else:
        start, end, shift, count = piece or (0.0, float(before), 0, after)
        rows = rows - shift
        scale = (end - start) / count
        if interpolation == "nearest":
            steps = np.full(stop - shift, scale)  # PIL goes from row to row by adding
            steps[0] = start + scale * 0.5
            low = high = np.clip(np.add.accumulate(steps)[rows].astype(np.int64), 0, before - 1)
        else:
            low, high = _smoothed(start + (rows + 0.5) * scale, scale, before, interpolation)
    return int(low.min()), int(high.max()) + 1


def margin(before: int, after: int, interpolation: str, antialias: bool) -> float:
    """How far, in rows of the copy, the sources of a part of it reach at most beyond the part, scaled."""
    if before == after:
        return 0.0
    grown = after / before
    if interpolation == "nearest" and not antialias:  # its row is the one that holds the upper edge, not the middle
        return grown
    support = SUPPORT[interpolation] * (max(grown, 1.0) if antialias and interpolation != "nearest" else grown)
    return max(support + grown / 2 - 0.5, 0.0)


def _smoothed(centre: NDArray, scale: float, before: int, interpolation: str) -> tuple[NDArray, NDArray]:
    """PIL's rows of weight, first and last, for the copy's rows with these centres."""
    grown = max(scale, 1.0)
    support = SUPPORT[interpolation] * grown
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + support + 0.5).astype(np.int64), before)
    taps = first[:, None] + np.arange(int((stop - first).max()))
    weights = _weight((taps - centre[:, None] + 0.5) * (1.0 / grown), interpolation)
    weights[taps >= stop[:, None]] = 0
    weights /= weights.sum(1, keepdims=True)
    return _ends(taps, weights)


def _without_smoothing(rows: NDArray, before: int, after: int, interpolation: str) -> tuple[NDArray, NDArray]:
    """torch's rows of weight, first and last."""
    scale = np.float32(before) / np.float32(after)
    if interpolation == "nearest":
        index = np.minimum((rows.astype(np.float32) * scale).astype(np.int64), before - 1)
        return index, index
    centre = scale * (rows.astype(np.float32) + np.float32(0.5)) - np.float32(0.5)  # in rows' middles
    centre = np.maximum(centre, np.float32(0)) if interpolation == "bilinear" else centre
    whole = np.floor(centre)
    part = (centre - whole)[:, None]
    shifts = np.array([0, 1] if interpolation == "bilinear" else [-1, 0, 1, 2])
    weights = _weight(shifts - part.astype(np.float64), interpolation, sharpness=-0.75)
    return _ends(np.clip(whole.astype(np.int64)[:, None] + shifts, 0, before - 1), weights)


def _ends(taps: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
    """The first and last tap of weight in every row."""
    counts = np.abs(weights) * _ONE >= 0.5
    return np.where(counts, taps, np.iinfo(np.int64).max).min(1), np.where(counts, taps, -1).max(1)


def _weight(x: NDArray, interpolation: str, sharpness: float = -0.5) -> NDArray:
    """The filter at x, before its weights are made to sum to 1; `sharpness` is the cubic's."""
    away = np.abs(x)
    if interpolation == "box":
        return ((x > -0.5) & (x <= 0.5)).astype(np.float64)
    if interpolation == "bilinear":
        return np.maximum(1.0 - away, 0.0)
    if interpolation == "hamming":
        return np.where(away < 1.0, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)
    if interpolation == "lanczos":
        return np.where((x >= -3.0) & (x < 3.0), np.sinc(x) * np.sinc(x / 3), 0.0)
    a = sharpness  # bicubic: Keys 1981, eq. 15, with a for his -1/2
    inner = ((a + 2.0) * away - (a + 3.0)) * away * away + 1
    outer = (((away - 5) * away + 8) * away - 4) * a
    return np.where(away < 1.0, inner, np.where(away < 2.0, outer, 0.0))
