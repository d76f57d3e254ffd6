"""Selectivity as a sheet: a row of projections for each rule, and the mean similarities with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...input_photo import seen
from ...picture import Drawing, DrawingBlock, Image, Mark, Sheet, Text, as_rgb, shifted, wrap
from ...picture.chart import Axis, Chart, Dots

if TYPE_CHECKING:
    from .selectivity import Selectivity

TILE, GAP, NAME, PLOT = 118.0, 10.0, 138.0, 300.0
WORDS = {
    "strongest": "strongest units",
    "random": "random units, same place",
    "noise": "unit and noise",
    "classes": "classes",
}
NAMES = {"gradient": "gradient", "deconvnet": "deconvnet", "guided": "guided backprop", "none": "no rectifiers"}
SMALL = 12.0


def sheet_of(result: Selectivity) -> Sheet:
    """The whole sheet."""
    columns = min(5, len(result.starts["strongest"]))
    width = NAME + (columns + 1) * (TILE + GAP) + 30 + PLOT
    view, _ = seen(*result.photos[0])
    marks: list[Mark] = []
    # the head: what stands in each column
    names = [wrap(result.starts["strongest"][at], SMALL, TILE) for at in range(columns)]
    y = 12 + 15.0 * (max(map(len, names), default=1) - 1)
    marks.append(Text(NAME, y, "photo", SMALL, colour="muted"))
    for at, lines in enumerate(names):
        for line, words in enumerate(reversed(lines)):
            marks.append(Text(NAME + (at + 1) * (TILE + GAP), y - 15 * line, words, SMALL, colour="muted"))
    marks.append(Text(width - PLOT, y, "mean similarity of signals, |correlation|", SMALL, colour="muted"))
    y += 12
    # a row for each rule: its name, the photo once, the signals, their similarity
    for row, rule in enumerate(result.rules):
        base, _, centre = rule.partition("-")
        marks.append(Text(0, y + TILE / 2 + 2, NAMES[base], 14, "bold"))
        if centre:
            marks.append(Text(0, y + TILE / 2 + 20, "unpooled to centres", SMALL, colour="muted"))
        if row == 0:
            high = min(TILE, TILE * view.height / view.width)
            marks.append(Image(view.pixels, NAME, y, high * view.width / view.height, high, crisp=False))
        for at, signal in enumerate(result.signals[rule][:columns].numpy()):
            x = NAME + (at + 1) * (TILE + GAP)
            high = min(TILE, TILE * signal.shape[1] / signal.shape[2])
            marks.append(Image(tinted(signal), x, y, high * signal.shape[2] / signal.shape[1], high, crisp=False))
        marks += shifted(_dots(result, rule).marks, width - PLOT, y)
        y += TILE + 24
    # title and caption
    count = len(result.photos)
    caption = (
        f"Projections of the strongest units of {result.layer} under each rule; zero is mid-grey, each cut at its "
        "99.5th percentile of magnitudes. On the right, for groups of starts, the mean over all pairs of the magnitude "
        "of the correlation of two projections, with its 95 % bootstrap interval over starts"
        f"{' and images' if count > 1 else ''}: 1 means that the start makes no difference."
    )
    where = result.photos[0][0].name if count == 1 else f"{count} images, the first shown"
    title = "Does the projection change with the unit?"
    block = DrawingBlock(Drawing(width, y - 8, tuple(marks)))
    return Sheet(title, f"{result.network} on {where}, from {result.layer}", [block], caption=caption, width=width + 96)


def tinted(signal: np.ndarray) -> np.ndarray:
    """A signal (C, H, W) in colour, zero at mid-grey; of other than three channels by their mean."""
    planes = signal if len(signal) == 3 else np.repeat(signal.mean(0, keepdims=True), 3, 0)
    cut = float(np.percentile(np.abs(planes), 99.5)) or 1.0
    return as_rgb(np.clip(0.5 + planes.transpose(1, 2, 0) / (2 * cut), 0, 1))


def _dots(result: Selectivity, rule: str) -> Drawing:
    """For each group a dot at its mean, on a line as long as its interval."""
    values = [result.similarity(rule, group) for group in result.groups]
    means = [value.mean for value in values]
    dots = Dots(
        means, [value.low for value in values], [value.high for value in values],
        numbers=[f"{mean:.2f}" for mean in means], missing=["no signal"] * len(means),
    )  # fmt: skip
    names = Axis(names=[WORDS[group] for group in result.groups])
    return Chart([dots], Axis(low=0, high=1, ticks=(0, 0.5, 1)), names, PLOT, TILE + 20, margins=(152, 0)).drawing()
