"""The judgement as a sheet: a column for each test, a row for each method, a dot at the mean on its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ...picture import Drawing, DrawingBlock, Line, Mark, Sheet, Text, TextBlock, shifted, text_width, wrap
from ...picture.blocks import Block
from ...picture.chart import Axis, Chart, Dots, Reference

if TYPE_CHECKING:
    from .judgement import Judgement

AGAINST = ("insertion", "deletion", "pointing", "sensitivity_n")  # tests in which baselines mean something
NAME, COLUMN, GAP, ROW, HEAD = 190.0, 168.0, 22.0, 30.0, 64.0
MARGINS = (12.0, 46.0)  # beside each panel, so that all are alike
WORDS = {
    "insertion": ("insertion", "↑ area, 0 to 1"),
    "deletion": ("deletion", "↓ area, 0 to 1"),
    "pointing": ("pointing game", "↑ share of hits"),
    "sensitivity_n": ("sensitivity-n", "↑ correlation"),
    "max_sensitivity": ("max-sensitivity", "↓ change under noise"),
    "randomised": ("randomised weights", "↓ rank correlation"),
}
BETTER, WORSE = "#2f9e5b", "#d3312e"
LARGEST = 2.0  # of max-sensitivity on its axis


def sheet_of(result: Judgement) -> Sheet:
    """The whole sheet."""
    tests = [test for test in WORDS if test in result.tests]
    width = NAME + len(tests) * (COLUMN + GAP) - GAP
    marks: list[Mark] = []
    # the columns of numbers, then the names beside them
    for column, test in enumerate(tests):
        _column(marks, result, test, NAME + column * (COLUMN + GAP))
    for row, name in enumerate(result.names):
        y = HEAD + row * ROW + ROW / 2
        is_method = name not in result.baselines
        if name == result.baselines[0]:
            marks.append(Line(0, y - ROW / 2, width, y - ROW / 2))
        weight: Literal["regular", "bold"] = "bold" if is_method else "regular"
        count = max(result.score(name, test).count for test in tests) if tests else len(result.images)
        name += f", {count} images" if count < len(result.images) else ""
        size = 14.0 if text_width(name, 14, weight) < NAME - 8 else 12.0
        lines = [name] if size == 14 else wrap(name, 12, NAME - 8, weight)[:2]
        for at, words in enumerate(lines):
            marks.append(
                Text(
                    0,
                    y + 5 + 14 * (at - (len(lines) - 1) / 2),
                    words,
                    size,
                    weight,
                    colour="ink" if is_method else "muted",
                )
            )
    # below them why others are missing
    blocks: list[Block] = [DrawingBlock(Drawing(width, HEAD + len(result.names) * ROW + 24, tuple(marks)))]
    blocks += [TextBlock(f"{name}: {said}", size=12, colour="muted") for name, said in result.refused.items()]
    count = len(result.images)
    caption = (
        f"Means over {count} image{'s' * (count != 1)}, with 95 % bootstrap intervals over them. Green: better than "
        "the random map and than the photo's edges; red: worse than the random map; otherwise the images leave it open "
        "(paired differences, image by image). The dashed line is the edges' mean. Max-sensitivity and randomised "
        "weights have no such line: a map that ignores the network would be perfectly stable, and would not change."
    )
    return Sheet("Is it true?", f"Methods on {result.network}", blocks, caption=caption, width=width + 96)


def _column(marks: list[Mark], result: Judgement, test: str, left: float) -> None:
    heading, explanation = WORDS[test]
    marks.append(Text(left, 16, heading, 14, "bold"))
    marks.append(Text(left, 34, explanation, 12, colour="muted"))
    scores = [result.score(name, test) for name in result.names]
    low, high = _ends(
        test, [value for each in scores for value in (each.low, each.mean, each.high) if not np.isnan(value)]
    )
    numbers = [f"{score.mean:.2f}".replace("-0.00", "0.00").replace("-", "−") for score in scores]
    dots = Dots(
        [score.mean for score in scores], [score.low for score in scores], [score.high for score in scores],
        numbers=numbers, colours=[_ink(result, name, test) for name in result.names],
        missing=["" if name in result.baselines else "no value" for name in result.names],
    )  # fmt: skip
    edges = result.score(result.baselines[1], test).mean
    names = Axis(names=[""] * len(scores))
    chart = Chart(
        [Reference(edges, on="across"), dots],
        Axis(low=low, high=high),
        names,
        COLUMN,
        len(scores) * ROW + 22,
        margins=MARGINS,
    )
    marks += shifted(chart.drawing().marks, left, HEAD - chart.frame.top)


def _ends(test: str, values: list[float]) -> tuple[float, float]:
    """The ends of a test's axis: round numbers around all intervals, with zero where it is near."""
    if test == "max_sensitivity":
        return 0.0, min(LARGEST, float(np.ceil(max(values, default=1.0) * 5) / 5))
    low = min(0.0, float(np.floor(min(values, default=0.0) * 10) / 10))
    return low, max(low + 0.1, float(np.ceil(max(values, default=1.0) * 10) / 10))


def _ink(result: Judgement, name: str, test: str) -> str:
    if name in result.baselines:
        return "muted"
    if test not in AGAINST:
        return "accent"
    random, edges = (result.better(name, other, test) for other in result.baselines[:2])
    if random is False:
        return WORSE
    return BETTER if random and edges else "accent"
