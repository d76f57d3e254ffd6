"""The cascade as a sheet: a row for each method, a column for each stage, and a line of similarities at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...input_photo import seen
from ...picture import (  # fmt: skip
    Drawing,
    DrawingBlock,
    Image,
    Line,
    Mark,
    Sheet,
    Text,
    TextBlock,
    colour,
    map_range,
    shifted,
    text_width,
    wrap,
)
from ...picture.blocks import Block
from ...picture.chart import Axis, Chart, Curve
from ..maps.overlay_rows import colours

if TYPE_CHECKING:
    from .cascade import Cascade

TILE, GAP, NAME, LINE = 96.0, 8.0, 150.0, 190.0
SMALL = 11.0


def sheet_of(result: Cascade) -> Sheet:
    """The whole sheet."""
    columns = len(result.stages) + 1
    width = NAME + columns * (TILE + GAP) + 24 + LINE
    marks: list[Mark] = []
    y = _heads(marks, result, width)
    for index in range(len(result.methods)):
        y = _row(marks, result, index, y)
    blocks: list[Block] = [DrawingBlock(Drawing(width, y, tuple(marks)))]
    blocks += [TextBlock(f"{name}: {said}", size=12, colour="muted") for name, said in result.refused.items()]
    extent = "all above it too" if result.order == "cascading" else "that stage alone"
    what = "change places" if result.how == "permute" else "are drawn anew, of the same mean and spread"
    count = len(result.targets)
    caption = (
        f"A column is a stage, named by the part in it that the network uses first; weights {what}, {extent}. Each map "
        "has its own range, cut at the 99.5th percentile of magnitudes; blue to red is signed, dark to bright a "
        "magnitude. Below a map and in the line: Spearman's rank correlation of magnitudes with the trained network's "
        f"map, 1 for the same map{f', mean over {count} targets' if count > 1 else ''}; the thin line is the "
        "structural similarity. Under a "
        "stage's name: the class's probability."
    )
    if result.unused:
        unused = ", ".join(result.unused[:3]) + (
            f" and {len(result.unused) - 3} more" if len(result.unused) > 3 else ""
        )
        caption += f" No value is computed with the weights of {unused}; they go with the last stage."
    title = "Does the map notice that the weights are random?"
    photo = result.photos[0][0].name if len(result.photos) == 1 or count == 1 else f"{count} images, the first shown"
    return Sheet(title, f"{result.network} on {photo}, {result.targets[0]}", blocks, caption=caption, width=width + 96)


def _heads(marks: list[Mark], result: Cascade, width: float) -> float:
    view, _ = seen(*result.photos[0])
    high = min(TILE, TILE * view.height / view.width)
    marks.append(Image(view.pixels, 0, 0, high * view.width / view.height, high, crisp=False))
    names = [["trained"], *(_lines(name) for name in result.stages)]
    for column, lines in enumerate(names):
        x = NAME + column * (TILE + GAP) + TILE / 2
        top = TILE - 14 * len(lines) - 10
        for line, words in enumerate(lines):
            marks.append(Text(x, top + 14 * line, words, SMALL, "bold", "middle"))
        value = float(np.nanmean(result.probabilities[column])) if not np.isnan(result.probabilities).all() else None
        if value is not None:
            text = f"{value:.0%}" if value >= 0.01 or value == 0 else "< 1%"
            marks.append(Text(x, TILE - 6, text, SMALL, anchor="middle", colour="muted", mono=True))
    left = width - LINE
    marks.append(Line(left, TILE - 24, left + 22, TILE - 24, "accent", 2.5))
    marks.append(Text(left + 28, TILE - 20, "rank correlation", SMALL))
    marks.append(Line(left, TILE - 8, left + 22, TILE - 8, "accent2", 1.2))
    marks.append(Text(left + 28, TILE - 4, "structural similarity", SMALL))
    return TILE + 8


def _lines(name: str) -> list[str]:
    """A module's name, broken at its dots where it is wider than a tile."""
    lines = [""]
    for part in (name or "the network").replace(".", ".\n").split("\n"):
        if lines[-1] and text_width(lines[-1] + part, SMALL, "bold") > TILE + GAP - 4:
            lines.append("")
        lines[-1] += part
    return [part for line in lines for part in wrap(line, SMALL, TILE + GAP - 2, "bold")]


def _row(marks: list[Mark], result: Cascade, index: int, top: float) -> float:
    maps = result.maps[index].numpy()
    signed = result.signed[index]
    shares = map_range(maps, "symmetric:99.5" if signed else "percentile:0:99.5", "tile").values01
    high = min(TILE, TILE * maps.shape[1] / maps.shape[2])
    wide = high * maps.shape[2] / maps.shape[1]
    for line, words in enumerate(wrap(result.methods[index], 14, NAME - 16, "bold")):
        marks.append(Text(0, top + high / 2 + 5 + 18 * line, words, 14, "bold"))
    likeness = [1.0, *_means(result.magnitudes[index])]
    for column, share in enumerate(shares):
        x = NAME + column * (TILE + GAP)
        marks.append(Image(colour(share, colours(signed)), x + (TILE - wide) / 2, top, wide, high, crisp=False))
        if column:
            marks.append(Text(x + TILE / 2, top + high + 15, _number(likeness[column]), 12, anchor="middle", mono=True))
    plot = _plot([likeness, [1.0, *_means(result.ssim[index])]], high)
    left = NAME + len(shares) * (TILE + GAP) + 24
    marks += shifted(plot.drawing().marks, left, top - plot.frame.top)
    return top + high + 28


def _means(values: np.ndarray) -> list[float]:
    """The mean over the targets at each stage (S, N) -> S; NaN where every map was constant."""
    return [float(np.mean(row[~np.isnan(row)])) if not np.isnan(row).all() else float("nan") for row in values]


def _number(value: float) -> str:
    return "no map" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def _plot(rows: Sequence[Sequence[float]], high: float) -> Chart:
    """Lines over the stages, between 0 and 1; what is below 0 stands at the bottom edge. The panel is `high`."""
    correlation, structure = rows
    stages = range(len(correlation))
    curves = [
        Curve(stages, structure, colour="accent2", width=1.2),
        Curve(stages, correlation, colour="accent", width=2.5),
    ]
    up = Axis(low=0, high=1, ticks=(0, 0.5, 1))
    return Chart(curves, Axis(ticks=()), up, LINE, high + 9)
