"""Bars for categories, with intervals and numbers; the bars of a histogram; strokes below them for single values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..drawings.drawing import Line, Mark, Rect, Text
from .axis import TYPE
from .dots import extents, interval, same_length
from .frame import Frame, Values

FULL = 0.72  # of a category's room that bars take
RUG = 10.0  # pixels below the panel that strokes take


@dataclass(frozen=True, eq=False)
class Bars:
    """A bar from 0 to each value, for the categories 0, 1, 2, … or at the numbers `at`; NaN leaves a gap.

    They lie where the axis up has names. `low` and `high` are intervals, `numbers` texts at the bars' ends. Several
    `Bars` of one chart stand side by side.
    """

    values: Values = field(repr=False)
    name: str = ""
    low: Values | None = field(default=None, repr=False)
    high: Values | None = field(default=None, repr=False)
    at: Values | None = None
    numbers: Sequence[str] = ()
    colour: str | None = None
    kind = "block"

    def __post_init__(self) -> None:
        same_length(self.values, low=self.low, high=self.high, at=self.at)
        same_length(self.values, numbers=self.numbers or None)

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        sizes = np.concatenate([with_foot(each) for each in (self.values, self.low, self.high) if each is not None])
        if self.numbers and np.nanmin(sizes) < 0:  # room for the numbers of bars below 0
            sizes = np.append(sizes, np.nanmin(sizes) - 0.12 * (np.nanmax(sizes) - np.nanmin(sizes)))
        return extents(self.at, len(self.values), sizes, lying)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        at = np.arange(len(self.values)) if self.at is None else np.asarray(self.at, float)
        room = FULL * frame.slot(at) / slot[1]
        shift = room * (slot[0] - (slot[1] - 1) / 2)
        middles = (frame.ys(at) if frame.lying else frame.xs(at)) + shift
        scale = frame.xs if frame.lying else frame.ys
        log = (frame.across if frame.lying else frame.up).log
        foot = (frame.left if frame.lying else frame.bottom) if log else float(scale([0.0])[0])
        thick = max(1.0, room - (1.5 if slot[1] > 1 else 0))
        marks: list[Mark] = []
        for index, (middle, end) in enumerate(zip(middles, scale(self.values), strict=True)):
            if not np.isfinite(middle + end):
                continue
            near, length = min(foot, float(end)), abs(float(end) - foot)
            edge = float(middle) - thick / 2
            radius = min(2.0, thick / 4, length / 2)
            box = (near, edge, length, thick) if frame.lying else (edge, near, thick, length)
            if length > 0:
                marks.append(Rect(*box, fill=colour, radius=radius))
            reach = float(end)
            if self.low is not None and self.high is not None:
                ends = scale([self.low[index], self.high[index]])
                marks += interval(frame.lying, float(middle), ends, "ink", min(4.0, thick / 3), 1.2)
                beyond = max if (reach >= foot) else min
                reach = float(beyond(end for end in [*ends.tolist(), reach] if np.isfinite(end)))
            if self.numbers:
                marks.append(_number(self.numbers[index], float(middle), reach, foot, frame.lying))
        return marks


@dataclass(frozen=True, eq=False)
class Histogram:
    """A bar of each height between two neighbouring `edges`, one more than there are heights."""

    edges: Values = field(repr=False)
    heights: Values = field(repr=False)
    name: str = ""
    colour: str | None = None
    opacity: float = 1.0
    kind = "block"

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.heights) + 1:
            raise ValueError(f"{len(self.heights)} bars have {len(self.heights) + 1} edges, not {len(self.edges)}.")

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.edges, float), with_foot(self.heights)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        xs, ys = frame.xs(self.edges), frame.ys(self.heights)
        foot = frame.bottom if frame.up.log else frame.y(0.0)
        marks: list[Mark] = []
        for left, right, y in zip(xs[:-1], xs[1:], ys, strict=True):
            if np.isfinite(left + right + y) and abs(foot - y) > 0:
                space = 1.0 if right - left > 3 else 0.0
                box = (float(left) + space / 2, min(float(y), foot), float(right - left) - space, abs(foot - float(y)))
                marks.append(Rect(*box, fill=colour, opacity=self.opacity))
        return marks


@dataclass(frozen=True, eq=False)
class Rug:
    """A short stroke below the panel at each value of the axis across."""

    values: Values = field(repr=False)
    name: str = ""
    colour: str | None = None
    kind = "line"

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.values, float), np.zeros(0)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        xs = [float(x) for x in frame.xs(self.values) if np.isfinite(x)]
        return [Line(x, frame.bottom + 2, x, frame.bottom + RUG, colour, 1.5) for x in xs]


def with_foot(values: Values) -> np.ndarray:
    """The values with what their bars stand on: 0, or on a logarithmic axis a little below the lowest."""
    heights = np.asarray(values, float)
    lowest = np.min(heights[heights > 0], initial=np.inf)
    return np.concatenate([[0.0, lowest / 2], heights])


def _number(text: str, middle: float, end: float, foot: float, lying: bool) -> Text:
    """A number beyond its bar's end."""
    if lying:
        beyond = end >= foot
        return Text(end + (6 if beyond else -6), middle + TYPE * 0.35, text, TYPE,
                    anchor="start" if beyond else "end", colour="muted", mono=True)  # fmt: skip
    y = end - 5 if end <= foot else end + TYPE + 2
    return Text(middle, y, text, TYPE, anchor="middle", colour="muted", mono=True)
