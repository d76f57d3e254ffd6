"""Dots with intervals for categories, and points of a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..drawings.drawing import Circle, Line, Mark, Text
from ..drawings.typesetting import text_width
from .axis import TYPE
from .frame import Frame, Values, gap

DOT, CAP = 4.5, 4.0  # a dot's radius and half of an interval's cap, at most
BESIDE = 12.0  # pixels from the panel to the numbers of lying dots
NEXT = 14.0  # pixels between the dots of two series at one category, at most


@dataclass(frozen=True, eq=False)
class Dots:
    """A dot at each value with a line from `low` to `high`, for the categories 0, 1, 2, … or at the numbers `at`.

    They lie where the axis up has names. Several `Dots` of one chart stand beside each other. `numbers` are texts in a
    column at the right of lying ones, above upright ones; where a lying one has no value, `missing` stands in its
    place. `numbers`, `missing` and `colours` are one for each dot.
    """

    values: Values = field(repr=False)
    low: Values | None = field(default=None, repr=False)
    high: Values | None = field(default=None, repr=False)
    name: str = ""
    at: Values | None = None
    numbers: Sequence[str] = ()
    missing: Sequence[str] = ()
    colour: str | None = None
    colours: Sequence[str] = ()
    kind = "dot"

    def __post_init__(self) -> None:
        same_length(self.values, low=self.low, high=self.high, at=self.at)
        same_length(self.values, numbers=self.numbers or None, missing=self.missing or None,
                    colours=self.colours or None)  # fmt: skip

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        sizes = np.concatenate(
            [np.asarray(each, float) for each in (self.values, self.low, self.high) if each is not None]
        )
        return extents(self.at, len(self.values), sizes, lying)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        at = np.arange(len(self.values)) if self.at is None else np.asarray(self.at, float)
        free = self.at is not None and slot[1] == 1  # at numbers, and no other series beside it
        step = NEXT if free else min(NEXT, 0.8 * frame.slot(at) / slot[1])
        middles = (frame.ys(at) if frame.lying else frame.xs(at)) + step * (slot[0] - (slot[1] - 1) / 2)
        scale = frame.xs if frame.lying else frame.ys
        radius = min(DOT, max(2.0, step / 2.2))
        marks: list[Mark] = []
        for index, (middle, end) in enumerate(zip(middles.tolist(), scale(self.values).tolist(), strict=True)):
            ink = self.colours[index] if self.colours else colour
            if not np.isfinite(middle + end):
                if self.missing and np.isfinite(middle) and frame.lying:
                    marks.append(Text(frame.left + 6, middle + TYPE * 0.35, self.missing[index], TYPE, colour="muted"))
                continue
            reach = end - radius
            if self.low is not None and self.high is not None:
                ends = scale([self.low[index], self.high[index]])
                marks += interval(frame.lying, middle, ends, ink, min(CAP, radius), 1.8)
                reach = float(np.nanmin([*ends, reach]))
            marks.append(Circle(*((end, middle) if frame.lying else (middle, end)), radius, ink))
            if self.numbers and frame.lying:
                edge = frame.right + BESIDE + widest(self.numbers)
                marks.append(Text(edge, middle + TYPE * 0.35, self.numbers[index], TYPE, anchor="end", mono=True))
            elif self.numbers:
                marks.append(Text(middle, reach - 5, self.numbers[index], TYPE, anchor="middle", mono=True))
        return marks


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a plane, each a disc; more and smaller ones are more transparent. NaN and infinity have none."""

    xs: Values = field(repr=False)
    ys: Values = field(repr=False)
    name: str = ""
    colour: str | None = None
    kind = "dot"

    def __post_init__(self) -> None:
        if len(self.xs) != len(self.ys):
            raise ValueError(f"there are {len(self.xs)} xs and {len(self.ys)} ys; points have one of each.")

    def extent(self, lying: bool) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.xs, float), np.asarray(self.ys, float)

    def marks(self, frame: Frame, colour: str, slot: tuple[int, int]) -> list[Mark]:
        radius, opacity = dot_size(len(self.xs))
        pairs = zip(frame.xs(self.xs).tolist(), frame.ys(self.ys).tolist(), strict=True)
        return [Circle(x, y, radius, colour, opacity) for x, y in pairs if np.isfinite(x + y)]


def dot_size(count: int) -> tuple[float, float]:
    """The radius in pixels and the opacity of each of so many points."""
    radius = min(5.0, max(1.3, 46 / max(count, 1) ** 0.37))
    return radius, min(0.9, max(0.65, 1.25 - 0.15 * math.log10(max(count, 1))))


def interval(lying: bool, middle: float, ends: np.ndarray, colour: str, cap: float, width: float) -> list[Mark]:
    """A line between two ends with a cap on each; nothing where an end is not finite."""
    low, high = sorted(ends.tolist())
    if not np.isfinite(low + high):
        return []
    before, behind = middle - cap, middle + cap
    if lying:
        lines = [(low, middle, high, middle), (low, before, low, behind), (high, before, high, behind)]
    else:
        lines = [(middle, low, middle, high), (before, low, behind, low), (before, high, behind, high)]
    return [Line(*line, colour, width) for line in lines]


def extents(at: Values | None, count: int, sizes: np.ndarray, lying: bool) -> tuple[np.ndarray, np.ndarray]:
    """The extent of what stands at positions, with half a gap on either side, and is as long as `sizes`."""
    positions = np.arange(count, dtype=float) if at is None else np.asarray(at, float)
    half = gap(positions) / 2
    room = np.concatenate([positions - half, positions + half])
    return (sizes, room) if lying else (room, sizes)


def same_length(values: Values, **others: Values | Sequence[str] | None) -> None:
    """ValueError where one of the others is not as long as the values, or an interval has one end only."""
    for name, other in others.items():
        if other is not None and len(other) != len(values):
            raise ValueError(f"{name} has {len(other)} entries for {len(values)} values; give one for each.")
    if (others.get("low") is None) != (others.get("high") is None):
        raise ValueError("an interval has two ends; give low and high.")


def widest(texts: Sequence[str]) -> float:
    return max((text_width(text, TYPE) for text in texts), default=0.0)
