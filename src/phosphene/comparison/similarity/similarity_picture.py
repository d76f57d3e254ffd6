"""Similarities as a sheet: the matrix of two networks' layers as a heat map with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    Block,
    ColourBar,
    Drawing,
    DrawingBlock,
    Image,
    Line,
    Mark,
    Range,
    Sheet,
    Table,
    Text,
    TextBlock,
    colour,
    counted,
    text_width,
)

if TYPE_CHECKING:
    from .result import Similarity

CELL, LEAST, ROOMY, HEAD = 40.0, 16.0, 30.0, 26.0  # a cell's side; the least; with room for its number
TYPE, SMALL = 12.0, 10.5
WHITE, BLACK, BRIGHT = "#ffffff", "#000000", 0.6  # on the colour map, which is the same in both themes
WIDEST = 1104.0
WHOLE = Range(0.0, 1.0, "unit")


def sheet_of(result: Similarity) -> Sheet:
    """The whole sheet."""
    both = f"the layers of {result.a}" if result.same else f"{result.a} and {result.b}"
    title = f"How alike are {both}?"
    words = result.words
    if np.isnan(result.values).all():
        return Sheet(title, result.progress, [TextBlock("Nothing is measured yet.")], description=words)
    matrix = _matrix(result)
    blocks: list[Block] = [
        TextBlock(f"{words[:1].upper()}{words[1:]}.", size=16, weight="bold"),
        DrawingBlock(matrix, f"{result.a} (rows) and {result.b} (columns)"),
        ColourBar("sequential", WHOLE, _name(result)),
        TextBlock(_columns(result), "muted", 12.0),
    ]
    blocks += [TextBlock(note, "muted", 12.0) for note in result.notes]
    said = {
        "cka": "Unbiased estimate over batches of images, so that it may lie a little beyond 0 and 1."
        if result.streamed
        else "Biased estimate over all images at once: few images make everything look alike.",
        "rsa": "Distances between images are 1 − r of their values.",
        "procrustes": "1: the same values up to a rotation, a scale and a shift.",
        "cca": "Of the principal components with 99 % of the variance, at most a third of the images.",
    }[result.kind]
    if not result.streamed:
        said += f" With the images of one network in another order the value would be {result.chance:.2f}."
    caption = f"{said} Framed: the column most alike to each row. The same images in the same order through both."
    width = max(matrix.width + 96, 620.0)
    subtitle = f"{_name(result)} over {counted(result.images, 'image')}"
    return Sheet(title, subtitle, blocks, caption=caption, width=width, description=f"{title} {words}.")


def _columns(result: Similarity) -> str:
    """Which layer each column is."""
    names = ", ".join(f"{index + 1} {name}" for index, name in enumerate(result.layers[1]))
    return f"Columns: {names}."


def _name(result: Similarity) -> str:
    kernel = " with a Gaussian kernel" if result.kernel == "rbf" and result.kind == "cka" else ""
    names = {"cka": "CKA", "rsa": "RSA", "procrustes": "Procrustes similarity", "cca": "Mean canonical correlation"}
    biased = "Biased " if result.kind == "cka" and not result.streamed else ""
    return biased + names[result.kind] + kernel


def _matrix(result: Similarity) -> Drawing:
    rows, columns = result.values.shape
    numbered = (
        [f"{index + 1}  {name}" for index, name in enumerate(result.layers[0])] if result.same else result.layers[0]
    )
    left = max(text_width(name, TYPE) for name in numbered) + 14
    cell = max(LEAST, min(CELL, (WIDEST - left) / columns))
    pixels = colour(np.clip(result.values, 0, 1), "sequential")
    marks: list[Mark] = [Image(pixels, left, HEAD, columns * cell, rows * cell, crisp=True)]
    for column in range(columns):
        marks.append(
            Text(left + (column + 0.5) * cell, HEAD - 8, str(column + 1), SMALL, anchor="middle", colour="muted")
        )
    for row, name in enumerate(numbered):
        y = HEAD + row * cell
        marks.append(Text(left - 8, y + cell / 2 + TYPE * 0.35, name, TYPE, anchor="end"))
        for column in range(columns if cell >= ROOMY else 0):
            value = result.values[row, column]
            if not np.isnan(value):
                x, ink = left + (column + 0.5) * cell, WHITE if value < BRIGHT else BLACK
                number = f"{value:.2f}".replace("-", "−")
                marks.append(Text(x, y + cell / 2 + SMALL * 0.35, number, SMALL, anchor="middle", colour=ink))
        if not np.isnan(result.values[row]).all():
            marks += _frame(left + int(np.nanargmax(result.values[row])) * cell, y, cell)
    return Drawing(left + columns * cell + 2, HEAD + rows * cell + 2, tuple(marks))


def _frame(x: float, y: float, cell: float) -> list[Mark]:
    a, b, c, d = x + 1, y + 1, x + cell - 1, y + cell - 1
    return [Line(*ends, "accent", 2.0) for ends in ((a, b, c, b), (a, d, c, d), (a, b, a, d), (c, b, c, d))]


def table_of(result: Similarity) -> Table:
    """Each layer's most alike one."""
    rows = []
    for row in result.rows:
        low, high = row["interval"]
        value = "" if row["value"] is None else f"{row['value']:.3f}"
        rows.append([row["layer"], row["most_alike"] or "", value, "" if low is None else f"{low:.3f} to {high:.3f}"])
    words = result.words
    header = [f"layer of {result.a}", f"most alike of {result.b}", _name(result), "95 % interval"]
    return Table(header, rows, heading=words[:1].upper() + words[1:])
