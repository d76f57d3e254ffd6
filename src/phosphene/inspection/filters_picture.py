"""How kernels are laid out: colour kernels and single planes in a grid, deeper kernels as one block for each output.

A block holds an output's planes in the order of its inputs, in one row where they fit and in several where they don't.
The output's number stands to its left, and where a block has several rows, the number of each row's first input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..picture import Drawing, DrawingBlock, ImageBlock, Mark, Text, grid, text_width
from ..picture.drawings.drawing import Image
from ..picture.sheet import without_gutters

WIDTH = 1104  # pixels inside a sheet's margins
TALL = 1600  # pixels that the tiles of a page take from top to bottom, at most
ROWS = 64  # of tiles on a page, at most
ACROSS = 64  # tiles of a row
TILES_A_PAGE = 1024  # of kernels that are one tile each
SIDE = 48  # pixels of a tile's longer side, at most
SINGLE = 14  # and of one that is a single number
HEAD, TYPE, SMALL = 20, 12.0, 11.0  # the line above the blocks; their numbers' sizes
GAP = 6  # pixels between blocks of several rows, or beside each other


@dataclass(frozen=True)
class Laid:
    """Which outputs a page holds, and in how many tiles a row they stand."""

    outputs: slice
    columns: int  # tiles of a row, of one output
    beside: int  # outputs beside each other
    page: int
    pages: int
    of: int  # outputs in all

    @property
    def outputs_in_words(self) -> str:
        """Which outputs the page holds, in words."""
        first, last = self.outputs.start, min(self.outputs.stop, self.of) - 1
        which = f"output {first}" if first == last else f"outputs {first} to {last}"
        return f"{which} of {self.of:,}" + (f", page {self.page} of {self.pages}" if self.pages > 1 else "")


def laid(shape: Sequence[int], page: int, columns: int | None) -> Laid:
    """The page of kernels (outputs, inputs, height, width). ValueError where there is no such page."""
    outputs, inputs, high, wide = shape
    if columns is not None and columns < 1:
        raise ValueError(f"a grid has at least one column, not {columns}")
    if inputs == 1:
        columns = columns or min(32, max(8, round((min(outputs, TILES_A_PAGE) * 1.6) ** 0.5)))
        each = max(1, min(48, TILES_A_PAGE // columns)) * columns
        beside, columns = columns, 1
    else:
        columns = columns or min(inputs, ACROSS, max(1, (WIDTH - 80) // (max(high, wide) + 1)))
        beside, columns = max(1, columns // inputs), min(columns, inputs)
        tall = scaled(shape, columns * beside) * high + 1
        rows = -(-inputs // columns)
        each = max(1, min(ROWS, TALL // tall) // rows) * beside
    pages = -(-outputs // each)
    if not 1 <= page <= pages:
        many = f"are {pages} pages" if pages > 1 else "is 1 page"
        raise ValueError(f"there {many} of tiles, no page {page}")
    return Laid(slice((page - 1) * each, page * each), columns, beside, page, pages, outputs)


def scaled(shape: Sequence[int], columns: int) -> int:
    """How many pixels of a tile stand for one weight, with so many tiles in a row."""
    side, room = max(shape[2:]), (WIDTH - (80 if shape[1] > 1 else 0)) // columns
    scale = max(1, SINGLE if side == 1 else SIDE // side)
    while scale > 1 and scale * side + gutter(scale, side) > room:
        scale -= 1
    return scale


def gutter(scale: int, side: int) -> int:
    return max(1, min(4, scale * side // 10))


def order(shape: Sequence[int], groups: int, where: Laid) -> str:
    """What the rows and columns are, in words."""
    outputs, inputs = shape[:2]
    of_group = "of its group " if groups > 1 else ""
    if inputs == 1:
        alone = "kernels of one input each" if groups > 1 or outputs > 1 else "kernel"
        return f"{alone}, {min(where.beside, outputs)} in a row"
    if where.columns < inputs:
        rows = -(-inputs // where.columns)
        return f"planes, the {inputs:,} inputs {of_group}of each output in {rows} rows of {where.columns}"
    if where.beside > 1:
        return (
            f"planes, the {inputs} inputs {of_group}of each output in a row, {where.beside} outputs beside each other"
        )
    return f"planes, outputs in rows and inputs {of_group}in columns"


def tiles_in_a_grid(pixels: np.ndarray, where: Laid) -> ImageBlock:
    """Tiles (N, height, width[, 3]), one for each output, with their outputs' numbers where there is room."""
    side = max(pixels.shape[1:3])
    scale = scaled((1, 1, *pixels.shape[1:3]), where.beside)
    tiled = grid(pixels, columns=where.beside, scale=scale, gutter=gutter(scale, side))
    numbers = range(where.outputs.start, where.outputs.start + len(pixels))
    room = pixels.shape[2] * scale >= text_width(str(numbers[-1]), TYPE) + 2
    labels = [str(number) for number in numbers] if room else ()
    return ImageBlock(tiled.pixels, cells=tiled.cells, labels=labels)


def planes_in_blocks(pixels: np.ndarray, shape: Sequence[int], groups: int, where: Laid) -> DrawingBlock:
    """Tiles (outputs of the page, inputs, height, width[, 3]) as blocks, with the numbers of outputs and inputs."""
    outputs, inputs = shape[:2]
    side, scale = max(shape[2:]), scaled(shape, where.columns * where.beside)
    blocks = [grid(tiles, columns=where.columns, scale=scale, gutter=gutter(scale, side)) for tiles in pixels]
    high, wide = blocks[0].pixels.shape[:2]
    step = shape[2] * scale + gutter(scale, side)
    several = blocks[0].rows > 1
    numbered = several or (groups > 1 and where.beside == 1)  # rows, by their first input
    number = max(text_width(str(outputs), TYPE, "bold"), text_width("output", SMALL) if where.beside == 1 else 0) + 8
    left = number + (max(text_width(str(inputs * groups), SMALL), text_width("input", SMALL)) + 8 if numbered else 0)
    gap = GAP if several else gutter(scale, side)
    marks: list[Mark] = []
    if where.beside == 1:
        marks.append(Text(number - 8, 12, "output", SMALL, anchor="end", colour="muted"))
        words = "input" if numbered else "inputs"
        marks.append(
            Text(
                left - 8 if numbered else left, 12, words, SMALL, anchor="end" if numbered else "start", colour="muted"
            )
        )
    for index, block in enumerate(blocks):
        row, column = divmod(index, where.beside)
        x, y = left + column * (left + wide + 2 * GAP), HEAD + row * (high + gap)
        output = where.outputs.start + index
        middle = y + min(shape[2] * scale, high) / 2 + TYPE * 0.36
        marks.append(Image(without_gutters(ImageBlock(block.pixels, cells=block.cells)), x, y, wide, high))
        marks.append(Text(x - left + number - 8, middle, str(output), TYPE, "bold", anchor="end", mono=True))
        first = output // (outputs // groups) * inputs  # of the inputs of its group
        for line in range(block.rows if numbered else 0):
            label = str(first + line * where.columns)
            marks.append(Text(x - 8, middle + line * step, label, SMALL, anchor="end", colour="muted", mono=True))
    rows = -(-len(blocks) // where.beside)
    width = min(where.beside, len(blocks)) * (left + wide + 2 * GAP) - 2 * GAP
    return DrawingBlock(Drawing(width, HEAD + rows * (high + gap) - gap, tuple(marks)))


def width_of(block: ImageBlock | DrawingBlock) -> float:
    """How much of a sheet's width the tiles ask for."""
    return block.drawing.width if isinstance(block, DrawingBlock) else min(WIDTH, block.pixels.shape[1])
