"""Lines over an axis, with a band of uncertainty about them, and level or upright lines to compare with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from ..drawings.drawing import Circle, Line, Mark, Point, Polygon, Polyline
from .frame import Frame, Values

BAND = 0.18  # opacity
DASH, SPACE = 5.0, 4.0


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through the points (xs, ys), in their order; NaN and infinity leave a gap, a point between two is a dot.

    `low` and `high`, one for each point, are the ends of a band about it.
    """

    xs: Values = field(repr=False)
    ys: Values = field(repr=False)
    name: str = ""
    low: Values | None = field(default=None, repr=False)
    high: Values | None = field(default=None, repr=False)
    colour: str | None = None
    width: float = 1.8
    dashed: bool = False
    kind = "line"

    def __post_init__(self) -> None:
        counts = {len(values) for values in (self.xs, self.ys, self.low, self.high) if values is not None}
        if len(counts) > 1 or (self.low is None) != (self.high is None):
            raise ValueError("a curve has as many xs as ys, and of its band as many low as high ends.")

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        rows = [np.asarray(each, float) for each in (self.ys, self.low, self.high) if each is not None]
        return np.asarray(self.xs, float), np.concatenate(rows)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        xs = frame.xs(self.xs)
        marks: list[Mark] = []
        if self.low is not None and self.high is not None:
            low, high = frame.ys(self.low), frame.ys(self.high)
            for run in runs(xs + low + high):
                edge = [*zip(xs[run], high[run], strict=True), *reversed([*zip(xs[run], low[run], strict=True)])]
                marks.append(Polygon(tuple((float(x), float(y)) for x, y in edge), colour, BAND))
        ys = frame.ys(self.ys)
        for run in runs(xs + ys):
            points = tuple((float(x), float(y)) for x, y in zip(xs[run], ys[run], strict=True))
            if len(points) == 1:
                marks.append(Circle(*points[0], 1.4 * self.width, colour))
            elif self.dashed:
                marks += dashes(points, colour, self.width)
            else:
                marks.append(Polyline(points, colour, self.width))
        return marks


@dataclass(frozen=True)
class Reference:
    """A dashed line at one value, level on the axis up or upright on the axis across, with its name at its end."""

    value: float
    name: str = ""
    on: Literal["up", "across"] = "up"
    colour: str | None = "muted"
    kind = "none"

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        here, none = np.array([self.value], float), np.zeros(0)
        return (none, here) if self.on == "up" else (here, none)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        level = self.on == "up"
        at = frame.y(self.value) if level else frame.x(self.value)
        if math.isnan(at):
            return []
        ends = ((frame.left, at), (frame.right, at)) if level else ((at, frame.top), (at, frame.bottom))
        return dashes(ends, colour, 1.2)


def runs(values: np.ndarray) -> Iterator[slice]:
    """The stretches of finite values."""
    good = np.concatenate([[False], np.isfinite(values), [False]]).astype(int)
    edges = np.flatnonzero(np.diff(good))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(start), int(stop))


def dashes(points: Sequence[Point], colour: str, width: float) -> list[Mark]:
    """A dashed line through the points."""
    marks: list[Mark] = []
    travelled = 0.0  # length up to here, so that dashes go on around corners
    for (x1, y1), (x2, y2) in pairwise(points):
        length = math.hypot(x2 - x1, y2 - y1)
        at = -(travelled % (DASH + SPACE))
        while at < length:
            start, stop = max(at, 0.0), min(at + DASH, length)
            if stop > start:
                way = [((x1 + (x2 - x1) * part / length), (y1 + (y2 - y1) * part / length)) for part in (start, stop)]
                marks.append(Line(*way[0], *way[1], colour, width))
            at += DASH + SPACE
        travelled += length
    return marks
