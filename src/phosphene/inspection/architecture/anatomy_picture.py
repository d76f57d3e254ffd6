"""How the anatomy of a layer is drawn: forward from left to right above, and reversed from right to left below.

Channels stand at the same place above and below, so that a value and its derivative can be compared. Those of y are the
ones that z depends on most (largest sum of |dz/dy|), unless they are given; those of x go with them where the layer
treats every channel by itself, and are chosen in the same way by |dz/dx| where it mixes them. Signed values are drawn
about zero, others from their smallest to their largest; each range is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    DrawingBlock,
    Image,
    Line,
    Mark,
    Polygon,
    Range,
    Rect,
    Sheet,
    Text,
    colour,
    map_range,
    shifted,
    stacked,
    text_width,
)
from ...picture.drawings.drawing import Drawing
from ...picture.drawings.typesetting import wrap
from .anatomy_panels import Panel, channels_drawn, main_weight, maps_of, parts, strongest, value_panel, weights_panel

if TYPE_CHECKING:
    from .anatomy import Anatomy

Rule = str | tuple[float, float]

WIDTH, SIDE, CENTRE, PAD = 1104.0, 384.0, 216.0, 16.0
BETWEEN = (WIDTH - 2 * SIDE - CENTRE - 2 * PAD) / 2  # room for an arrow
GUTTER, LABEL = 6.0, 16.0


def sheet_of(result: Anatomy, channels: int | Sequence[int]) -> Sheet:
    """The sheet of six panels, each with a range of its own."""
    y, dy = maps_of(result.y, result.layouts[1]), maps_of(result.dy, result.layouts[1])
    x = maps_of(result.x, result.layouts[0])
    dx = None if result.dx is None else maps_of(result.dx, result.layouts[0])
    outs = channels_drawn(channels, dy)
    name, weight = main_weight(result.weights)
    alone = weight is None or weight.ndim == 1 or (weight.ndim == 4 and weight.shape[1] == 1)
    alone = alone or parts(result.y, result.layouts[1]) == "windows"  # each window of y comes from that of x
    ins = outs if alone and len(x) == len(y) else strongest(x if dx is None else dx, len(outs))
    w = weights_panel(name, weight, weight, result, outs, ins)
    dw = weights_panel(f"dz/d{name}", result.dw.get(name), weight, result, outs, ins, signed=True)
    back = "no derivative passes back"
    dx_panel = (
        Panel("dz/dx", tuple(result.x.shape[1:]), None, note=back)
        if dx is None
        else value_panel("dz/dx", result.x.shape, dx, ins, True)
    )
    forward = (value_panel("x", result.x.shape, x, ins), w, value_panel("y", result.y.shape, y, outs))
    reverse = (dx_panel, dw, value_panel("dz/dy", result.dy.shape, dy, outs, True))
    ranges: list[Range] = []
    marks, down = _row("Forward:  y = f(x, w)", "f", result.kind, forward, 0.0, ranges, reverse=False)
    words = "Reversed:  dz/dx = (dy/dx) transposed · dz/dy"
    below, height = _row(words, "f transposed", result.kind, reverse, down + 30, ranges, reverse=True)
    drawing = Drawing(WIDTH, height, (*marks, *below))
    title = f"{result.layer}, {result.kind}"
    subtitle = f"{result.network} on {result.photo}; z = {result.target} = {result.z:.4g}"
    what = parts(result.y, result.layouts[1])
    caption = (
        f"The anatomy of {result.layer} ({result.kind}) of {result.network}: forward above, reversed below, for z = "
        f"{result.target}. {_how_many(channels, len(outs), len(y), what)} Of w, a row belongs to a channel of y and a "
        "column to one of x, where the layer mixes channels. Where values are signed, blue is below zero, white zero "
        "and red above."
    )
    return Sheet(title, subtitle, [DrawingBlock(drawing)], caption=caption, ranges=ranges, description=caption)


def _how_many(channels: int | Sequence[int], count: int, total: int, what: str) -> str:
    if count >= total:
        return f"All {what} of y are shown."
    how = "those that z depends on most" if isinstance(channels, int) else "as asked for"
    return f"{count} of {total:,} {what} of y are shown, {how}."


def _row(
    title: str, name: str, kind: str, panels: tuple[Panel, Panel, Panel], top: float, ranges: list[Range], *,
    reverse: bool,
) -> tuple[list[Mark], float]:  # fmt: skip
    """Three panels side by side with an arrow between them; the marks, and where they end."""
    marks: list[Mark] = [Text(0, top + 14, title, 16, "bold")]
    top += 44
    left = SIDE + BETWEEN + PAD
    sides = [_panel_marks(panels[at], x, top, SIDE, ranges) for at, x in ((0, 0.0), (2, WIDTH - SIDE))]
    names = wrap(f"{name}, {kind}", 14, CENTRE, "bold")
    inner, bottom = _panel_marks(panels[1], left, top + 28 + 18 * (len(names) - 1), CENTRE, ranges)
    middle: list[Mark] = [
        Rect(left - PAD, top - 20, CENTRE + 2 * PAD, bottom - top + 20 + PAD, "panel", "line", 1, 10),
        *(Text(left, top + 6 + 18 * at, line, 14, "bold", colour="accent") for at, line in enumerate(names)),
        *inner,
    ]
    sides_high, middle_high = max(down for _, down in sides) - top, bottom + PAD - top + 20
    height = max(sides_high, middle_high)
    marks += shifted(middle, 0, 20 + (height - middle_high) / 2)
    for body, _ in sides:
        marks += shifted(body, 0, (height - sides_high) / 2)
    for start in (SIDE, left + CENTRE + PAD):
        marks += _arrow(start + 12, start + BETWEEN - 12, top + height / 2, reverse)
    return marks, top + height


def _arrow(left: float, right: float, y: float, reverse: bool) -> list[Mark]:
    tint = "accent2" if reverse else "accent"
    tip, back = (left, left + 9) if reverse else (right, right - 9)
    stem = Line(back, y, left if not reverse else right, y, tint, 2)
    return [stem, Polygon(((tip, y), (back, y - 6), (back, y + 6)), tint)]


def _panel_marks(panel: Panel, left: float, top: float, width: float, ranges: list[Range]) -> tuple[list[Mark], float]:
    shape = " × ".join(map(str, panel.shape))
    heading = [panel.heading]
    if text_width(panel.heading, 15, "bold") > width:  # broken behind underscores
        lines = wrap(panel.heading.replace("_", "_ "), 15, width, "bold")
        heading = [line.replace("_ ", "_") for line in lines]
    marks: list[Mark] = [Text(left, top + 12 + 19 * line, text, 15, "bold") for line, text in enumerate(heading)]
    y = top + 26 + 19 * (len(heading) - 1)
    beside = text_width(heading[-1], 15, "bold") + 12
    if beside + text_width(shape, 13) <= width:
        marks.append(Text(left + beside, y - 14, shape, 13, colour="muted"))
    else:
        below, more = stacked(shape, 13, left, y + 3, width, colour="muted")
        marks += below
        y += 17 + more
    words = [panel.note] if panel.note else []
    if panel.tiles is not None:
        tiles, y, note = _tile_marks(panel, left, y, width, ranges)
        marks += tiles
        words += [f"{ranges[-1].caption()}{note}"]
    for text in words:
        for line in wrap(text, 12.5, width):
            y += 17
            marks.append(Text(left, y - 3, line, 12.5, colour="muted"))
    return marks, y


def _tile_marks(
    panel: Panel, left: float, top: float, width: float, ranges: list[Range]
) -> tuple[list[Mark], float, str]:
    """The tiles, where they end, and what must be said of their range."""
    assert panel.tiles is not None
    tiles = panel.tiles
    signed = panel.signed or bool((tiles < 0).any())
    rule, note = _rule(tiles, signed, panel.signed)
    mapped = map_range(tiles, rule)
    ranges += mapped.ranges
    pixels = colour(mapped.values01, "diverging" if signed else "sequential")
    alpha = np.full(tiles.shape, 255, np.uint8)
    alpha.reshape(-1)[alpha.size - panel.empty :] = 0
    pixels = np.concatenate([pixels, alpha[..., None]], axis=-1)
    high, wide = tiles.shape[1:]
    gutter = GUTTER if panel.columns <= 4 else 4.0
    cell = (width - gutter * (panel.columns - 1)) / panel.columns
    lines = math.ceil(len(tiles) / panel.columns)
    cell = min(cell, 270.0 / lines * wide / high)
    tall = cell * high / wide
    extra = LABEL if any(panel.labels) else 0.0
    marks: list[Mark] = []
    for index, (tile, label) in enumerate(zip(pixels, panel.labels, strict=True)):
        row, column = divmod(index, panel.columns)
        x, y = left + column * (cell + gutter), top + row * (tall + gutter + extra)
        marks.append(Image(tile, x, y, cell, tall, crisp=cell >= wide))
        if label:
            marks.append(Text(x + cell / 2, y + tall + 12, label, 11.5, anchor="middle", colour="muted", mono=True))
    return marks, top + lines * (tall + gutter + extra), note


def _rule(tiles: np.ndarray, signed: bool, derivative: bool) -> tuple[Rule, str]:
    """The range of a panel. Few places carry most of a derivative: of a large one, 1 % may lie outside."""
    if derivative and tiles[0].size >= 49 and np.isfinite(tiles).all():
        most = float(np.percentile(np.abs(tiles), 99, method="nearest"))
        if 0 < most < float(np.abs(tiles).max()):
            return (-most, most), ", 99 % of the values"
    return ("symmetric" if signed else "minmax"), ""
