"""Names of series: at the lines' ends where there is room, else in rows above the panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..drawings.drawing import Circle, Line, Mark, Rect, Text
from ..drawings.typesetting import fit, text_width
from .curves import dashes

TYPE, LEADING = 12.0, 16.0
KEY, SPACE = 16.0, 6.0  # a series' key, and the space behind it
BETWEEN = 20.0  # from one entry of a row to the next


class Entry(NamedTuple):
    """What a legend says of a series; `kind` is line, dashed, block or dot."""

    name: str
    colour: str
    kind: str


def key(entry: Entry, x: float, y: float) -> list[Mark]:
    """The sign of a series, KEY wide, its middle at the height y."""
    match entry.kind:
        case "line":
            return [Line(x, y, x + KEY, y, entry.colour, 2.5)]
        case "dashed":
            return dashes(((x, y), (x + KEY, y)), entry.colour, 2.0)
        case "block":
            return [Rect(x + 3, y - 5, 10, 10, fill=entry.colour, radius=2)]
        case _:
            return [Circle(x + KEY / 2, y, 4.5, entry.colour)]


def entry_width(entry: Entry) -> float:
    return KEY + SPACE + text_width(entry.name, TYPE)


def rows(entries: Sequence[Entry], left: float, top: float, width: float) -> tuple[list[Mark], float]:
    """Entries side by side from (left, top), in as many rows as they need, and the rows' height."""
    marks: list[Mark] = []
    x, y = left, top
    for entry in entries:
        if x > left and x + entry_width(entry) > left + width:
            x, y = left, y + LEADING
        marks += key(entry, x, y + LEADING / 2)
        name = fit(entry.name, TYPE, left + width - x - KEY - SPACE)
        marks.append(Text(x + KEY + SPACE, y + LEADING / 2 + 4, name, TYPE))
        x += entry_width(entry) + BETWEEN
    return marks, (y + LEADING - top) if entries else 0.0


def at_ends(
    entries: Sequence[Entry], heights: Sequence[float], left: float, width: float, top: float, bottom: float
) -> list[Mark]:
    """Each entry beside the height at which its line ends, moved so that none lies on another."""
    marks: list[Mark] = []
    for entry, y in zip(entries, apart(heights, [LEADING] * len(entries), top, bottom), strict=True):
        marks += key(entry, left, y)
        marks.append(Text(left + KEY + SPACE, y + 4, fit(entry.name, TYPE, width - KEY - SPACE), TYPE))
    return marks


def apart(centres: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Middles near those wanted, so that pieces of these sizes don't meet and lie between two ends.

    Pieces that would meet are set side by side about the mean of their wanted middles. Where there is too little room
    in all, they begin at `low` and go on beyond `high`.
    """
    order = sorted(range(len(centres)), key=lambda index: (centres[index], index))
    groups: list[tuple[float, float, list[int]]] = []  # start, size, members
    for index in order:
        size = sizes[index]
        group = (_within(centres[index] - size / 2, size, low, high), size, [index])
        while groups and groups[-1][0] + groups[-1][1] > group[0]:
            before = groups.pop()
            members, size = [*before[2], *group[2]], before[1] + group[1]
            offset, starts = 0.0, []
            for member in members:
                starts.append(centres[member] - sizes[member] / 2 - offset)
                offset += sizes[member]
            group = (_within(sum(starts) / len(starts), size, low, high), size, members)
        groups.append(group)
    middles = [0.0] * len(centres)
    for start, _, members in groups:
        for member in members:
            middles[member] = start + sizes[member] / 2
            start += sizes[member]
    return middles


def _within(start: float, size: float, low: float, high: float) -> float:
    return max(low, min(start, high - size))
