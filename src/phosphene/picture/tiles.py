"""Many small pictures in one: enlarged without smoothing, set out in a grid, and paged where there are thousands.

Enlarging repeats pixels (nearest neighbour), so a 3×3 kernel stays nine squares and its tile equals its weights after
the range mapping, pixel for pixel.
"""

import math
from dataclasses import dataclass, field

import numpy as np

Cell = tuple[int, int, int, int]
SMALLEST_SIDE = 40  # pixels; a tile below this is enlarged to about it
WIDEST = 1600  # pixels; automatic enlarging keeps a grid within this


@dataclass(frozen=True, eq=False)
class Tiles:
    """A grid's pixels (height, width, 3) and, for each tile in order, its box (left, top, right, bottom) in them."""

    pixels: np.ndarray = field(repr=False)
    cells: tuple[Cell, ...] = field(repr=False)
    columns: int
    rows: int
    scale: int
    gutter: int


def enlarge(array: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel of (h, w), (h, w, C) or a stack (K, h, w, C) repeated `factor` times along both sides."""
    if factor < 1 or factor != int(factor):
        raise ValueError(f"pixels are repeated a whole number of times, at least once, not {factor}.")
    rows = 1 if array.ndim == 4 else 0
    return array.repeat(int(factor), axis=rows).repeat(int(factor), axis=rows + 1)


def grid(
    tiles: np.ndarray,
    *,
    columns: int | None = None,
    gutter: int | None = None,
    scale: int | None = None,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Tiles:
    """Tiles (K, h, w, 3) or grey (K, h, w), uint8, row by row in a grid on the background.

    Without `columns` the grid is square or somewhat wider, with as few empty places as that allows; without `scale`
    small tiles are enlarged to about 40 pixels and large ones left as they are. `gutter` is in pixels of the result.
    """
    tiles = np.asarray(tiles)
    if tiles.ndim == 3:
        tiles = np.repeat(tiles[..., None], 3, axis=-1)
    if tiles.ndim != 4 or tiles.shape[3] != 3 or tiles.dtype != np.uint8:
        raise ValueError(
            f"tiles are uint8 of shape (count, height, width, 3), not {tiles.dtype} of shape {tiles.shape}; "
            "picture.colour and picture.as_rgb make them."
        )
    count, height, width, _ = tiles.shape
    if 0 in tiles.shape:
        raise ValueError(f"tiles of shape {tiles.shape} hold nothing to draw.")
    if columns is None:
        columns = default_columns(count, height, width)
    if columns < 1:
        raise ValueError(f"a grid has at least one column, not {columns}.")
    columns = min(columns, count)
    if scale is None:
        scale = default_scale(height, width, columns)
    if gutter is None:
        gutter = max(1, min(8, round(max(height, width) * scale * 0.06)))
    if gutter < 0:
        raise ValueError(f"a gutter is 0 pixels or more, not {gutter}.")
    rows = math.ceil(count / columns)
    high, wide = height * scale, width * scale
    shape = (rows * (high + gutter) - gutter, columns * (wide + gutter) - gutter, 3)
    canvas = np.empty(shape, np.uint8)
    canvas[:] = background
    cells = []
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = row * (high + gutter), column * (wide + gutter)
        canvas[top : top + high, left : left + wide] = enlarge(tile, scale)
        cells.append((left, top, left + wide, top + high))
    return Tiles(canvas, tuple(cells), columns, rows, scale, gutter)


def default_columns(count: int, height: int = 1, width: int = 1) -> int:
    """Up to six tiles stand in one row; more make a grid between square and twice as wide as high."""
    if count <= 6:
        return max(1, count)
    square = math.sqrt(count * height / width)
    choices = range(max(1, math.ceil(square)), max(2, math.floor(2 * square) + 1))

    def cost(columns: int) -> float:  # a sixth of the places left empty weighs as much as twice the ideal width
        return (columns - square) / square + 6 * (-count % columns) / count

    return min(choices, key=cost)


def default_scale(height: int, width: int, columns: int) -> int:
    """The whole factor that brings a tile's longer side to about 40 pixels without making the grid wider than 1600."""
    enlarged = math.ceil(SMALLEST_SIDE / max(height, width))
    room = math.floor(WIDEST / (columns * width * 1.06))
    return max(1, min(enlarged, room))


def pages(count: int, per_page: int) -> list[range]:
    """Consecutive ranges of at most `per_page` that cover 0 .. count - 1; none for none."""
    if per_page < 1:
        raise ValueError(f"a page holds at least one tile, not {per_page}.")
    return [range(start, min(start + per_page, count)) for start in range(0, count, per_page)]
