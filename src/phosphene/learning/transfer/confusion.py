"""Which class is taken for which, as a drawing: a row is a class, a column an answer, a cell the share of the row."""

from __future__ import annotations

from collections.abc import Sequence

from ...picture import Drawing, Line, Mark, Rect, Text, fit, text_width

LARGEST, SMALLEST, SIDE = 44.0, 5.0, 470.0  # pixels of a cell, and of the matrix about
NUMBERED, NAMED = 20.0, 11.0  # pixels of a cell from which on numbers and names have room
NAMES = 170.0  # pixels of a name at most
TYPE = 12.0


def confusion_drawing(counts: Sequence[Sequence[int]], names: Sequence[str]) -> Drawing:
    """The matrix (classes, classes) of how many photos of a row's class got a column's answer."""
    size = len(names)
    cell = min(LARGEST, max(SMALLEST, SIDE / size))
    named = cell >= NAMED
    numbers = [f"{at}" for at in range(1, size + 1)]
    wide = max(text_width(number, TYPE) for number in numbers) + 8
    room = min(NAMES, max(text_width(name, TYPE) for name in names)) + wide + 12 if named else 0.0
    top = 24.0 if named else 4.0
    marks: list[Mark] = [Rect(room, top, cell * size, cell * size, fill="panel")]
    for row, counts_of_row in enumerate(counts):
        total = sum(counts_of_row)
        for column, count in enumerate(counts_of_row):
            if not count:
                continue
            left, above, share = room + column * cell, top + row * cell, count / total
            fill = "accent" if row == column else "accent2"
            marks.append(Rect(left + 0.5, above + 0.5, cell - 1, cell - 1, fill=fill, opacity=0.18 + 0.72 * share))
            if cell >= NUMBERED:
                marks.append(Text(left + cell / 2, above + cell / 2 + 4, f"{count}", TYPE, anchor="middle", mono=True))
    every = 1 if cell >= 16 else 5
    for at, name in enumerate(names) if named else ():
        base = top + (at + 0.5) * cell + 4
        size_px = min(TYPE, cell)
        marks.append(Text(room - wide - 6, base, fit(name, size_px, NAMES), size_px, anchor="end"))
        marks.append(Text(room - 6, base, numbers[at], size_px, anchor="end", colour="muted", mono=True))
        if at % every == 0:
            marks.append(
                Text(room + (at + 0.5) * cell, top - 8, numbers[at], TYPE, anchor="middle", colour="muted", mono=True)
            )
    bottom = top + cell * size
    marks.append(Line(room, bottom, room + cell * size, bottom))
    return Drawing(room + cell * size + 2, bottom + 2, tuple(marks))
