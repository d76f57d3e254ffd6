"""Names of groups of points: beside each, where they hide as little as they can, with a halo rather than a box.

A name may stand around its group, further off with a line to it, or in its middle. Of these places that is taken which
covers the fewest points, those of other groups first, and is nearest; no name covers another. The largest groups choose
first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..drawings.drawing import Line, Mark, Text
from ..drawings.typesetting import text_width, wrap
from .classes import Style, point
from .palette import CLASSES

TOGETHER = 0.6  # of all points' spread: a group that is wider has no place to write its name at
FEWEST = 3  # points of a group that has a name
LONGEST = 160.0  # pixels of a name
LARGE, SMALL, LEADING = 14.0, 12.0, 1.15  # type, and of lines
DOT = 13.0  # pixels of a class's point before its name
CELL = 3.0  # pixels: what is covered is counted on a grid
FAR = 13.0  # pixels from which on a line leads from a name to its group
AWAY = (5.0, 12.0, 24.0, 40.0, 62.0)  # how far off a name may stand
SAMPLE = 500  # points of a group among which its middle is looked for

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Group:
    """Where a class's points lie, those apart from the others left out."""

    label: str
    middle: np.ndarray  # (2,): a point of its own
    box: Box
    rows: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Lettering:
    """The marks, and the names that stand there."""

    marks: tuple[Mark, ...] = ()
    names: tuple[str, ...] = ()


def groups(points: np.ndarray, labels: Sequence[str | None], classes: Sequence[str]) -> list[Group]:
    """Of the wanted classes those whose points (N, 2) lie together, in their order."""
    label_of = np.array(labels, dtype=object)
    apart = _spread(points, np.median(points, 0))
    result = []
    for label in classes:
        rows = np.flatnonzero(label_of == label)
        if len(rows) < FEWEST:
            continue
        sample = points[rows[:: -(-len(rows) // SAMPLE)]]
        distances = np.linalg.norm(sample[:, None] - sample[None], axis=2)
        middle = sample[np.median(distances, 1).argmin()]
        spread = _spread(points[rows], middle)
        if spread > TOGETHER * apart:
            continue
        near = points[rows][np.linalg.norm(points[rows] - middle, axis=1) <= 2 * spread + 1e-9]
        low, high = near.min(0), near.max(0)
        result.append(Group(label, middle, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), rows))
    return result


def lettered(
    points: np.ndarray,
    result: Sequence[Group],
    styles: Mapping[str, Style],
    size: tuple[float, float],
    radius: float,
    occupied: Sequence[Box] = (),
) -> Lettering:
    """The groups' names over points of a radius at places (N, 2), on a plot (width, height).

    One that has a style has a point of it before the name, and is larger where few have one.

    None stands upon the boxes that are `occupied`; one for which there is no place is left out.
    """
    every = _coverage(points, size, radius)
    total = _sums(every)
    middles = np.array([group.middle for group in result]).reshape(-1, 2)
    full, names = list(occupied), []
    lines: list[Mark] = []
    marks: list[Mark] = []
    for at, group in enumerate(result):
        style = styles.get(group.label)
        weight: Literal["regular", "bold"] = "bold" if style and len(styles) <= len(CLASSES) else "regular"
        type = LARGE if weight == "bold" else SMALL
        words = wrap(group.label, type, LONGEST, weight)
        widest = max(text_width(line, type, weight) for line in words)
        wide, high = widest + 4 + (DOT if style else 0), type + 3 + LEADING * type * (len(words) - 1)
        other_points = _sums(every & ~_coverage(points[group.rows], size, radius))
        best, least = None, math.inf
        for x, y, away in _around(group.box, wide, high):
            box = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
            outside = box[0] < 3 or box[1] < 3 or box[2] > size[0] - 3 or box[3] > size[1] - 3
            if outside or any(_meet(box, other) for other in full):
                continue
            cost = _share(total, box) + _share(other_points, box) + away / 80
            nearest = np.linalg.norm(middles - [x, y], axis=1).argmin()
            cost += 0.4 * (nearest != at)  # it would be taken for another's name
            if cost < least:
                best, least = box, cost
        if best is None:
            continue
        full.append(best)
        names.append(group.label)
        lines += _lead(best, group.box)
        marks += _written(words, best, style, type, weight)
    return Lettering((*lines, *marks), tuple(names))


def _written(
    words: Sequence[str], box: Box, style: Style | None, type: float, weight: Literal["regular", "bold"]
) -> list[Mark]:
    left, top, right, bottom = box
    baselines = [bottom - 4 - LEADING * type * above for above in reversed(range(len(words)))]
    start, colour = (left + DOT, "ink") if style else (left, "muted")
    lines = [Text((start + right) / 2, y, line, type, weight, "middle", colour)
             for y, line in zip(baselines, words, strict=True)]  # fmt: skip
    marks = [mark for line in lines for mark in haloed(line)]
    if style is None:
        return marks
    x, y = left + 6, (top + bottom) / 2
    return [point(Style("panel", style.shape), x, y, 6.5), point(style, x, y, 4.5), *marks]


def haloed(text: Text, width: float = 1.6) -> list[Mark]:
    """The text with a thin edge of the panel's colour around it."""
    turns = [2 * math.pi * at / 8 for at in range(8)]
    around = [(width * math.cos(turn), width * math.sin(turn)) for turn in turns]
    edge = [
        Text(text.x + right, text.y + down, text.string, text.size, text.weight, text.anchor, "panel", text.mono)
        for right, down in around
    ]
    return [*edge, text]


def _around(box: Box, wide: float, high: float) -> list[tuple[float, float, float]]:
    """Middles of a name about a group's box, each with its distance from it; and the middle of the box itself."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    result = [(x, y, 0.0)]
    for away in AWAY:
        above, below = top - away - high / 2, bottom + away + high / 2
        before, behind = left - away - wide / 2, right + away + wide / 2
        result += [(x + part * wide, level, away) for level in (above, below) for part in (0.0, -0.35, 0.35)]
        result += [(level, y + part * high, away) for level in (behind, before) for part in (0.0, -0.8, 0.8)]
        result += [(column, row, 1.4 * away) for column in (behind, before) for row in (above, below)]
    return result


def _lead(box: Box, group: Box) -> list[Mark]:
    """A line between a name and its group, where they are not beside each other."""
    ends = []
    for low in (0, 1):
        one, other = (box[low], box[low + 2]), (group[low], group[low + 2])
        if one[1] < other[0]:
            ends.append((one[1], other[0]))
        elif other[1] < one[0]:
            ends.append((one[0], other[1]))
        else:
            middle = (max(one[0], other[0]) + min(one[1], other[1])) / 2
            ends.append((middle, middle))
    (x1, x2), (y1, y2) = ends
    return [Line(x1, y1, x2, y2, "muted", 1.0)] if math.hypot(x2 - x1, y2 - y1) > FAR else []


def _coverage(points: np.ndarray, size: tuple[float, float], radius: float) -> np.ndarray:
    """Which cells of the plot have a point in or near them."""
    shape = (math.ceil(size[1] / CELL), math.ceil(size[0] / CELL))
    columns, rows = (points / CELL).astype(int).T
    result = np.zeros(shape, bool)
    reach = math.ceil(radius / CELL)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if math.hypot(down, right) * CELL <= radius + CELL / 2:
                result[np.clip(rows + down, 0, shape[0] - 1), np.clip(columns + right, 0, shape[1] - 1)] = True
    return result


def _sums(cells: np.ndarray) -> np.ndarray:
    """The sums over all cells above and left of each."""
    return np.pad(cells.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _share(sums: np.ndarray, box: Box) -> float:
    """The share of a box's cells that are covered."""
    left, top, right, bottom = (int(edge / CELL) for edge in box)
    right, bottom = min(right + 1, sums.shape[1] - 1), min(bottom + 1, sums.shape[0] - 1)
    count = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return float(count) / max(1, (bottom - top) * (right - left))


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _spread(points: np.ndarray, middle: np.ndarray) -> float:
    """The median distance of the points from their middle."""
    return float(np.median(np.linalg.norm(points - middle, axis=1)))
