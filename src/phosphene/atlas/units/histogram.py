"""A unit's values over a whole data set as a histogram, with its patches at the far end of it.

Heights are logarithmic: patches are the few strongest of very many values, which even heights would not show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...picture import Drawing, Line, Mark, Rect, Text, text_width
from ...picture.plot import ticks
from ..sweep import sketch

BARS = 56
TYPE = 12.0


def histogram(
    counts: np.ndarray, largest: float, patches: Sequence[float], marked: Sequence[tuple[str, float]] = (),
    where: str = "places", *, width: float = 460.0, height: float = 190.0,
) -> Drawing:  # fmt: skip
    """The distribution of the values in a sketch's `counts` (bins,), up to the `largest`; `patches` are ticks below.

    `marked` are names and values of quantiles, drawn as lines; where names would meet, the earlier one
    stands.
    """
    at = np.flatnonzero(counts)
    low = min(0.0, float(sketch.edges()[at[0]])) if len(at) else 0.0
    high = max(largest, low + 1e-6)
    shares = sketch.heights(counts[None], np.linspace(low, high, BARS + 1))[0]
    found = shares[np.isfinite(shares) & (shares > 0)]
    floor = math.floor(math.log10(float(found.min()))) if len(found) else -1
    left, top, bottom = 52.0, 24.0, height - 40.0
    wide, deep = width - left - 8, bottom - top

    def x(value: float) -> float:
        return left + wide * (value - low) / (high - low)

    def y(share: float) -> float:
        return bottom - deep * (math.log10(share) - floor) / max(1, -floor)

    marks: list[Mark] = [
        Text(0, 12, f"share of {where}", TYPE, colour="muted"),
        Rect(left, top, wide, deep, fill="panel"),
    ]
    step = max(1, math.ceil(-floor / 4))
    for power in range(0, floor - 1, -step):
        label = f"{100 * 10.0**power:.12g} %"
        marks.append(Line(left, y(10.0**power), left + wide, y(10.0**power)))
        marks.append(Text(left - 6, y(10.0**power) + 4, label, TYPE, anchor="end", colour="muted", mono=True))
    bar = wide / BARS
    for index, share in enumerate(shares):
        if share > 0:
            edge = y(float(share))
            marks.append(Rect(left + index * bar + 0.5, edge, bar - 1, bottom - edge, fill="accent"))
    taken = [(0.0, text_width(f"share of {where}", TYPE) + 8)]
    for name, value in marked:
        room = text_width(name, TYPE) / 2
        at_x = min(max(x(value), left + room), left + wide - room)
        start, stop = at_x - room - 4, at_x + room + 4
        if low <= value <= high and all(stop <= one or start >= other for one, other in taken):
            marks += [Line(x(value), top - 4, x(value), bottom, "muted"),
                      Text(at_x, top - 8, name, TYPE, anchor="middle", colour="muted")]  # fmt: skip
            taken.append((start, stop))
    for value in patches:
        marks.append(Line(x(value), bottom + 2, x(value), bottom + 10, "accent2", 1.5))
    for tick in ticks(low, high):
        if low <= tick <= high:
            marks.append(Text(x(tick), bottom + 24, f"{tick:,g}".replace("-", "−"), TYPE, anchor="middle",
                              colour="muted", mono=True))  # fmt: skip
    marks.append(Text(left, height - 1, "activation; strokes: the patches", TYPE, colour="muted"))
    return Drawing(width, height, tuple(marks))
