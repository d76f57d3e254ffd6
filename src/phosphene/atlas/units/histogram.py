"""A unit's values over a whole data set as a histogram, with its patches at the far end of it.

Heights are logarithmic: patches are the few strongest of very many values, which even heights would not show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...picture import Drawing
from ...picture.chart import Axis, Chart, Histogram, Reference, Rug, Series
from ..sweep import sketch

BARS = 56


def histogram(
    counts: np.ndarray, largest: float, patches: Sequence[float], marked: Sequence[tuple[str, float]] = (),
    where: str = "places", *, width: float = 460.0, height: float = 210.0,
) -> Drawing:  # fmt: skip
    """The distribution of the values in a sketch's `counts` (bins,), up to the `largest`; `patches` are strokes below.

    `marked` are names and values of quantiles, drawn as lines.
    """
    bins = np.flatnonzero(counts)
    low = min(0.0, float(sketch.edges()[bins[0]])) if len(bins) else 0.0
    high = max(largest, low + 1e-6)
    borders = np.linspace(low, high, BARS + 1)
    series: list[Series] = [Histogram(borders, 100 * sketch.heights(counts[None], borders)[0]), Rug(patches)]
    series += [Reference(value, name, "across") for name, value in marked if low <= value <= high]
    across = Axis("activation; strokes: the patches", low=low, high=high)
    return Chart(series, across, Axis(f"share of {where}", high=100.0, scale="log", unit=" %"), width, height).drawing()
