"""A chart as a drawing: series over two axes, laid out so that no label is cut and none lies on another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..drawings.drawing import Drawing, Line, Mark, Rect
from .axis import Axis
from .bars import Bars, Histogram, Rug
from .curves import Curve, Reference
from .dots import Dots, Points
from .frame import Frame
from .layout import Layout, laid_out
from .palette import SERIES
from .wording import no_values, wording

PLAIN = Axis()
Series = Curve | Bars | Dots | Points | Histogram | Reference | Rug


@dataclass(frozen=True, eq=False)
class Chart:
    """Series over an axis across and an axis up, in pixels of `width` × `height`; a height of 0 follows the categories.

    Series of one name have one colour; colours not given come from the palette in turn. `legend` puts names at the
    ends of lines or in rows above the panel; 'auto' chooses. `margins` are the least room left and right of the panel,
    so that charts below each other line up.
    """

    series: Sequence[Series]
    across: Axis = PLAIN
    up: Axis = PLAIN
    width: float = 460.0
    height: float = 230.0
    legend: Literal["auto", "ends", "above", "none"] = "auto"
    margins: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        names = self.up.names or self.across.names
        for each in self.series:
            if names and isinstance(each, (Bars, Dots)) and each.at is None and len(each.values) != len(names):
                raise ValueError(f"there are {len(each.values)} values for {len(names)} names; give one for each.")

    def drawing(self) -> Drawing:
        """The chart."""
        marks = self._panel()
        counts = Counter(type(each) for each in self.series)
        before: Counter[type] = Counter()
        empty = True
        for each, colour in zip(self.series, self.colours, strict=True):
            kind = type(each)
            series_marks = each.marks(
                self.frame, colour, (before[kind], counts[kind])
            )  # its place among those of its kind
            marks += series_marks
            empty &= not series_marks or kind is Reference
            before[kind] += 1
        if empty:
            marks.append(no_values(self.frame))
        return Drawing(self.width, self.layout.height, (*marks, *wording(self, self.layout)))

    @cached_property
    def colours(self) -> tuple[str, ...]:
        """The colour of each series."""
        by_name: dict[str, str] = {}
        colours: list[str] = []
        used = 0
        for each in self.series:
            colour = each.colour or (by_name.get(each.name) if each.name else None)
            if colour is None:
                colour = SERIES[used % len(SERIES)]
                used += 1
            if each.name:
                by_name.setdefault(each.name, colour)
            colours.append(colour)
        return tuple(colours)

    @cached_property
    def layout(self) -> Layout:
        return laid_out(self)

    @property
    def frame(self) -> Frame:
        """The panel's place on the drawing, and its scales."""
        return self.layout.frame

    def _panel(self) -> list[Mark]:
        """The panel with its grid: level lines, on a plane upright ones too, and only these where bars or dots lie."""
        frame = self.frame
        marks: list[Mark] = [
            Rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top, fill="panel")
        ]
        plane = any(isinstance(each, Points) for each in self.series)
        if not frame.lying:
            marks += [Line(frame.left, y, frame.right, y) for y in map(frame.y, frame.up.ticks)]
        if not self.across.names and (plane or frame.lying):
            marks += [Line(x, frame.top, x, frame.bottom) for x in map(frame.x, frame.across.ticks)]
        return marks
