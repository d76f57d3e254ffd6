"""Classes of points: which have a colour and a shape of their own, how their points are drawn, and their legend.

The first twelve classes are discs of twelve colours; the next twelve have the same colours and are squares, and so on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from ..drawings.drawing import Circle, Drawing, Mark, Polygon, Rect, Text
from ..drawings.paragraph import stacked
from ..drawings.typesetting import text_width
from .palette import CLASSES, GREY

SHAPES = ("disc", "square", "triangle", "diamond", "wedge")
STYLES = len(CLASSES) * len(SHAPES)  # classes that can be told apart
TYPE, STEP = 14.0, 24.0  # of a legend's rows
LONGEST = 220.0  # pixels of a name in a legend
CORNERS = {  # of a polygon about (0, 0), with the area of a disc of radius 1
    "triangle": ((0.0, -1.55), (1.35, 0.78), (-1.35, 0.78)),
    "wedge": ((0.0, 1.55), (1.35, -0.78), (-1.35, -0.78)),
    "diamond": ((0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)),
}


class Style(NamedTuple):
    """How the points of a class are drawn."""

    colour: str
    shape: str = "disc"


PLAIN = Style(GREY)  # of points without a class of their own


def styles(counts: Counter[str], most: int) -> dict[str, Style]:
    """The most frequent classes, in the order of their names, each with its style; one fewer where some are left."""
    classes = often(counts) if len(counts) <= most else often(counts)[: max(1, most - 1)]
    every = [Style(colour, shape) for shape in SHAPES for colour in CLASSES]
    return dict(zip(sorted(classes, key=natural), every, strict=False))


def often(counts: Counter[str]) -> list[str]:
    """The classes, the most frequent first, and then by name."""
    return sorted(counts, key=lambda label: (-counts[label], natural(label)))


def natural(label: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts 2 before 10."""
    parts = re.findall(r"\d+|\D+", label)
    return tuple((len(part), part) if part.isdigit() else (0, part) for part in parts)


def point(style: Style, x: float, y: float, radius: float, opacity: float = 1.0) -> Mark:
    """One point; each shape has the area of a disc of the radius."""
    if style.shape == "disc":
        return Circle(x, y, radius, style.colour, opacity)
    if style.shape == "square":
        side = radius * math.sqrt(math.pi)
        return Rect(x - side / 2, y - side / 2, side, side, fill=style.colour, opacity=opacity)
    corners = CORNERS[style.shape]
    return Polygon(tuple((x + radius * right, y + radius * down) for right, down in corners), style.colour, opacity)


def legend(counts: Counter[str], styles: Mapping[str, Style], unlabelled: int, height: float) -> Drawing:
    """Each class's style, name and count, then the others and those without a class; in columns up to a height."""
    rows = [(style, label, counts[label]) for label, style in styles.items()]
    rest = len(counts) - len(styles)
    if rest:
        other = sum(count for label, count in counts.items() if label not in styles)
        rows.append((PLAIN, f"{rest:,} other {'class' if rest == 1 else 'classes'}", other))
    if unlabelled:
        rows.append((PLAIN, "without a class", unlabelled))
    number = max(text_width(f"{count:,}", TYPE) for *_, count in rows)
    name = min(LONGEST, max(text_width(label, TYPE) for _, label, _ in rows))
    width = 22 + name + 16 + number
    marks: list[Mark] = []
    left, y, deepest = 0.0, 12.0, 12.0
    for style, label, count in rows:
        lines, more = stacked(label, TYPE, left + 22, y + 5, name)
        if y > 12 and y + more + 12 > max(height, 8 * STEP):
            left, y = left + width + 28, 12.0
            lines, more = stacked(label, TYPE, left + 22, y + 5, name)
        marks += [point(style, left + 6, y, 6), *lines]
        marks.append(Text(left + width, y + 5, f"{count:,}", TYPE, anchor="end", colour="muted", mono=True))
        deepest = max(deepest, y + more)
        y += STEP + more
    return Drawing(math.ceil(left + width), max(24.0, deepest + 12), tuple(marks))
