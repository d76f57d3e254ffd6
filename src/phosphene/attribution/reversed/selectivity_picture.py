"""Selectivity as a sheet: a row of projections for each rule, and the mean similarities with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import Circle, Drawing, DrawingBlock, Image, Line, Mark, Rect, Sheet, Text, as_rgb, wrap
from ...showing import seen

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


def sheet_of(found: Selectivity) -> Sheet:
    """The whole sheet."""
    shown = min(5, len(found.starts["strongest"]))
    width = NAME + (shown + 1) * (TILE + GAP) + 30 + PLOT
    view, _ = seen(*found.photos[0])
    marks: list[Mark] = []
    names = [wrap(found.starts["strongest"][at], SMALL, TILE) for at in range(shown)]
    y = 12 + 15.0 * (max(map(len, names), default=1) - 1)
    marks.append(Text(NAME, y, "photo", SMALL, colour="muted"))
    for at, lines in enumerate(names):
        for line, words in enumerate(reversed(lines)):
            marks.append(Text(NAME + (at + 1) * (TILE + GAP), y - 15 * line, words, SMALL, colour="muted"))
    marks.append(Text(width - PLOT, y, "mean similarity of signals, |correlation|", SMALL, colour="muted"))
    y += 12
    for row, rule in enumerate(found.rules):
        base, _, centre = rule.partition("-")
        marks.append(Text(0, y + TILE / 2 + 2, NAMES[base], 14, "bold"))
        if centre:
            marks.append(Text(0, y + TILE / 2 + 20, "unpooled to centres", SMALL, colour="muted"))
        if row == 0:
            high = min(TILE, TILE * view.height / view.width)
            marks.append(Image(view.pixels, NAME, y, high * view.width / view.height, high, crisp=False))
        for at, signal in enumerate(found.signals[rule][:shown].numpy()):
            x = NAME + (at + 1) * (TILE + GAP)
            high = min(TILE, TILE * signal.shape[1] / signal.shape[2])
            marks.append(Image(tinted(signal), x, y, high * signal.shape[2] / signal.shape[1], high, crisp=False))
        _dots(marks, found, rule, width - PLOT, y)
        y += TILE + 24
    count = len(found.photos)
    caption = (
        f"Projections of the strongest units of {found.layer} under each rule; zero is mid-grey, each cut at its "
        "99.5th percentile of magnitudes. On the right, for groups of starts, the mean over all pairs of the magnitude "
        "of the correlation of two projections, with its 95 % bootstrap interval over starts"
        f"{' and images' if count > 1 else ''}: 1 means that the start makes no difference."
    )
    where = found.photos[0][0].name if count == 1 else f"{count} images, the first shown"
    title = "Does the projection change with the unit?"
    block = DrawingBlock(Drawing(width, y - 8, tuple(marks)))
    return Sheet(title, f"{found.network} on {where}, from {found.layer}", [block], caption=caption, width=width + 96)


def tinted(signal: np.ndarray) -> np.ndarray:
    """A signal (C, H, W) in colour, zero at mid-grey; of other than three channels by their mean."""
    planes = signal if len(signal) == 3 else np.repeat(signal.mean(0, keepdims=True), 3, 0)
    cut = float(np.percentile(np.abs(planes), 99.5)) or 1.0
    return as_rgb(np.clip(0.5 + planes.transpose(1, 2, 0) / (2 * cut), 0, 1))


def _dots(marks: list[Mark], found: Selectivity, rule: str, left: float, top: float) -> None:
    """For each group a dot at its mean, on a line as long as its interval."""
    start, wide = left + 152, PLOT - 152 - 44
    step = TILE / len(found.groups)
    for share, words in ((0.0, "0"), (0.5, ""), (1.0, "1")):
        x = start + share * wide
        marks.append(Line(x, top + 4, x, top + TILE - 4))
        marks.append(Text(x, top + TILE + 10, words, 11, anchor="middle", colour="muted"))
    for at, group in enumerate(found.groups):
        y = top + step * (at + 0.5)
        marks.append(Text(left, y + 4, WORDS[group], SMALL))
        value = found.similarity(rule, group)
        if np.isnan(value.mean):
            marks.append(Text(start + 6, y + 4, "no signal", SMALL, colour="muted"))
            continue
        reach = max(1.0, (value.high - value.low) * wide)
        marks.append(Rect(start + value.low * wide, y - 1.5, reach, 3, fill="accent"))
        marks.append(Circle(start + value.mean * wide, y, 5, "accent"))
        marks.append(Text(start + wide + 44, y + 4, f"{value.mean:.2f}", SMALL, anchor="end", mono=True))
