"""Images as points on a plane, each in its class's colour and shape, with the classes' names and a legend.

Points get smaller and more transparent as they get more, and are drawn in an order drawn at random, so that no class
lies over another. Both axes have one scale, and no ticks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..picture import Drawing, DrawingBlock, Mark, Rect, Row, Sheet
from ..picture.chart import dot_size
from ..picture.chart.classes import PLAIN, STYLES, Style, legend, often, point, styles
from ..picture.chart.lettering import groups, lettered
from ..picture.chart.plane import on_plane
from .projection.stretches import shortened

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
    classes: int = STYLES,
    names: bool = True,
    shorten: bool = False,
    seed: int = 0,
) -> Sheet:
    """A sheet with the points (N, 2), drawn by label; `shorten` draws wide empty stretches shorter, and says so.

    ValueError for more classes than can be told apart.
    """
    if not 1 <= classes <= STYLES:
        raise ValueError(f"1 to {STYLES} classes have colours, not {classes}")
    counts = Counter(label for label in labels if label is not None)
    style_of = styles(counts, classes)
    rows = np.random.default_rng(seed).permutation(len(positions))[:MOST]
    if len(rows) < len(positions):
        caption += f" {len(rows):,} of the {len(positions):,} images are drawn, chosen at random."
    if shorten:
        positions, changed = shortened(positions)
        caption += SHORTENED if changed else ""
    points, width, height = on_plane(positions)
    marks: list[Mark] = [Rect(0, 0, width, height, fill="panel", radius=6)]
    radius, opacity = dot_size(len(rows))
    plain = PLAIN if counts else Style("accent")
    for row in sorted(rows, key=lambda row: labels[row] in style_of):  # grey ones below
        x, y = points[row].tolist()
        marks.append(point(style_of.get(labels[row] or "", plain), x, y, radius, opacity))
    if names and counts:
        coloured = [label for label in often(counts) if label in style_of]
        grey = [label for label in often(counts) if label not in style_of][: max(0, NAMES - len(coloured))]
        lettering = lettered(points, groups(points, labels, [*coloured, *grey]), style_of, (width, height), radius)
        marks += lettering.marks
        if grey:
            named = sum(name not in style_of for name in lettering.names)
            caption += f" Of the {len(counts) - len(style_of):,} classes in grey {named:,} have their names on the map."
    blocks = [DrawingBlock(Drawing(width, height, tuple(marks)))]
    if counts:
        blocks.append(DrawingBlock(legend(counts, style_of, sum(label is None for label in labels), height)))
    inner = width + (blocks[1].drawing.width + 28 if counts else 0)
    width = max(640.0, inner + 96)
    return Sheet(title, subtitle, [Row(blocks, gap=28)], caption=caption, description=description, width=width)
