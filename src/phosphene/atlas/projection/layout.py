"""Where the thumbnails of a mosaic stand: about where the map has them, or each in a cell of a grid.

On the map no thumbnail covers another: where there is no room at its place, it stands as near as there is, within a
few thumbnails' width, or is left out (spacing.py). As much room is made as most of them need. On the grid all are
shown, and the sum of squared shifts from the map is the smallest that there is (snapping.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .snapping import sides, snap
from .spacing import spaced

WIDE = 6_000  # pixels of a mosaic whose tiles have no given size
SMALLEST, LARGEST = 24, 128  # pixels of such tiles
ROOM = 3.0  # a map's area, in tiles, for each image, before it is seen how many have room
FLATTEST = 0.05  # of a map's shorter to its longer side, as far as it is given more room for being flat
MOST = 0.9  # the share of images that should have room
# How much wider the map gets, and how far a thumbnail may be moved, in tiles, one after the other until most have room.
TRIED = ((1.0, 1.0), (1.0, 2.0), (1.25, 2.0), (1.6, 2.0), (1.6, 3.0), (2.0, 3.0), (2.5, 3.0), (3.2, 4.0))
GAP = 0.04  # between tiles, of their side


@dataclass(frozen=True, eq=False)
class Laid:
    """Tiles of one side in pixels, and a picture's size that holds them all."""

    rows: np.ndarray  # (M,) of the positions: those that have a place
    corners: np.ndarray  # (M, 2): their left and top
    tile: int
    width: int
    height: int
    shift: float  # the root of the mean squared shift from the map, in tiles


def on_grid(positions: np.ndarray, tile: int | None, side: int | None) -> Laid:
    """A cell for each position (N, 2). Of `tile` and `side` (of all columns), what is None follows from the other."""
    rows, columns = sides(positions, None, None)
    if side is not None and tile is None:
        tile = max(4, int(side / max(rows, columns) / (1 + GAP)))
    elif side is not None and tile is not None:
        columns = max(1, (side + gap(tile)) // (tile + gap(tile)))
        rows, columns = sides(positions, None, columns)
    tile = tile or fitting(max(rows, columns))
    cells, targets = snap(positions, rows, columns)
    step = tile + gap(tile)
    moved = float(np.sqrt(((cells - targets) ** 2).sum(1).mean()))
    width, height = columns * step - gap(tile), rows * step - gap(tile)
    return Laid(np.arange(len(cells)), cells[:, ::-1] * step, tile, width, height, moved)


def on_map(positions: np.ndarray, tile: int | None, side: int | None, shift: float | None, seed: int) -> Laid:
    """A place for each position (N, 2) that has room no further than `shift` tiles away; `side` is the longer one.

    Where one of the two is None, it grows until most of the positions have room, within limits.
    """
    reach = np.maximum(np.ptp(positions, axis=0), 1e-12)
    flat = max(FLATTEST, float(reach.min() / reach.max()))
    across = max(2.0, math.sqrt(ROOM * len(positions) / flat))
    tries = dict.fromkeys((1.0 if side else wider, further if shift is None else shift) for wider, further in TRIED)
    for wider, further in tries:
        result = _tried(positions, across * wider, tile, side, further, seed)
        if len(result.rows) >= MOST * len(positions):
            break
    return result


def _tried(positions: np.ndarray, across: float, tile: int | None, side: int | None, shift: float, seed: int) -> Laid:
    """On a map of a longer side of `across` tiles, as far as it and the tile are not given in pixels."""
    tile = tile or (max(4, int(side / across)) if side else fitting(across))
    side = side or math.ceil(across * tile)
    if side < tile:
        raise ValueError(f"a mosaic of {side} pixels has no room for thumbnails of {tile}")
    reach = np.maximum(np.ptp(positions, axis=0), 1e-12)
    scale = (side - tile) / reach.max()
    width, height = math.ceil(reach[0] * scale) + tile, math.ceil(reach[1] * scale) + tile
    targets = (positions - positions.min(0)) * scale
    targets[:, 1] = height - tile - targets[:, 1]
    whole = np.rint(targets).astype(np.int64)
    corners = spaced(whole, tile + gap(tile), shift * tile, (width + gap(tile), height + gap(tile)), seed)
    rows = np.flatnonzero(corners[:, 0] >= 0)
    moved = np.sqrt(((corners[rows] - whole[rows]) ** 2).sum(1).mean()) / tile
    return Laid(rows, corners[rows], tile, width, height, float(moved))


def fitting(across: float) -> int:
    """The side of tiles of which so many make a picture of a usual width."""
    return max(SMALLEST, min(LARGEST, int(WIDE / across / (1 + GAP))))


def gap(tile: int) -> int:
    """Pixels between two tiles."""
    return max(1, round(tile * GAP))
