"""A line plot: a few series over one axis, with round ticks, as a drawing that stands on a sheet beside pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .drawing import Drawing, Line, Mark, Polyline, Rect, Text
from .paragraph import SMALL
from .typesetting import text_width

INKS = ("accent", "accent2", "ink", "muted")


def line_plot(
    series: Sequence[Sequence[float]],
    names: Sequence[str] = (),
    *,
    start: float = 0,
    step: float = 1,
    across: str = "",
    up: str = "",
    width: float = 420.0,
    height: float = 220.0,
    margins: tuple[float, float] = (0.0, 0.0),
    marked: int = 4,
) -> Drawing:
    """Each series as a line; its point i stands at `start + i * step`. NaN and infinity leave a gap.

    `names` stand at the lines' ends, `across` and `up` name the axes. `margins` are the least room left and right of
    the lines, so that plots below each other line up; about `marked` ticks are on the axis across.
    """
    rows = [np.asarray(values, float) for values in series]
    finite = np.concatenate([row[np.isfinite(row)] for row in rows]) if rows else np.zeros(0)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    ups = ticks(low, high)
    low, high = min(low, ups[0]), max(high, ups[-1])
    length = max((len(row) for row in rows), default=1)
    end = start + step * max(1, length - 1)
    labels = [f"{tick:,g}".replace("-", "−") for tick in ups]
    left = max(margins[0], max(text_width(label, SMALL) for label in labels) + 10)
    right = max(margins[1], max((text_width(name, SMALL) for name in names), default=0) + 10)
    top, bottom = (22.0 if up else 8.0), height - (38 if across else 22)
    wide, high_px = width - left - right, bottom - top

    def x(at: float) -> float:
        return left + wide * (at - start) / (end - start)

    def y(value: float) -> float:
        return bottom - high_px * (value - low) / (high - low)

    marks: list[Mark] = [Rect(left, top, wide, high_px, fill="panel")]
    for tick, label in zip(ups, labels, strict=True):
        marks.append(Line(left, y(tick), left + wide, y(tick)))
        marks.append(Text(left - 6, y(tick) + 4, label, SMALL, anchor="end", colour="muted", mono=True))
    for tick in ticks(start, end, marked):
        if start <= tick <= end:
            marks.append(Text(x(tick), bottom + 16, f"{tick:,g}", SMALL, anchor="middle", colour="muted", mono=True))
    if across:
        marks.append(Text(left + wide / 2, height - 4, across, SMALL, anchor="middle", colour="muted"))
    if up:
        marks.append(Text(left, 12, up, SMALL, colour="muted"))
    ends: list[tuple[float, str, str]] = []
    for index, row in enumerate(rows):
        ink = INKS[index % len(INKS)]
        for piece in _pieces(row):
            points = tuple((x(start + step * at), y(float(row[at]))) for at in piece)
            marks.append(Polyline(points, ink, 2.0 if index == 0 else 1.5))
        if index < len(names) and np.isfinite(row).any():
            ends.append((y(float(row[np.isfinite(row)][-1])), names[index], ink))
    marks += _named(ends, left + wide + 6)
    return Drawing(width, height, tuple(marks))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about `most` of them, in steps of 1, 2 or 5 times 10^k."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / size + 1e-9), math.ceil(high / size - 1e-9)
    return [round(index * size, 12) for index in range(first, last + 1)]


def _pieces(row: np.ndarray) -> list[list[int]]:
    """The runs of finite values, at least two long."""
    runs: list[list[int]] = [[]]
    for at, value in enumerate(row):
        if np.isfinite(value):
            runs[-1].append(at)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _named(ends: list[tuple[float, str, str]], left: float) -> list[Mark]:
    """The names at the lines' ends, moved down where they would lie upon each other."""
    marks: list[Mark] = []
    free = -math.inf
    for at, name, ink in sorted(ends):
        below = max(at + 4, free)
        marks.append(Text(left, below, name, SMALL, colour=ink))
        free = below + SMALL + 2
    return marks
