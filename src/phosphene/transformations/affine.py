"""Affine maps of the image plane, and how they move the values of a grid that lies over the image.

Points are (x to the right, y down), in pixels from the middle of the image. A grid of rows × columns lies evenly over
the image, so that a flip or a turn by 90° moves each cell exactly onto another one, whatever the layer's stride is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

SNAP = 1e-6  # of a cell: what is closer to a cell's middle lies on it
Matrix = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Affine:
    """The map p -> matrix p + shift."""

    matrix: Matrix = ((1.0, 0.0), (0.0, 1.0))
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def determinant(self) -> float:
        (a, b), (c, d) = self.matrix
        return a * d - b * c

    @property
    def inverse(self) -> Affine:
        (a, b), (c, d) = self.matrix
        n = self.determinant
        matrix = ((d / n, -b / n), (-c / n, a / n))
        x, y = self.shift
        return Affine(matrix, _minus(_times(matrix, (x, y))))

    def then(self, other: Affine) -> Affine:
        """This map, and the other one after it."""
        columns = [_times(other.matrix, (row_0, row_1)) for row_0, row_1 in zip(*self.matrix, strict=True)]
        matrix = ((columns[0][0], columns[1][0]), (columns[0][1], columns[1][1]))
        x, y = _times(other.matrix, self.shift)
        return Affine(matrix, (x + other.shift[0], y + other.shift[1]))

    def resampling(self, grid: tuple[int, int], frame: tuple[int, int]) -> Resampling:
        """How the values of a grid (rows, columns) over a frame (height, width) in pixels move."""
        return _resampling(self, grid, frame)


@dataclass(frozen=True, eq=False)
class Resampling:
    """Where each cell of a grid takes its value from.

    `source` (rows, columns, 2) is the place in the grid before, as fractional (row, column) of cells' middles. `valid`
    (rows, columns) says which cells take their values from inside of the frame; the others take mirrored ones.
    `permutes`: every valid cell takes the value of exactly one cell.
    """

    source: Tensor = field(repr=False)
    valid: Tensor = field(repr=False)
    permutes: bool

    @property
    def grid(self) -> tuple[int, int]:
        return int(self.source.shape[0]), int(self.source.shape[1])

    def __call__(self, maps: Tensor, mode: str = "bilinear") -> Tensor:
        """The moved values of maps (N, C, rows, columns); differentiable."""
        if tuple(maps.shape[-2:]) != self.grid:
            raise ValueError(f"maps of {tuple(maps.shape[-2:])} places don't lie on a grid of {self.grid}")
        rows, columns = self.grid
        if self.permutes:
            row, column = self._nearest()
            return maps.flatten(2)[..., (row * columns + column).flatten().to(maps.device)].unflatten(2, self.grid)
        sides = torch.tensor([columns, rows], dtype=torch.float64)
        at = (self.source.flip(-1) * 2 + 1) / sides - 1  # (x, y) from -1 to 1, edges of the grid
        at = at.to(maps)[None].expand(len(maps), -1, -1, -1)
        return F.grid_sample(maps, at, mode=mode, padding_mode="reflection", align_corners=False)

    def _nearest(self) -> tuple[Tensor, Tensor]:
        rows, columns = self.grid
        row, column = self.source.round().long().unbind(-1)
        return _mirrored(row, rows), _mirrored(column, columns)


@lru_cache(maxsize=256)
def _resampling(affine: Affine, grid: tuple[int, int], frame: tuple[int, int]) -> Resampling:
    (rows, columns), (height, width) = grid, frame
    back = affine.inverse
    y = (torch.arange(rows, dtype=torch.float64) + 0.5) * (height / rows) - height / 2
    x = (torch.arange(columns, dtype=torch.float64) + 0.5) * (width / columns) - width / 2
    (a, b), (c, d) = back.matrix
    source_x = a * x[None] + b * y[:, None] + back.shift[0]
    source_y = c * x[None] + d * y[:, None] + back.shift[1]
    row = (source_y + height / 2) * (rows / height) - 0.5
    column = (source_x + width / 2) * (columns / width) - 0.5
    source = torch.stack([row, column], -1)
    near = source.round()
    source = torch.where((source - near).abs() < SNAP, near, source)
    sides = torch.tensor([rows, columns], dtype=torch.float64)
    valid = ((source >= -0.5 - SNAP) & (source <= sides - 0.5 + SNAP)).all(-1)
    return Resampling(source, valid, bool((source == source.round()).all()))


def _mirrored(index: Tensor, count: int) -> Tensor:
    """Numbers beyond 0 … count - 1, mirrored at the edges."""
    index = index.remainder(2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


def _times(matrix: Matrix, point: tuple[float, float]) -> tuple[float, float]:
    (a, b), (c, d) = matrix
    x, y = point
    return a * x + b * y, c * x + d * y


def _minus(point: tuple[float, float]) -> tuple[float, float]:
    return -point[0], -point[1]


def rotation(degrees: float) -> Matrix:
    """The turn counter-clockwise as one sees it; whole quarters are exact."""
    quarter = round(degrees / 90)
    if math.isclose(degrees, 90 * quarter, abs_tol=1e-9):
        cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarter % 4]
    else:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cosine, sine), (-sine, cosine)
