"""A stitching as a sheet: answers and errors over the pairs of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...measures.intervals import Interval
from ...picture import Block, Drawing, DrawingBlock, Row, Sheet, Table, TextBlock, counted
from ...picture.chart import Axis, Chart, Dots, Reference, Series

if TYPE_CHECKING:
    from .result import Stitching

WIDTH = 1104.0
ANSWERS = {
    "task": ("learned by the answers", "accent"),
    "regression": ("learned by regression", "accent2"),
    "naive": ("no layer", "series3"),
    "untrained": ("untrained bottom", "series4"),
    "shuffled": ("shuffled channels, put back", "muted"),
}
ERRORS = {
    "learned": ("learned", "accent2"),
    "naive": ("no layer", "series3"),
    "untrained": ("untrained bottom", "series4"),
    "shuffled": ("shuffled channels, put back", "muted"),
}
MOST = 3.0  # errors beyond are drawn at the edge


def sheet_of(result: Stitching) -> Sheet:
    """The whole sheet."""
    title = f"Do {result.a} and {result.b} see the same?"
    if not result.stitches:
        return Sheet(title, result.progress, [TextBlock("Nothing is measured yet.")], description=result.words)
    words = result.words
    charts: list[Block] = [
        DrawingBlock(_answers(result), f"Answered as {result.b} answers" if not result.labelled else "Right answers"),
        DrawingBlock(_errors(result), f"Error of the values of {result.b}"),
    ]
    blocks: list[Block] = [
        TextBlock(f"{words[:1].upper()}{words[1:]}.", size=16, weight="bold"),
        Row(charts),
        table_of(result),
    ]
    blocks += [TextBlock(note, "muted", 12.0) for note in result.notes]
    subtitle = (
        f"the bottom of {result.a}, a learned layer of 1 × 1 convolution, the top of {result.b} · "
        f"{counted(result.images, 'image')} measured, {result.fitting} others to fit and to choose by"
    )
    caption = (
        f"Each row is a pair of layers: where {result.a} ends, and where {result.b} goes on. The layer is fitted by "
        f"ridge regression to the values of {result.b}, and then trained through its top. No layer: the values as they "
        "are, missing channels zero. Untrained bottom: the same architecture with weights drawn anew, and a layer "
        f"fitted to it. Shuffled: the channels of {result.b} in another order, and the layer that puts them back. "
        f"Errors are squared, over the variance about the channels' means; 0 is exact, {MOST:g} and more at the edge. "
        "Lines: 95 % bootstrap intervals over images."
    )
    return Sheet(title, subtitle, blocks, caption=caption, width=WIDTH + 96, description=f"{title} {words}.")


def _dots(
    rows: dict[str, list[Interval]], names: dict[str, tuple[str, str]], factor: float, most: float
) -> list[Series]:
    def cut(values: list[float]) -> list[float]:
        return [min(factor * value, most) for value in values]

    return [
        Dots(
            cut([each.mean for each in rows[way]]), cut([each.low for each in rows[way]]),
            cut([each.high for each in rows[way]]), name=name, colour=colour,
        )
        for way, (name, colour) in names.items() if way in rows
    ]  # fmt: skip


def _across(result: Stitching) -> Axis:
    return Axis(names=[each.name for each in result.stitches])


def _height(result: Stitching) -> float:
    return 80.0 + 74.0 * len(result.stitches)


def _answers(result: Stitching) -> Drawing:
    shares = [each.right if result.labelled else each.agreement for each in result.stitches]
    rows = {way: [share[way] for share in shares] for way in ANSWERS if way in shares[0]}
    marks = _dots(rows, ANSWERS, 100, 100)
    for share, name in ((result.right_a, result.a), (result.right_b, result.b)):
        if share is not None:
            marks.append(Reference(100 * share.mean, name, on="across"))
    axis = Axis("share of images", low=0.0, high=100.0, unit=" %")
    return Chart(marks, axis, _across(result), WIDTH / 2 - 12, _height(result)).drawing()


def _errors(result: Stitching) -> Drawing:
    rows = {way: [getattr(each, way) for each in result.stitches] for way in ERRORS}
    marks = [*_dots(rows, ERRORS, 1, MOST), Reference(1.0, "the mean", on="across")]
    return Chart(
        marks, Axis("normalised error", low=0.0, high=MOST), _across(result), WIDTH / 2 - 12, _height(result)
    ).drawing()


def table_of(result: Stitching) -> Table:
    """Every pair's numbers."""
    header = ["layers", "error", "untrained", f"as {result.b}", "by regression", "no layer", "untrained bottom"]
    rows = []
    for each in result.stitches:
        share = each.agreement
        best = share[each.best]
        rows.append(
            [
                each.name, f"{each.learned.mean:.2f}", f"{each.untrained.mean:.2f}",
                f"{best.mean:.0%} ({best.low:.0%} to {best.high:.0%})", f"{share['regression'].mean:.0%}",
                f"{share['naive'].mean:.0%}", f"{share['untrained'].mean:.0%}",
            ]
        )  # fmt: skip
    return Table(header, rows)
