"""How a network is drawn: one box a layer, from left to right in lines, or a table.

A box is the layer's activations as a solid: height and width of its face are the map's rows and columns (by their
square root), its thickness the channels (by their logarithm), so that 224 × 224 × 64 and 1 × 1 × 1000 stand side by
side. Beneath it: name, kind, shape, receptive field, and two bars for its share of parameters and of operations; the
longest bar of each is the largest share.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...network import Extent, Field
from ...picture import DrawingBlock, Line, Mark, Polygon, Rect, Sheet, Table, Text, text_width, wrap
from ...picture.drawings.drawing import Drawing

if TYPE_CHECKING:
    from .architecture import Architecture, Row

COLOURS = {  # the literal ones lie midway between the two papers
    "stem": "accent2",
    "convolution": "accent",
    "attention": "#c9468f",
    "pooling": "#2e93c7",
    "linear": "#1f9f83",
    "other": "muted",
}
WORDS = {"other": "normalisation, activation, joining"}
WIDTH = 1104.0  # of a sheet of 1200 without its margins
FACE, TILT_X, TILT_Y = 84.0, 0.40, 0.28  # the input's side in pixels, and where its width recedes to
NAME, SMALL, LEADING = 13.0, 12.0, 16.0
STYLES = ("volumes", "table")
DASH = "–"


def sheet_of(result: Architecture, style: str) -> Sheet:
    """The whole sheet; ValueError for a style that is none."""
    if style not in STYLES:
        raise ValueError(f"an architecture is drawn as {' or '.join(STYLES)}, not {style!r}")
    channels, height, width = result.input
    subtitle = (
        f"{human(result.parameters, 1)} parameters, {human(result.operations)} operations for one image of "
        f"{channels} × {height} × {width}"
    )
    block = DrawingBlock(volumes(result)) if style == "volumes" else table(result)
    words = caption(result, style)
    return Sheet(result.network, subtitle, [block], caption=words, description=words)


def caption(result: Architecture, style: str) -> str:
    channels, height, width = result.input
    loose = ""
    if result.loose:
        count = result.parameters - sum(row.parameters for row in result.rows)
        names = ", ".join(result.loose[:4]) + (", …" if len(result.loose) > 4 else "")
        loose = f" {count:,} parameters belong to no layer shown ({names})."
    drawn = (
        " A box is a layer's activations: its face grows with the map (square root), its thickness with the channels "
        "(logarithm)."
        if style == "volumes"
        else ""
    )
    return (
        f"{result.network} at {channels} × {height} × {width} (channels × height × width): "
        f"{result.parameters:,} parameters and {human(result.operations)} operations, a multiply-add counted as two. "
        f"{len(result.rows)} of the {result.values} values that it computes, in order.{drawn} 'Sees' is the window of "
        f"input pixels that can move a unit.{loose}"
    )


def human(count: float, least: float = 0.1) -> str:
    """A count in three digits and a unit: 864, 21.7 M, 0.77 G; `least` is how much of a giga is called one."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * (least if unit in "TG" else 1):
            value = count / size
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return f"{count:.0f}"


def share(part: float, whole: float) -> str:
    percent = 100 * part / whole if whole else 0.0
    if percent == 0:
        return DASH
    return "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def sees(field: Field | Extent) -> str:
    if isinstance(field, Field):
        return f"sees {field.height.size} × {field.width.size}"
    return "sees all pixels" if field is Extent.WHOLE else "sees: not known"


def size_of(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


# ---- the table


def table(result: Architecture) -> Table:
    header = ("layer", "kind", "shape", "sees (px)", "every (px)", "parameters", "share", "operations", "share")
    rows = [
        (
            row.name,
            row.kind,
            size_of(row.shape),
            f"{row.field.height.size} × {row.field.width.size}" if isinstance(row.field, Field) else str(row.field),
            DASH if row.stride is None else f"{row.stride[0]} × {row.stride[1]}",
            row.parameters,
            share(row.parameters, result.parameters),
            human(row.operations) if row.operations else DASH,
            share(row.operations, result.operations),
        )
        for row in result.rows
    ]
    return Table(header, rows)


# ---- the volumes


def volumes(result: Architecture) -> Drawing:
    cells = [_words("image", "input", result.input), *(_words(r.name, r.kind, r.shape, r.field) for r in result.rows)]
    widest = max(text_width(line, size, weight) for cell in cells for line, size, weight, _ in cell)
    most = max(1, int(WIDTH // max(96.0, widest + 14)))
    lines = math.ceil(len(cells) / most)
    columns = math.ceil(len(cells) / lines)
    step = WIDTH / columns
    marks, y = legend(result)
    for start in range(0, len(cells), columns):
        indices = range(start, min(start + columns, len(cells)))
        solids = [_solid(result, index) for index in indices]
        high = max(h + d[1] for _, h, d in solids)
        middle = y + high / 2
        marks += _thread(solids, step, middle, last=indices[-1] == len(cells) - 1)
        for column, (index, solid) in enumerate(zip(indices, solids, strict=True)):
            colour = "line" if index == 0 else COLOURS[result.rows[index - 1].group]
            marks += _box(column * step + step / 2, middle, solid, colour)
        top = y + high + 20
        under = max(len(cells[index]) for index in indices) * LEADING
        for column, index in enumerate(indices):
            centre = column * step + step / 2
            for row, (line, size, weight, tint) in enumerate(cells[index]):
                marks.append(Text(centre, top + row * LEADING, line, size, weight, "middle", tint))  # type: ignore[arg-type]
            if index > 0:
                marks += _bars(result, result.rows[index - 1], centre - min(step - 14, 100) / 2, top + under - 4, step)
        y = top + under + 60
    return Drawing(WIDTH, y - 24, tuple(marks))


def legend(result: Architecture) -> tuple[list[Mark], float]:
    marks: list[Mark] = []
    x = 0.0
    for group, colour in COLOURS.items():
        if not any(row.group == group for row in result.rows):
            continue
        words = WORDS.get(group, group)
        marks += [Rect(x, 0, 12, 12, fill=colour, radius=2), Text(x + 18, 11, words, 13, colour="muted")]
        x += 18 + text_width(words, 13) + 22
    x = max(x, 0.0)
    largest = (
        max((row.parameters for row in result.rows), default=0),
        max((r.operations for r in result.rows), default=0),
    )
    bars = [("share of parameters", "ink", largest[0] / max(result.parameters, 1))]
    bars.append(("share of operations", "muted", largest[1] / max(result.operations, 1)))
    width = sum(34 + text_width(words, 13) + 20 for words, _, _ in bars)
    y = 0.0 if x + width <= WIDTH else 24.0
    x = WIDTH - width + 20 if y == 0 else 0.0
    for words, colour, _ in bars:
        marks += [Rect(x, y + 4, 24, 5, fill=colour, radius=1), Text(x + 32, y + 11, words, 13, colour="muted")]
        x += 34 + text_width(words, 13) + 20
    return marks, y + 44


Line4 = tuple[str, float, str, str]
Solid = tuple[float, float, tuple[float, float]]  # thickness, height, and where the far edge lies


def _words(name: str, kind: str, shape: Sequence[int], field: Field | Extent | None = None) -> list[Line4]:
    """The lines beneath a box; long names are broken at their dots, kinds at their capitals."""
    lines: list[Line4] = [(line, NAME, "bold", "ink") for line in _broken(name, r"(?<=[._])", NAME, "bold")]
    lines += [(line, SMALL, "regular", "muted") for line in _broken(kind, r"(?<=[a-z0-9_])(?=[A-Z])|(?<=_)", SMALL)]
    lines.append((size_of(shape), SMALL, "regular", "ink"))
    return lines if field is None else [*lines, (sees(field), SMALL, "regular", "muted")]


def _broken(word: str, seams: str, size: float, weight: str = "regular", room: float = 96.0) -> list[str]:
    lines = [""]
    for part in re.split(seams, word):
        if lines[-1] and text_width(lines[-1] + part, size, weight) > room:
            lines.append("")
        lines[-1] += part
    return [piece for line in lines for piece in wrap(line, size, 160, weight)]


def _solid(result: Architecture, index: int) -> Solid:
    channels, rows, columns = result.input if index == 0 else result.rows[index - 1].maps
    unit = FACE / math.sqrt(max(result.input[1:]))
    high, wide = (max(5.0, min(unit * math.sqrt(side), 1.3 * FACE)) for side in (rows, columns))
    return 3 + 4.0 * math.log2(1 + channels), high, (wide * TILT_X, wide * TILT_Y)


def _box(centre: float, middle: float, solid: Solid, colour: str) -> list[Mark]:
    """A solid in oblique projection, its three faces lit differently by how much paper shows through."""
    thick, high, (dx, dy) = solid
    left, right = centre - (thick + dx) / 2, centre + (thick - dx) / 2
    top, bottom = middle - (high - dy) / 2, middle + (high + dy) / 2
    front = ((left, top), (right, top), (right, bottom), (left, bottom))
    lid = ((left, top), (left + dx, top - dy), (right + dx, top - dy), (right, top))
    side = ((right, top), (right + dx, top - dy), (right + dx, bottom - dy), (right, bottom))
    marks: list[Mark] = []
    for face, strength in ((front, 0.62), (lid, 0.36), (side, 1.0)):
        marks += [Polygon(face, "paper"), Polygon(face, colour, strength)]
    return marks


def _thread(solids: Sequence[Solid], step: float, middle: float, *, last: bool) -> list[Mark]:
    """The line that the boxes are strung on, with an arrow head in each gap."""
    marks: list[Mark] = []
    for column, (thick, _, (dx, _)) in enumerate(solids):
        start = column * step + (step + thick + dx) / 2
        following = solids[column + 1] if column + 1 < len(solids) else None
        if following is None and last:
            continue
        gap = (following[0] + following[2][0]) / 2 if following else step / 2
        end = (column + 1) * step + step / 2 - gap
        marks.append(Line(start - dx / 2, middle, end, middle, "muted", 1, 0.6))
        marks.append(Polygon(((end, middle), (end - 6, middle - 3), (end - 6, middle + 3)), "muted"))
    return marks


def _bars(result: Architecture, row: Row, left: float, top: float, step: float) -> list[Mark]:
    room = min(step - 14, 100)
    length = room - 46
    marks: list[Mark] = []
    if not (row.parameters or row.operations):
        return marks
    for down, part, whole, most, colour in (
        (0, row.parameters, result.parameters, max(r.parameters for r in result.rows), "ink"),
        (14, row.operations, result.operations, max(r.operations for r in result.rows), "muted"),
    ):
        marks.append(Rect(left, top + down, length, 5, fill="line", radius=1))
        if part:
            marks.append(Rect(left, top + down, max(1.0, length * part / most), 5, fill=colour, radius=1))
        words = share(part, whole)
        marks.append(Text(left + room, top + down + 6.5, words, 11, anchor="end", colour="muted", mono=True))
    return marks
