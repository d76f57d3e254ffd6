"""Squares onto a plane so that none covers another: each at its place, or as near as there is room, or left out.

A square's corner may not lie in the open square of twice its side about another's corner. So of all free places the
nearest lies at the wanted place, or where edges of such squares cut the lines through it or each other: these are all
tried. Who comes first keeps its place; the order is drawn at random, so that all regions keep the same share.
"""

from __future__ import annotations

import numpy as np

LEFT_OUT = -1


def spaced(targets: np.ndarray, side: int, reach: float, bounds: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Corners (N, 2) for squares of a side at the whole-numbered corners (N, 2); (-1, -1) for those that are left out.

    None is further from where it was wanted than `reach`, and all lie within bounds (width, height).
    """
    limit = np.array(bounds) - side
    if (limit < 0).any():
        raise ValueError(f"{bounds[0]} × {bounds[1]} pixels have no room for a tile of {side}")
    targets = np.clip(targets, 0, limit)
    result = np.full_like(targets, LEFT_OUT)
    cells: dict[tuple[int, int], np.ndarray] = {}  # a square of the cell's size holds at most one corner
    around = int(np.ceil((reach + side) / side))
    for row in np.random.default_rng(seed).permutation(len(targets)):
        target = targets[row]
        across, down = (int(c) for c in target // side)
        near = [
            cells[key]
            for y in range(down - around, down + around + 1)
            for x in range(across - around, across + around + 1)
            if (key := (x, y)) in cells
        ]
        best = _nearest_free(target, np.array(near).reshape(-1, 2), side, reach, limit)
        if best is not None:
            result[row] = best
            cells[int(best[0] // side), int(best[1] // side)] = best
    return result


def _nearest_free(
    target: np.ndarray, occupied: np.ndarray, side: int, reach: float, limit: np.ndarray
) -> np.ndarray | None:
    """The free place nearest to the wanted one, within reach; None where there is none."""
    if not (np.abs(occupied - target) < side).all(1).any():
        return target
    if reach <= 0:
        return None
    lines = [np.unique(np.r_[target[axis], occupied[:, axis] - side, occupied[:, axis] + side]) for axis in (0, 1)]
    lines = [
        line[(np.abs(line - target[axis]) <= reach) & (line >= 0) & (line <= limit[axis])]
        for axis, line in enumerate(lines)
    ]
    tried = np.stack(np.meshgrid(*lines), -1).reshape(-1, 2)
    squares = ((tried - target) ** 2).sum(1)
    order = np.lexsort((tried[:, 0], tried[:, 1], squares))
    order = order[squares[order] <= reach**2]
    for start in range(0, len(order), 32):  # most often one of the first is free
        nearest = tried[order[start : start + 32]]
        free = ~(np.abs(nearest[:, None] - occupied[None]) < side).all(2).any(1)
        if free.any():
            return nearest[free.argmax()]
    return None
