"""Many points on a plane, each in its class's colour, with the classes' names and a legend: a drawing for both themes.

Points get smaller and more transparent as they get more, and are drawn in an order drawn at random, so that no class
lies over another. Both axes have one scale, and no ticks. Where names stand is told in lettering.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..picture import Circle, Drawing, DrawingBlock, Mark, Rect, Row, Sheet, Text, stacked, text_width
from .lettering import groups, lettered
from .projection.stretches import shortened

# Twelve colours of middle lightness, for light and dark paper: any two are at least 0.14 apart in OKLab, and 0.09 as
# people without L or M cones see them (Machado, Oliveira and Fernandes, 2009). Each is far from those before it.
COLOURS = (
    "#5264f5", "#eeb200", "#00d1ff", "#a35800", "#75a679", "#9b72a2",
    "#00df84", "#ee7000", "#00805f", "#8799ff", "#e88dbe", "#9d31b7",
)  # fmt: skip
GREY = "#8a8791"
SIDE, INSET = 720.0, 22.0  # the plot's longer side in pixels, and the points' distance from its edge
NAMES = 60  # names that are written at most
SHORTENED = " Wide empty stretches are drawn shorter."
MOST = 20_000  # points that are drawn; of more, so many chosen at random


def scatter(
    positions: np.ndarray,
    labels: Sequence[str | None],
    *,
    title: str,
    subtitle: str = "",
    caption: str = "",
    description: str = "",
    classes: int = len(COLOURS),
    names: bool = True,
    shorten: bool = False,
    seed: int = 0,
) -> Sheet:
    """A sheet with the points (N, 2), coloured by label; `shorten` draws wide empty stretches shorter, and says so.

    ValueError for more classes than there are colours.
    """
    if not 1 <= classes <= len(COLOURS):
        raise ValueError(f"1 to {len(COLOURS)} classes have colours, not {classes}")
    counts = Counter(label for label in labels if label is not None)
    shown = coloured(counts, classes)
    rows = np.random.default_rng(seed).permutation(len(positions))[:MOST]
    if len(rows) < len(positions):
        caption += f" {len(rows):,} of the {len(positions):,} images are drawn, chosen at random."
    if shorten:
        positions, changed = shortened(positions)
        caption += SHORTENED if changed else ""
    places, width, height = laid(positions)
    marks: list[Mark] = [Rect(0, 0, width, height, fill="panel", radius=6)]
    radius, opacity = sized(len(rows))
    plain = "accent" if not counts else GREY
    last = sorted(rows, key=lambda row: labels[row] in shown)  # grey ones below
    for row in last:
        x, y = places[row]
        marks.append(Circle(float(x), float(y), radius, shown.get(labels[row], plain), opacity))
    if names and counts:
        wanted = [label for label in often(counts) if label in shown]
        others = [label for label in often(counts) if label not in shown][: NAMES - len(wanted)]
        found = lettered(places, groups(places, labels, [*wanted, *others]), shown, (width, height), radius)
        marks += found.marks
        if others:
            told = sum(name not in shown for name in found.names)
            caption += f" Of the {len(counts) - len(shown):,} classes in grey {told:,} have their names on the map."
    blocks = [DrawingBlock(Drawing(width, height, tuple(marks)))]
    if counts:
        blocks.append(DrawingBlock(legend(counts, shown, sum(label is None for label in labels), height)))
    inner = width + (blocks[1].drawing.width + 28 if counts else 0)
    width = max(640.0, inner + 96)
    return Sheet(title, subtitle, [Row(blocks, gap=28)], caption=caption, description=description, width=width)


def coloured(counts: Counter[str], most: int) -> dict[str | None, str]:
    """The most frequent classes, in the order of their names, each with its colour; one fewer where some are left."""
    chosen = often(counts) if len(counts) <= most else often(counts)[: max(1, most - 1)]
    shown: dict[str | None, str] = {}
    shown.update(zip(sorted(chosen, key=_natural), COLOURS, strict=False))
    return shown


def often(counts: Counter[str]) -> list[str]:
    """The classes, the most frequent first, and then by name."""
    return sorted(counts, key=lambda label: (-counts[label], _natural(label)))


def laid(positions: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The points in pixels, y downwards, and the plot's width and height; the shape follows theirs within limits."""
    low, high = positions.min(0), positions.max(0)
    reach = np.maximum(high - low, 1e-12 + 0.4 * (high - low).max())  # no flatter than 2 : 5
    scale = (SIDE - 2 * INSET) / reach.max()
    width, height = (round(float(length) * scale + 2 * INSET) for length in reach)
    middle = (low + high) / 2
    places = (positions - middle) * scale * [1, -1] + [width / 2, height / 2]
    return places, float(width), float(height)


def sized(count: int) -> tuple[float, float]:
    """The radius in pixels and the opacity of so many points."""
    radius = min(5.0, max(1.3, 46 / count**0.37))
    return radius, min(0.9, max(0.65, 1.25 - 0.15 * math.log10(max(count, 1))))


def legend(counts: Counter[str], shown: dict[str | None, str], unlabelled: int, height: float) -> Drawing:
    """Each shown class's colour, name and count; then the others and those without a class."""
    rows = [(colour, str(label), counts[str(label)]) for label, colour in shown.items()]
    rest = len(counts) - len(shown)
    if rest:
        other = sum(count for label, count in counts.items() if label not in shown)
        rows.append((GREY, f"{rest:,} other {'class' if rest == 1 else 'classes'}", other))
    if unlabelled:
        rows.append((GREY, "without a class", unlabelled))
    size, step = 14.0, 24.0
    number = max(text_width(f"{count:,}", size, mono=True) for *_, count in rows)
    name = min(220.0, max(text_width(label, size) for _, label, _ in rows))
    width = 22 + name + 16 + number
    marks: list[Mark] = []
    y = 12 - step
    more = 0.0
    for colour, label, count in rows:
        y += step + more
        lines, more = stacked(label, size, 22, y + 5, name)
        marks.append(Circle(6, y, 6, colour))
        marks += lines
        marks.append(Text(width, y + 5, f"{count:,}", size, anchor="end", colour="muted", mono=True))
    return Drawing(math.ceil(width), max(24.0, y + 12 + more), tuple(marks))


def _natural(label: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts 2 before 10."""
    parts = re.findall(r"\d+|\D+", label)
    return tuple((len(part), part) if part.isdigit() else (0, part) for part in parts)
