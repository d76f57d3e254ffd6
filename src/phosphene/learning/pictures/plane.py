"""Images at the places of their codes: a plane with thumbnails, the ways that shifts move codes, and a cylinder."""

from __future__ import annotations

import colorsys

import numpy as np
from torch import Tensor

from ...picture import Circle, Drawing, Image, Mark, Polyline, Rect
from ...picture.chart.palette import CLASSES, GREY
from .tiles import pixels

SIDE, INSET = 520.0, 26.0  # of the plane, and the codes' distance from its edge
TILE = 30.0  # pixels of a thumbnail's longer side
DOT = 2.2


def plane(codes: np.ndarray, x: Tensor, colours: list[str], side: float = SIDE, tile: float = TILE) -> Drawing:
    """Images (N, C, H, W) at their codes (N, 2), each framed in its colour; where two would overlap, one is a dot."""
    points = placed(codes, codes, side)
    return Drawing(side, side, (_paper(side), *_tiles(points, x, colours, tile)))


def ways(codes: np.ndarray, moved: np.ndarray, x: Tensor, colours: list[str], count: int = 14) -> Drawing:
    """The ways (N, shifts, 2) of codes when images are shifted, for a few images that lie apart, over all codes (N, 2).

    The thumbnail stands at the image itself.
    """
    everywhere = np.concatenate([codes, moved[spread(codes, count)].reshape(-1, 2)])
    points = placed(codes, everywhere, SIDE)
    marks: list[Mark] = [_paper(SIDE)]
    marks += [Circle(px, py, DOT, colour, 0.35) for (px, py), colour in zip(points.tolist(), colours, strict=True)]
    chosen = spread(codes, count)
    for place in chosen:
        line = [(float(px), float(py)) for px, py in placed(moved[place], everywhere, SIDE)]
        marks.append(Polyline(tuple(line), colours[place], 2.0))
        marks += [Circle(px, py, 3.0, colours[place]) for px, py in line]
    for place in chosen:
        marks += _tile(points[place], pixels(x[place : place + 1])[0], colours[place], TILE * 0.8)
    return Drawing(SIDE, SIDE, tuple(marks))


def spread(points: np.ndarray, count: int) -> list[int]:
    """The places of a few points that lie far from each other, the first of all among them."""
    chosen = [0]
    distances = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def placed(points: np.ndarray, among: np.ndarray, side: float) -> np.ndarray:
    """Points (N, 2) in pixels of a square, y upwards, with one scale for both axes so that all of `among` fit."""
    low, high = among.min(0), among.max(0)
    scale = (side - 2 * INSET) / max(float((high - low).max()), 1e-9)
    return (points - (low + high) / 2) * scale * [1, -1] + side / 2


def class_colours(labels: Tensor | None, count: int) -> list[str]:
    """A colour for each example by its class; grey where there are none."""
    return [GREY] * count if labels is None else [CLASSES[int(label) % len(CLASSES)] for label in labels]


def hues(turns: np.ndarray) -> list[str]:
    """Colours of a circle, of places on it from 0 to 1."""
    rows = [colorsys.hls_to_rgb(float(turn) % 1, 0.5, 0.75) for turn in turns]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in row) for row in rows]


def shades(shares: np.ndarray) -> list[str]:
    """From blue at 0 to orange at 1."""
    low, high = np.array([40, 70, 200]), np.array([240, 140, 20])
    return ["#" + "".join(f"{round(part):02x}" for part in low + float(share) * (high - low)) for share in shares]


def _paper(side: float) -> Mark:
    return Rect(0, 0, side, side, fill="panel")


def _tiles(points: np.ndarray, x: Tensor, colours: list[str], tile: float) -> list[Mark]:
    """Thumbnails as long as they don't overlap those before; dots for the rest, below them."""
    chosen: list[int] = []
    for place, point in enumerate(points):
        if all(np.abs(points[other] - point).max() > tile * 1.04 for other in chosen):
            chosen.append(place)
    dots: list[Mark] = [
        Circle(px, py, DOT, colour, 0.8) for (px, py), colour in zip(points.tolist(), colours, strict=True)
    ]
    images = pixels(x[chosen])
    tiles = [_tile(points[place], images[at], colours[place], tile) for at, place in enumerate(chosen)]
    return [*dots, *(mark for marks in tiles for mark in marks)]


def _tile(point: np.ndarray, image: np.ndarray, colour: str, tile: float) -> list[Mark]:
    height, width = image.shape[:2]
    wide, high = (tile * length / max(height, width) for length in (width, height))
    left, top = float(point[0]) - wide / 2, float(point[1]) - high / 2
    return [
        Image(image, left, top, wide, high, crisp=False),
        Rect(left, top, wide, high, stroke=colour, stroke_width=1.6),
    ]
