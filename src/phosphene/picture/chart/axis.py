"""An axis: what the caller says of it, and the scale that it becomes over the values of a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ..drawings.typesetting import text_width
from .ticks import LIMIT, log_ends, log_ticks, round_ticks, sound, tick_labels

TYPE = 12.0  # of tick labels
NEAR_ZERO = 0.15  # of the other end: an end that is nearer to 0 moves to it
NEAR_TICK, BEYOND = 0.18, 0.04  # of the span: how far an end moves to a tick at most, and otherwise
FINER = (3, 5, 8, 12, 20)  # about how many ticks are tried where none lay between the ends
APART = 10.0  # pixels between tick labels


@dataclass(frozen=True)
class Axis:
    """The label, scale and ticks of an axis.

    `low` and `high` fix its ends; otherwise they follow the values. Values beyond fixed ends are drawn at the edge.
    `whole` keeps ticks to whole numbers, for steps and counts. `names` makes it an axis of categories 0, 1, 2, …, as an
    axis up from the top. `ticks` replaces the computed ticks; () leaves none. `unit` follows each tick's number.
    """

    label: str = ""
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"
    whole: bool = False
    names: Sequence[str] = ()
    ticks: Sequence[float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"an axis goes from a lower end to a higher one, not from {self.low:g} to {self.high:g}.")
        if self.scale == "log" and any(end is not None and not end > 0 for end in (self.low, self.high)):
            raise ValueError("a logarithmic axis has ends above 0.")


@dataclass(frozen=True)
class Scale:
    """Ends, ticks and their labels; `at` gives a value's share of the way from the first end to the last."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    log: bool = False
    down: bool = False  # the first category is on top

    def at(self, values: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """Shares in [0, 1]; NaN for what is not finite, or not above 0 on a logarithmic scale."""
        numbers = np.asarray(values, float)
        numbers = np.where(np.isfinite(numbers) & ((numbers > 0) | (not self.log)), numbers, np.nan)
        low, high = self.low, self.high
        if self.log:
            numbers, low, high = np.log10(numbers), math.log10(low), math.log10(high)
        span = high / 2 - low / 2
        share = np.clip((numbers / 2 - low / 2) / span, 0.0, 1.0)
        return 1 - share if self.down else share


def fitted(axis: Axis, values: np.ndarray, room: float, *, level: bool, tight: bool = False) -> Scale:
    """The scale of an axis over values, with as many ticks as fit into `room` pixels; `tight` ends at the values."""
    if axis.names:
        count = len(axis.names)
        return Scale(-0.5, count - 0.5, tuple(map(float, range(count))), tuple(axis.names), down=not level)
    log = axis.scale == "log"
    low, high = _ends(axis, values, log)
    fixed_low, fixed_high = (tight or axis.low is not None), (tight or axis.high is not None)
    if log and not tight:
        round_low, round_high = log_ends(low, high)
        low, high = low if fixed_low else round_low, high if fixed_high else round_high
    if axis.ticks is not None:
        ticks = [float(tick) for tick in axis.ticks if low <= tick <= high]
        return Scale(low, high, tuple(ticks), tuple(tick_labels(ticks, axis.unit, log)), log)
    fixed = fixed_low, fixed_high
    each = 40 if level else 24 if log else 34  # pixels that a tick should have
    most = max(2, min(8 if level or log else 6, int(room // each) + 1))
    counts = [*range(most, 1, -1), *range(most + 1, most + 6)]  # more where fewer leave a single tick
    scales = [_ticked(axis, low, high, count, fixed) for count in counts]
    fitting = [scale for scale in scales if scale.ticks and _fit(scale, room, level)]
    several = [scale for scale in fitting if len(scale.ticks) > 1]
    if fitting:
        return (several or fitting)[0]
    return next((scale for many in FINER if (scale := _ticked(axis, low, high, many, fixed)).ticks), scales[-1])


def _ticked(axis: Axis, low: float, high: float, most: int, fixed: tuple[bool, bool]) -> Scale:
    """The scale with about so many ticks, its ends moved out a little where they are not fixed."""
    if axis.scale == "log":
        ticks, first, last = log_ticks(low, high, most), low, high
    else:
        ticks = round_ticks(low, high, most, axis.whole)
        first = low if fixed[0] else _moved(low, high, ticks[0])
        last = high if fixed[1] else _moved(high, low, ticks[-1])
        if sum(first <= tick <= last for tick in ticks) < 2:
            first, last = low if fixed[0] else min(low, ticks[0]), high if fixed[1] else max(high, ticks[-1])
    slack = 1e-9 * (last / 2 - first / 2)
    inside = [tick for tick in ticks if first - slack <= tick <= last + slack]
    labels = tick_labels(inside, axis.unit, axis.scale == "log")
    return Scale(first, last, tuple(inside), tuple(labels), axis.scale == "log")


def _ends(axis: Axis, values: np.ndarray, log: bool) -> tuple[float, float]:
    good = values[np.isfinite(values) & ((values > 0) | (not log))]
    low, high = (float(good.min()), float(good.max())) if len(good) else (math.nan, math.nan)
    if not log and 0 < low <= NEAR_ZERO * high:
        low = 0.0
    if not log and NEAR_ZERO * low <= high < 0:
        high = 0.0
    low, high = low if axis.low is None else axis.low, high if axis.high is None else axis.high
    if not log:
        return sound(low, high)
    low, high = (min(max(end, 1 / LIMIT), LIMIT) for end in (low, high))
    if high > low * (1 + 1e-9):
        return low, high
    return log_ends(low, high)


def _moved(end: float, other: float, tick: float) -> float:
    """An end at the tick beyond it where that is near, else a little beyond itself."""
    span = end / 2 - other / 2
    return tick if abs(tick / 2 - end / 2) <= NEAR_TICK * abs(span) else end + 2 * BEYOND * span


def _fit(scale: Scale, room: float, level: bool) -> bool:
    """Whether the labels of the ticks stand apart."""
    at = scale.at(scale.ticks) * room
    sizes = [text_width(label, TYPE) + APART if level else TYPE + 4 for label in scale.labels]
    gaps = [(one + other) / 2 for one, other in pairwise(sizes)]
    return all(b - a >= least for (a, b), least in zip(pairwise(at.tolist()), gaps, strict=True))
