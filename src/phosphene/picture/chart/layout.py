"""How a chart's room is shared: its words around the panel, and the panel with its two scales in what is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..drawings.drawing import Mark, Text
from ..drawings.typesetting import wrap
from .axis import TYPE, fitted
from .bars import RUG, Bars, Rug
from .curves import Curve, Reference
from .dots import BESIDE, Dots, Points, widest
from .frame import Frame
from .labels import LINE, name_room
from .legend import Entry, entry_width, rows

if TYPE_CHECKING:
    from .chart import Chart

EDGE = 8.0  # beside the panel, at least
ROW = 24.0  # of a category on the axis up, where a chart's height is not set
MOST_NAMED = 0.42  # of the width: names beside the panel


@dataclass(frozen=True)
class Layout:
    """Where the panel lies, how high the drawing is, and what stands above the panel."""

    frame: Frame
    height: float
    head: tuple[Mark, ...]
    ended: tuple[Entry, ...]  # the series whose names stand at the lines' ends


def laid_out(chart: Chart) -> Layout:
    """The layout of a chart."""
    entries = _entries(chart)
    ended = entries if _at_ends(chart, entries) else []
    head, top = _head(chart, [] if ended or chart.legend == "none" else entries)
    foot = _foot(chart)
    height = chart.height or top + foot + max(1, len(chart.up.names)) * _row(chart)
    bottom = max(top + 20.0, height - foot)
    xs, ys = extents(chart)
    tight = not any(isinstance(each, (Points, Dots, Bars)) for each in chart.series)
    up = fitted(chart.up, ys, bottom - top, level=False)
    named = min(widest(up.labels), MOST_NAMED * chart.width if chart.up.names else math.inf)
    left = max(chart.margins[0], named + 9 if any(up.labels) else 0.0)
    right = max(chart.margins[1], _right(chart, ended))
    for _ in range(2):  # again, where the outer labels reach further than the panel
        room = max(20.0, chart.width - left - right)
        across = fitted(chart.across, xs, room, level=True, tight=tight)
        if across.labels and not chart.across.names:
            first, last = (widest([across.labels[at]]) / 2 + 1 for at in (0, -1))
            start, stop = across.at([across.ticks[0], across.ticks[-1]]) * room
            left, right = max(left, first - float(start)), max(right, last - room + float(stop))
    frame = Frame(left, top, max(left + 20, chart.width - right), bottom, across, up)
    return Layout(frame, height, tuple(head), tuple(ended))


def _row(chart: Chart) -> float:
    """The height of a category on the axis up: as many lines as its longest name takes."""
    lines = max((len(wrap(name, TYPE, MOST_NAMED * chart.width)) for name in chart.up.names), default=1)
    return max(ROW, lines * (TYPE + 1) + 8)


def extents(chart: Chart) -> tuple[np.ndarray, np.ndarray]:
    """All values that the axis across, and the axis up, have to hold."""
    pairs = [each.extent(bool(chart.up.names)) for each in chart.series]
    xs, ys = ([np.zeros(0), *(pair[at] for pair in pairs)] for at in (0, 1))
    return np.concatenate(xs), np.concatenate(ys)


def _entries(chart: Chart) -> list[Entry]:
    """One for each name of a series."""
    entries: dict[str, Entry] = {}
    for each, colour in zip(chart.series, chart.colours, strict=True):
        if each.name and not isinstance(each, Reference):
            kind = "dashed" if isinstance(each, Curve) and each.dashed else each.kind
            entries.setdefault(each.name, Entry(each.name, colour, kind))
    return list(entries.values())


def _at_ends(chart: Chart, entries: Sequence[Entry]) -> bool:
    """Whether names stand at the lines' ends: all are of lines, short, and few enough for the height."""
    if chart.legend != "auto":
        return chart.legend == "ends"
    named = [each for each in chart.series if each.name and not isinstance(each, Reference)]
    short = all(entry_width(entry) + EDGE <= 0.3 * chart.width for entry in entries)
    few = len(entries) * LINE <= 0.6 * (chart.height or math.inf)
    return short and few and all(isinstance(each, Curve) for each in named)


def _head(chart: Chart, entries: Sequence[Entry]) -> tuple[list[Mark], float]:
    """The title of the axis up and the legend's rows, and the panel's top below them."""
    lines = wrap(chart.up.label, TYPE, chart.width) if chart.up.label else []
    marks: list[Mark] = [Text(0, TYPE + LINE * at, line, TYPE, colour="muted") for at, line in enumerate(lines)]
    y = LINE * len(lines) + (2 if lines else 0)
    keys, high = rows(entries, 0, y, chart.width)
    y += high + (4 if high else 0)
    if any(isinstance(each, Reference) and each.on == "across" and each.name for each in chart.series):
        y += LINE + 2
    if any(isinstance(each, (Bars, Dots)) and each.numbers for each in chart.series) and not chart.up.names:
        y += LINE
    ticks_up = chart.up.ticks != () and not chart.up.names  # half of the topmost number stands above the panel
    return [*marks, *keys], y + (7 if ticks_up else 2)


def _foot(chart: Chart) -> float:
    """The room below the panel: strokes, tick labels, the title of the axis across."""
    high = 2.0
    if chart.across.names:
        room = chart.width - max(chart.margins[0], 40) - max(chart.margins[1], EDGE)
        high += 3 + LINE * max(1, name_room(chart.across.names, room)[1])
    elif chart.across.ticks != ():
        high += 3 + LINE
    if any(isinstance(each, Rug) for each in chart.series):
        high += RUG
    if chart.across.label:
        high += LINE * len(wrap(chart.across.label, TYPE, chart.width)) + 2
    return high


def _right(chart: Chart, ended: Sequence[Entry]) -> float:
    """The room right of the panel: numbers of lying bars and dots, names of lines."""
    room = [2.0]
    if chart.up.names:
        room += [
            widest(each.numbers) + BESIDE + 1
            for each in chart.series
            if isinstance(each, (Bars, Dots)) and each.numbers
        ]
    level = [each for each in chart.series if isinstance(each, Reference) and each.on == "up" and each.name]
    names = [entry_width(entry) for entry in ended] + [entry_width(Entry(each.name, "", "")) for each in level]
    return max(*room, min(max(names), MOST_NAMED * chart.width) + 10) if names else max(room)
