"""Tables on a sheet: numbers to the right in tabular figures, texts to the left, thin rules between the rows."""

from collections.abc import Sequence

import numpy as np

from .blocks import Table
from .drawings.drawing import Line, Mark
from .drawings.paragraph import BODY, HEADING, SMALL, Anchor, Typeset, paragraph, stacked
from .drawings.typesetting import text_width
from .numbers import compact

COLUMN_GAP, LINE_PX = 28.0, 24.0


def table_width(block: Table) -> float:
    return sum(column_widths(block)) + COLUMN_GAP * (len(block.header) - 1)


def set_table(block: Table, left: float, top: float, width: float) -> Typeset:
    marks: list[Mark] = []
    y = top
    if block.heading:
        heading = paragraph(block.heading, HEADING, "ink", left, y, width, "bold")
        marks += heading.marks
        y += heading.height + 4
    widths = column_widths(block)
    gap = COLUMN_GAP
    total = sum(widths) + gap * (len(widths) - 1)
    if total > width:  # the widest columns give way, and their texts are wrapped
        widths = narrowed(widths, max(width - gap * (len(widths) - 1), 1.0))
        total = sum(widths) + gap * (len(widths) - 1)
    numeric = [is_numeric(block, column) for column in range(len(widths))]
    for index, row in enumerate([block.header, *block.rows]):
        x = left
        most = 0.0
        size, colour = (SMALL, "muted") if index == 0 else (BODY, "ink")
        for cell, column, right in zip(row, widths, numeric, strict=True):
            at = x + column if right else x
            anchor: Anchor = "end" if right else "start"
            lines, more = stacked(
                cell_text(cell), size, at, y + 16, column + 0.5, anchor=anchor, colour=colour, mono=right
            )
            marks += lines
            most = max(most, more)
            x += column + gap
        y += LINE_PX + most
        if index == 0 or index < len(block.rows):
            edge = round(y) + 0.5
            marks.append(Line(left, edge, left + total, edge, "muted" if index == 0 else "line"))
            y += 3
    return Typeset(tuple(marks), total, y - top)


def narrowed(widths: Sequence[float], room: float) -> list[float]:
    """The columns within `room`: what is narrower than an even share stays, the others share what is left."""
    result = list(widths)
    for narrowed_before, column in enumerate(sorted(range(len(result)), key=lambda column: result[column])):
        share = room / (len(result) - narrowed_before)
        result[column] = min(result[column], share)
        room -= result[column]
    return result


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
