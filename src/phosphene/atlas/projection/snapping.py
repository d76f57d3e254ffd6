"""Points onto the cells of a grid, one a cell, so that the sum of squared shifts is the smallest that there is.

That is the linear assignment problem, which SciPy solves exactly (D. Crouse, On implementing 2D rectangular assignment
algorithms, 2016), in time that grows with the cube of the points: for 10,000 points on a map, many minutes.
A shift of all costs of one cell, or of one point, changes no assignment's rank. With the costs shifted by the optimal
prices of the cells the solver has next to nothing to do, and prices are smooth over the grid: those of a grid half as
fine, with a quarter of the points, are nearly right. So a coarse grid is solved first, its prices are found from its
solution, and they start the finer one. The answer is the exact one all the same, for 10,000 points within a minute.

Cells that stay empty are given to points of no cost.
"""

from __future__ import annotations

import math

import numpy as np

SMALL = 600  # cells of a grid that is solved at once
MOST = 20_000  # points; their costs take 8 bytes for each pair
ROUNDS = 2_000  # in which prices settle; they need about as many as the longest chain of neighbours


def snap(positions: np.ndarray, rows: int | None = None, columns: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The cell (row, column) of each point (N, 2), x to the right and y upwards, and the points in cells: (N, 2) each.

    The points' bounding box is laid over the middles of the cells, each axis by itself; shifts are measured there, in
    cells. The grid is about as wide for its height as the points are, unless `rows` and `columns` are given. ValueError
    for fewer cells than points, or more points than can be snapped.
    """
    rows, columns = sides(positions, rows, columns)
    if len(positions) > MOST:
        raise ValueError(f"at most {MOST:,} images can be snapped to a grid, not {len(positions):,}")
    low, high = positions.min(0), positions.max(0)
    unit = (positions - low) / np.where(high > low, high - low, 1.0)
    unit = np.where(high > low, unit, 0.5)
    targets = np.stack([(1 - unit[:, 1]) * (rows - 1), unit[:, 0] * (columns - 1)], 1)
    cells = assigned(targets, rows, columns)[0]
    return np.stack(np.divmod(cells, columns), 1), targets


def sides(positions: np.ndarray, rows: int | None, columns: int | None) -> tuple[int, int]:
    """The grid's rows and columns."""
    count = len(positions)
    if rows is None and columns is None:
        wide, high = np.maximum(np.ptp(positions, axis=0), 1e-12)
        columns = max(1, min(count, round(math.sqrt(count * min(2.5, max(0.4, wide / high))))))
    if columns is None:
        assert rows is not None
        columns = math.ceil(count / max(1, rows))
    rows = rows if rows is not None else math.ceil(count / max(1, columns))
    if rows < 1 or columns < 1 or rows * columns < count:
        raise ValueError(f"{rows} × {columns} cells are too few for {count:,} images")
    return rows, columns


def assigned(targets: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell's index (N,) of each point (row, column), and a first guess at the cells' prices (rows, columns)."""
    from scipy.optimize import linear_sum_assignment

    prices = np.zeros(rows * columns)
    if rows * columns > SMALL:
        prices = _coarse(targets, rows, columns)
    costs = _costs(targets, rows, columns)
    costs -= prices
    costs -= costs.min(1, keepdims=True)
    return linear_sum_assignment(costs)[1][: len(targets)], prices


def _costs(targets: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Squared distances (cells, cells), the last rows of them 0: those of the points that fill empty cells."""
    costs = np.zeros((rows * columns, rows * columns))
    down = (targets[:, :1] - np.arange(rows)) ** 2
    across = (targets[:, 1:] - np.arange(columns)) ** 2
    whole = costs[: len(targets)].reshape(-1, rows, columns)
    np.add(down[:, :, None], across[:, None, :], out=whole)
    return costs


def _coarse(targets: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The cells' prices, from those of a grid of half the rows and columns with as many of the points as its cells."""
    from scipy.ndimage import map_coordinates

    few = max(1, rows // 2), max(1, columns // 2)
    scale = np.array([few[0] / rows, few[1] / columns])
    sample = np.random.default_rng(0).permutation(len(targets))[: few[0] * few[1]]
    points = (targets[sample] + 0.5) * scale - 0.5
    chosen, first = assigned(points, *few)
    prices = _settled(_costs(points, *few), chosen, first).reshape(few)
    at = np.meshgrid(*((np.arange(n) + 0.5) * s - 0.5 for n, s in zip((rows, columns), scale, strict=True)),
                     indexing="ij")  # fmt: skip
    return map_coordinates(prices, at, order=3, mode="nearest").ravel() / float(scale.prod())


def _settled(costs: np.ndarray, cells: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Prices at which each point's own cell is its cheapest: each falls to what the others leave it, to the end."""
    cell_of = np.full(len(costs), -1)
    cell_of[: len(cells)] = cells
    if len(cells) < len(costs):  # the fillers take what is left
        cell_of[len(cells) :] = np.setdiff1d(np.arange(len(costs)), cells)
    paid = costs[np.arange(len(costs)), cell_of]
    for _ in range(ROUNDS):
        fallen = np.minimum(prices, (costs - (paid - prices[cell_of])[:, None]).min(0))
        if np.allclose(fallen, prices, rtol=0, atol=1e-9):
            break
        prices = fallen
    return prices
