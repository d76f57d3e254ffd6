"""All that is written on a chart: titles, tick labels, names at lines' ends and of lines to compare with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..drawings.drawing import Mark, Text
from ..drawings.typesetting import text_width, wrap
from .axis import TYPE
from .bars import RUG, Rug
from .curves import Curve, Reference
from .dots import widest
from .frame import Frame
from .labels import LINE, level_labels, upright_labels
from .layout import MOST_NAMED, Layout
from .legend import Entry, apart, at_ends

if TYPE_CHECKING:
    from .chart import Chart


def wording(chart: Chart, layout: Layout) -> list[Mark]:
    """The words of a chart over its layout."""
    frame = layout.frame
    rug = RUG if any(isinstance(each, Rug) for each in chart.series) else 0.0
    marks = [*layout.head, *upright_labels(frame, MOST_NAMED * chart.width)]
    marks += level_labels(frame, rug, chart.width, bool(chart.across.names))
    marks += _title_across(chart, layout)
    return [*marks, *_beside(chart, layout), *_above(chart, layout)]


def no_values(frame: Frame) -> Text:
    """What stands on a panel on which nothing is drawn."""
    middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2 + 4
    return Text(*middle, "no values", TYPE, anchor="middle", colour="muted")


def _title_across(chart: Chart, layout: Layout) -> list[Mark]:
    """The title of the axis across, centred below the panel as far as the drawing allows."""
    lines = wrap(chart.across.label, TYPE, chart.width) if chart.across.label else []
    half = widest(lines) / 2
    x = min(max((layout.frame.left + layout.frame.right) / 2, half), chart.width - half)
    first = layout.height - 5 - LINE * (len(lines) - 1)
    return [Text(x, first + LINE * at, line, TYPE, anchor="middle", colour="muted") for at, line in enumerate(lines)]


def _beside(chart: Chart, layout: Layout) -> list[Mark]:
    """Names right of the panel: of lines at their last value, and of level lines to compare with."""
    frame = layout.frame
    heights: dict[Entry, float] = {}
    for entry in layout.ended:
        each = next(each for each in chart.series if each.name == entry.name)
        if isinstance(each, Curve):
            ys = frame.ys(each.ys)[np.isfinite(frame.xs(each.xs))]
            ys = ys[np.isfinite(ys)]
            heights[entry] = float(ys[-1]) if len(ys) else math.nan
    for each, colour in zip(chart.series, chart.colours, strict=True):
        if isinstance(each, Reference) and each.on == "up" and each.name:
            heights[Entry(each.name, colour, "dashed")] = frame.y(each.value)
    entries = [entry for entry, y in heights.items() if np.isfinite(y)]
    left, low = frame.right + 8, frame.top - 7
    high = max(frame.bottom + 7, low + LINE * len(entries))
    return at_ends(entries, [heights[entry] for entry in entries], left, chart.width - left, low, high)


def _above(chart: Chart, layout: Layout) -> list[Mark]:
    """Names above the panel, of upright lines to compare with, moved so that none lies on another."""
    frame = layout.frame
    upright = [each for each in chart.series if isinstance(each, Reference) and each.on == "across" and each.name]
    upright = [each for each in upright if np.isfinite(frame.x(each.value))]
    sizes = [text_width(each.name, TYPE) + 8 for each in upright]
    middles = apart([frame.x(each.value) for each in upright], sizes, -4, chart.width + 4)
    y = frame.top - 6
    return [
        Text(x, y, each.name, TYPE, anchor="middle", colour="muted") for x, each in zip(middles, upright, strict=True)
    ]
