"""Receptive fields: which pixels of the network's input can move a unit.

Along each axis a map is described twice. `Axis` is the algebra of regular layers: unit i sees `size` pixels from
`start + i * stride` on, where pixels may lie outside the image (padding). A layer with kernel k, stride s, padding p
and dilation d turns (size, stride, start) into (size + d (k - 1) stride, s stride, start - p stride); joining two
branches of one stride takes the hull. Beside it `Span` keeps for every unit the exact first and last pixel inside the
image, by gathering over the taps of each operation, so that pooling to irregular bins, upsampling, slicing and padding
that repeats pixels are exact too, where no (size, stride, start) exists.

The answer for a layer is a `Field` when its windows are regular, `WHOLE` when an operation joined all places and every
unit sees the whole image, and `UNKNOWN` otherwise; they are never mixed.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NOWHERE = np.iinfo(np.int64).max  # the first pixel of a unit that sees none; its last is -1


@dataclass(frozen=True)
class Axis:
    """Unit i sees the pixels start + i * stride ... start + i * stride + size - 1 of the input."""

    size: int
    stride: int
    start: int


@dataclass(frozen=True)
class Field:
    """The window of a layer's units, per axis, in pixels of the network's input."""

    height: Axis
    width: Axis

    def __str__(self) -> str:
        h, w = self.height, self.width
        return f"{h.size} × {w.size} px, every {h.stride} × {w.stride} px"


class Extent(enum.Enum):
    """A receptive field that is no regular window."""

    WHOLE = "the whole image"
    UNKNOWN = "not known"

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"phosphene.{self.name}"


WHOLE, UNKNOWN = Extent.WHOLE, Extent.UNKNOWN


@dataclass(frozen=True, eq=False)
class Span:
    """The pixels that each unit along one axis of a map sees.

    `first` and `last` (n,) are inclusive and inside the image; `axis` is the same as algebra, or None if irregular.
    """

    axis: Axis | None
    first: np.ndarray
    last: np.ndarray

    @classmethod
    def image(cls, pixels: int) -> Span:
        every = np.arange(pixels, dtype=np.int64)
        return cls(Axis(1, 1, 0), every, every.copy())

    def __len__(self) -> int:
        return len(self.first)

    def gather(self, taps: np.ndarray, axis: Axis | None = None) -> Span:
        """Units that see what the units `taps` (n, k) see together; taps outside the map see nothing."""
        if len(self) == 1 and self.axis is None:  # every place sees the same
            return self
        inside = (taps >= 0) & (taps < len(self))
        at = taps.clip(0, len(self) - 1)
        first = np.where(inside, self.first[at], NOWHERE).min(1, initial=NOWHERE)
        return Span(axis, first, np.where(inside, self.last[at], -1).max(1, initial=-1))

    def slide(self, out: int, kernel: int, stride: int = 1, before: int = 0, dilation: int = 1) -> Span:
        """`out` units of a sliding operation whose first tap lies `before` places ahead of the map."""
        taps = np.arange(out)[:, None] * stride - before + dilation * np.arange(kernel)
        a = self.axis
        axis = a and Axis(a.size + dilation * (kernel - 1) * a.stride, a.stride * stride, a.start - before * a.stride)
        return self.gather(taps, axis)

    def take(self, index: np.ndarray) -> Span:
        """The units at `index` (n,), in that order; regular if they follow each other evenly."""
        steps, a = np.diff(index), self.axis
        even = a is not None and (len(steps) == 0 or bool((steps == steps[0]).all() and steps[0] > 0))
        step = int(steps[0]) if len(steps) else 1
        axis = Axis(a.size, a.stride * step, a.start + int(index[0]) * a.stride) if a and even and len(index) else None
        return self.gather(index[:, None], axis)

    def hull(self) -> Span:
        """One unit that sees what all see."""
        return self.gather(np.arange(len(self))[None, :])

    def union(self, other: Span) -> Span:
        """Units that see what both maps' units see; a map of one unit is the same everywhere. ValueError otherwise."""
        if len(self) != len(other) and 1 not in (len(self), len(other)):
            raise ValueError(f"maps of {len(self)} and {len(other)} units are not joined place by place")
        axis = None
        if self.axis and other.axis and len(self) == len(other) and self.axis.stride == other.axis.stride:
            start = min(self.axis.start, other.axis.start)
            end = max(self.axis.start + self.axis.size, other.axis.start + other.axis.size)
            axis = Axis(end - start, self.axis.stride, start)
        return Span(axis, np.minimum(self.first, other.first), np.maximum(self.last, other.last))

    def regular(self) -> Axis | None:
        """The window as algebra: also for units that all see the same pixels, with stride 0."""
        if (
            self.axis is None
            and len(self)
            and (self.first == self.first[0]).all()
            and (self.last == self.last[0]).all()
        ):
            return Axis(
                max(0, int(self.last[0]) - int(self.first[0]) + 1), 0, int(min(self.first[0], self.last[0] + 1))
            )
        return self.axis


Window = tuple[Span, Span]  # rows, columns
_NONE = Span(None, np.array([NOWHERE]), np.array([-1]))
NOTHING: Window = (_NONE, _NONE)  # of units that hold nothing of the image: zeros, learned tokens


def join(windows: Sequence[Window | None]) -> Window | None:
    """What units see that depend on units of all these maps; None (not known) if one is not known or they don't fit."""
    known = [window for window in windows if window is not None]
    if len(known) < len(windows) or not known:
        return None
    seeing = [window for window in known if not blank(window)]
    try:
        rows, columns = seeing[0] if seeing else NOTHING
        for other_rows, other_columns in seeing[1:]:
            if rows is not other_rows or columns is not other_columns:
                rows, columns = rows.union(other_rows), columns.union(other_columns)
    except ValueError:
        return None
    return rows, columns


def blank(window: Window | None) -> bool:
    """Whether it is that of units that hold nothing of the image."""
    return window is not None and all(len(span) == 1 and span.last[0] < 0 for span in window)


def hull(window: Window | None) -> Window | None:
    """What all units see together."""
    return window and (window[0].hull(), window[1].hull())


def alike(one: Window | None, other: Window | None) -> bool:
    """Whether two windows are the same for every unit."""
    if one is None or other is None:
        return one is other
    return one is other or all(
        a.axis == b.axis and np.array_equal(a.first, b.first) and np.array_equal(a.last, b.last)
        for a, b in zip(one, other, strict=True)
    )


def field_of(window: Window | None, height: int, width: int) -> Field | Extent:
    """The answer for a layer whose units see `window` of an input of height x width pixels."""
    if window is None:
        return UNKNOWN
    rows, columns = (span.regular() for span in window)
    if rows is None or columns is None:
        return UNKNOWN
    joined = window[0].axis is None and window[1].axis is None
    if joined and rows == Axis(height, 0, 0) and columns == Axis(width, 0, 0):
        return WHOLE
    return Field(rows, columns)
