"""A HOG descriptor as people draw it: in each cell a stroke along each direction of edge, as bright as it is strong."""

from __future__ import annotations

import math

import numpy as np

from ...picture import Drawing, Line, Mark, Rect

GROUND, STROKE = "#101014", "#ffffff"
FAINT = 0.06  # of the strongest; weaker strokes could not be seen, and are not drawn


def glyphs(energy: np.ndarray, width: float) -> Drawing:
    """The strokes of cells (rows, columns, directions), `width` pixels wide; brightness is energy over the largest.

    Direction k stands for gradients at (k + 1/2) 180 / K degrees; the edge, and its stroke, lie across these.
    """
    rows, columns, kinds = energy.shape
    side = width / columns
    most = float(energy.max()) or 1.0
    marks: list[Mark] = [Rect(0, 0, width, rows * side, fill=GROUND)]
    reach, thick = 0.46 * side, max(0.6, side / 9)
    angles = [math.pi * (k + 0.5) / kinds for k in range(kinds)]
    for row, column, kind in np.argwhere(energy > FAINT * most):
        strength = float(energy[row, column, kind]) / most
        x, y = (column + 0.5) * side, (row + 0.5) * side
        across, down = -math.sin(angles[kind]) * reach, math.cos(angles[kind]) * reach
        marks.append(Line(x - across, y - down, x + across, y + down, STROKE, thick * (0.5 + 0.5 * strength), strength))
    return Drawing(width, rows * side, tuple(marks))


def energies(blocks: np.ndarray) -> np.ndarray:
    """What each cell keeps (rows, columns, K) of blocks (R', C', B, B, K): the mean over the blocks that it is in."""
    high, wide, block, _, kinds = blocks.shape
    total = np.zeros((high + block - 1, wide + block - 1, kinds))
    times = np.zeros((high + block - 1, wide + block - 1, 1))
    for row in range(block):
        for column in range(block):
            total[row : row + high, column : column + wide] += blocks[:, :, row, column]
            times[row : row + high, column : column + wide] += 1
    return total / times
