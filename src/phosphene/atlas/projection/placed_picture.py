"""How placed photos are drawn: thumbnails over the map's points in grey, moved apart where they would cover another."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ...picture import Circle, Drawing, DrawingBlock, Image, Line, Mark, Rect, Sheet, Text, text_width, wrap
from ...picture.chart import GREY, dot_size
from ...picture.chart.classes import often
from ...picture.chart.lettering import Box, groups, haloed, lettered
from ...picture.chart.plane import on_plane
from ..scatter import MOST, NAMES, SHORTENED
from ..zoom.thumbnails import square
from .spacing import LEFT_OUT, spaced
from .stretches import shortened

if TYPE_CHECKING:
    from .placed import Placed

DENSITY = 2  # pixels of a thumbnail for each one on the sheet
BELOW, LONGEST = 18.0, 140.0  # for a line of a photo's name, and how wide it is at most
FURTHEST = 4.0  # thumbnails' sides that one is moved at most, so that none covers another


def sheet_of(result: Placed, names: bool, side: int) -> Sheet:
    """The sheet."""
    whole = result.embedding
    count = len(whole.positions)
    positions, changed = np.concatenate([whole.positions, result.positions]), False
    if whole.method != "pca":
        positions, changed = shortened(positions)
    points, width, height = on_plane(positions)
    photo_points = points[count:]
    # the map as grey dots, some of them where there are many
    rows = np.random.default_rng(whole.reduction.seed).permutation(count)[:MOST]
    radius, _ = dot_size(len(rows))
    marks: list[Mark] = [Rect(0, 0, width, height, fill="panel", radius=6)]
    marks += [Circle(float(x), float(y), radius, GREY, 0.45) for x, y in points[rows]]
    # the photos beside their points, and the names of classes where both leave room
    below = BELOW + 14 * (max(len(wrap(photo.name, 12.0, LONGEST, "bold")) for photo in result.photos) - 1)
    corners = _corners(photo_points, side, (width, height), below)
    boxes = [(x - 2, y - 2, x + side + 2, y + side + below) for x, y in corners]
    hidden: list[Box] = [(x - radius, y - radius, x + radius, y + radius) for x, y in photo_points]
    counts = Counter(label for label in whole.labels if label is not None)
    if names and counts:
        classes = often(counts)[:NAMES]
        named_groups = groups(points[:count], whole.labels, classes)
        marks += lettered(points[:count], named_groups, {}, (width, height), radius, [*boxes, *hidden]).marks
    # each photo with a line to its point and its name
    for photo, (x, y), (left, top) in zip(result.photos, photo_points, corners, strict=True):
        middle = (left + side / 2, top + side / 2)
        if math.dist(middle, (x, y)) > 1:
            marks += [Line(float(x), float(y), *middle, "accent", 1.5)]
            marks += [Circle(float(x), float(y), radius + 2, "accent")]
        marks.append(Rect(left - 2, top - 2, side + 4, side + 4, fill="accent", radius=3))
        marks.append(Image(square(photo.pil(), side * DENSITY), left, top, side, side, crisp=False))
        for line, words in enumerate(wrap(photo.name, 12.0, LONGEST, "bold")):
            half = text_width(words, 12.0, "bold") / 2
            at = min(max(middle[0], half + 4), width - half - 4)
            marks += haloed(Text(at, top + side + 15 + 14 * line, words, 12.0, "bold", "middle"))
    # title and caption
    many = f"{len(result.photos):,} photos" if len(result.photos) > 1 else result.photos[0].name
    caption = f"{result.words()} The map: {whole.words()} {whole.axes}{SHORTENED if changed else ''}"
    if len(rows) < count:
        caption += f" {len(rows):,} of the {count:,} images are drawn, chosen at random."
    block = DrawingBlock(Drawing(width, height, tuple(marks)))
    subtitle = f"features of {whole.layer} of {whole.network}"
    title = f"Where {many} {'lie' if len(result.photos) > 1 else 'lies'} among {count:,} images"
    description = f"{whole.network}: {result.words()}"
    return Sheet(title, subtitle, [block], caption=caption, description=description, width=max(640.0, width + 96))


def _corners(points: np.ndarray, side: int, size: tuple[float, float], below: float) -> list[tuple[float, float]]:
    """The thumbnails' left and top: beside their points, and none upon another as far as there is room."""
    high = side + below + 6
    stretch = np.array([1.0, side / high])  # names stand below, so that what has to be kept apart is higher than wide
    limit = np.array([size[0] - 8, (size[1] - 8) * side / high])
    targets = np.rint((points - side / 2 - 4) * stretch).astype(np.int64)
    room = (int(limit[0]), int(limit[1]))
    corners = spaced(targets, side + 6, FURTHEST * side, room)
    moved = np.where(corners == LEFT_OUT, np.clip(targets, 0, np.array(room) - side - 6), corners) / stretch + 4
    return [(float(x), float(y)) for x, y in moved]
