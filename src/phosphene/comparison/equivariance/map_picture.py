"""A learned map as a picture: which channel goes into which, and the filters of those that change places most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    Block,
    ColourBar,
    Drawing,
    DrawingBlock,
    Image,
    ImageBlock,
    Mark,
    Range,
    Row,
    Text,
    as_rgb,
    colour,
)

if TYPE_CHECKING:
    from .equivariance import Equivariance, LayerFollows

SIDE, MOST = 420, 512  # pixels of the matrix; channels beyond which it is drawn smaller, by the largest of neighbours
PAIRS, KERNEL, GAP, LINE = 8, 44.0, 8.0, 26.0
WHOLE = Range(-1.0, 1.0, "symmetric")


def map_blocks(result: Equivariance, name: str) -> list[Block]:
    """Which channels of a layer become which."""
    layer = result.layer(name)
    matrix = ImageBlock(
        _matrix(layer), f"Which channel of {name} becomes which",
        f"Correlation of each channel after {result.by} (rows) with each one before it at the place that it was moved "
        "from (columns), over the images that fit; channels in the network's order.",
        width=SIDE,
    )  # fmt: skip
    pairs = _pairs(layer)
    blocks: list[Block] = [matrix]
    if pairs:
        heading = "Channels that another one becomes: before, after, and their correlation"
        blocks.append(DrawingBlock(_pair_drawing(layer, pairs), heading))
    return [Row(blocks) if len(blocks) > 1 else matrix, ColourBar("diverging", WHOLE, "correlation")]


def _matrix(layer: LayerFollows) -> np.ndarray:
    values = layer.correlation
    step = -(-len(values) // MOST)
    if step > 1:  # of each square of values the one that is farthest from zero
        count = -(-len(values) // step)
        padded = np.pad(values, ((0, count * step - len(values)),) * 2)
        squares = padded.reshape(count, step, count, step).swapaxes(1, 2).reshape(count, count, -1)
        values = np.take_along_axis(squares, np.abs(squares).argmax(2)[..., None], 2)[..., 0]
    return colour(0.5 + values / 2, "diverging")


def _pairs(layer: LayerFollows) -> list[tuple[int, int]]:
    """(before, after) of the channels that correlate more with another one than with themselves, the surest first."""
    strengths = np.abs(layer.correlation)
    source = strengths.argmax(1)
    rows = np.arange(len(source))
    gain = strengths[rows, source] - strengths[rows, rows]
    moved = [after for after in np.argsort(-gain, kind="stable") if source[after] != after]
    return [(int(source[after]), int(after)) for after in moved[:PAIRS]]


def _pair_drawing(layer: LayerFollows, pairs: list[tuple[int, int]]) -> Drawing:
    """A line for each pair: the filters, where they can be drawn, the channels' numbers and their correlation."""
    marks: list[Mark] = []
    line = LINE if layer.kernels is None else KERNEL + GAP
    for index, (before, after) in enumerate(pairs):
        x, y = 0.0, index * line
        if layer.kernels is not None:
            for channel in (before, after):
                marks.append(Image(_kernel(layer.kernels[channel]), x, y, KERNEL, KERNEL, crisp=True))
                x += KERNEL + GAP
        middle = y + line / 2 + (0 if layer.kernels is None else -GAP / 2 + 4)
        marks.append(Text(x + 8, middle, f"{before} → {after}", 13, "bold"))
        own, other = layer.correlation[after, after], layer.correlation[after, before]
        marks.append(Text(x + 110, middle, f"{_signed(other)}, with itself {_signed(own)}", 12, colour="muted"))
    return Drawing(520.0, len(pairs) * line, tuple(marks))


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _kernel(kernel: np.ndarray) -> np.ndarray:
    """A filter (3 or 1, h, w) as pixels, zero in the middle grey."""
    planes = np.moveaxis(kernel, 0, -1)
    planes = np.repeat(planes, 3, 2) if planes.shape[2] == 1 else planes
    return as_rgb(0.5 + planes / (2 * max(float(np.abs(planes).max()), 1e-12)))
