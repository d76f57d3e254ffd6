"""Tables on a sheet: numbers to the right in tabular figures, texts to the left, thin rules between the rows."""

import numpy as np

from .blocks import Table
from .drawing import Line, Mark, Text
from .numbers import compact
from .paragraph import BODY, HEADING, SMALL, Placed, paragraph
from .typesetting import fit, text_width

COLUMN_GAP, LINE_PX = 28.0, 24.0


def table_width(block: Table) -> float:
    return sum(column_widths(block)) + COLUMN_GAP * (len(block.header) - 1)


def place_table(block: Table, left: float, top: float, width: float) -> Placed:
    marks: list[Mark] = []
    y = top
    if block.heading:
        heading = paragraph(block.heading, HEADING, "ink", left, y, width, "bold")
        marks += heading.marks
        y += heading.height + 4
    widths = column_widths(block)
    gap = COLUMN_GAP
    total = sum(widths) + gap * (len(widths) - 1)
    if total > width:  # the widest columns give way, and their texts end in an ellipsis
        spare = max(width - gap * (len(widths) - 1), 1.0)
        widths = [min(column, spare / len(widths)) if column > spare / len(widths) else column for column in widths]
        total = sum(widths) + gap * (len(widths) - 1)
    numeric = [is_numeric(block, column) for column in range(len(widths))]
    for index, row in enumerate([block.header, *block.rows]):
        x = left
        for cell, column, right in zip(row, widths, numeric, strict=True):
            size, colour = (SMALL, "muted") if index == 0 else (BODY, "ink")
            words = fit(cell_text(cell), size, column + 0.5)
            at = x + column if right else x
            marks.append(Text(at, y + 16, words, size, anchor="end" if right else "start", colour=colour, mono=right))
            x += column + gap
        y += LINE_PX
        if index == 0 or index < len(block.rows):
            edge = round(y) + 0.5
            marks.append(Line(left, edge, left + total, edge, "muted" if index == 0 else "line"))
            y += 3
    return Placed(tuple(marks), total, y - top)


def column_widths(block: Table) -> list[float]:
    widths = []
    for column, name in enumerate(block.header):
        cells = [text_width(cell_text(row[column]), BODY) for row in block.rows]
        widths.append(max([text_width(name, SMALL), *cells]) + 0.5)
    return widths


def is_numeric(block: Table, column: int) -> bool:
    cells = [row[column] for row in block.rows]
    return bool(cells) and all(
        isinstance(cell, int | float | np.number) and not isinstance(cell, bool) for cell in cells
    )


def cell_text(cell: object) -> str:
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, int | np.integer):
        return f"{int(cell):,}".replace("-", "−")
    if isinstance(cell, float | np.floating):
        return compact(float(cell))
    return str(cell)
