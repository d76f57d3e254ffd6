"""A study of equivariance as a sheet: errors and restored answers over the layers, and a layer's map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...measures.intervals import Interval
from ...picture import Block, Drawing, DrawingBlock, Image, Mark, Row, Sheet, Table, Text, TextBlock, counted
from ...picture.chart import Axis, Chart, Curve, Reference, Series
from .map_picture import map_blocks
from .words import number

if TYPE_CHECKING:
    from .equivariance import Equivariance

WIDTH, TILE, GAP = 1104.0, 132.0, 16.0
WAYS = {
    "uncompensated": ("uncompensated", "series3"),
    "permuted": ("places moved", "accent2"),
    "learned": ("learned map", "accent"),
    "task": ("map trained by the answers", "series4"),
}
PREDICTIONS = ("uncompensated", "permuted", "learned")


def sheet_of(result: Equivariance, map: str | None, example: bool) -> Sheet:
    """The whole sheet."""
    title = f"Does {result.network} follow {result.by}?"
    if not result.layers:
        return Sheet(title, result.progress, [TextBlock("Nothing is measured yet.")], description=result.words)
    blocks: list[Block] = [TextBlock(_sentence(result.words), size=16, weight="bold")]
    charts: list[Block] = [DrawingBlock(_errors(result), "Error of the values for transformed images, by layer")]
    if result.clean is not None:
        charts.append(DrawingBlock(_restored(result), _restored_heading(result)))
    blocks.append(Row(charts) if len(charts) > 1 else charts[0])
    if example and result.example is not None:
        blocks.append(DrawingBlock(_example(result), "An image and its transformed version, as the network sees them"))
    layer = map or result.layers[0].layer
    blocks += map_blocks(result, layer)
    blocks += [TextBlock(note, "muted", 12.0) for note in result.notes]
    subtitle = (
        f"{counted(result.images, 'image')} measured, {result.fitting} others to fit and to choose by · maps of "
        f"{_sides(result)} places{'' if result.sparse is None else f', {result.sparse} inputs a channel'}"
    )
    caption = (
        "Error: squared, over the variance of the values for transformed images about their channels' means; 0 is "
        "exact, 1 no better than the mean. Uncompensated: the values of the image as it is. Places moved: the same at "
        "the places that the transformation moves them to. Learned map: these under a local linear map of all "
        "channels. Only places whose values come from inside the frame count. Bands: 95 % bootstrap intervals over "
        "images."
    )
    if result.layers[0].local is not None:
        caption += (
            " Local, no fit: of the change under a tiny transformation of the same family, the share that moved places "
            "do not explain."
        )
    return Sheet(title, subtitle, blocks, caption=caption, width=WIDTH + 96, description=f"{title} {result.words}.")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."


def _sides(result: Equivariance) -> str:
    sides = sorted({layer.side for layer in result.layers})
    return " or ".join(f"{side} × {side}" for side in sides)


def _axis(result: Equivariance) -> Axis:
    return Axis(names=[layer.layer for layer in result.layers])


def _curves(rows: dict[str, list[Interval]]) -> list[Curve]:
    curves = []
    for way, intervals in rows.items():
        name, colour = WAYS[way]
        xs = np.arange(len(intervals), dtype=float)
        curves.append(
            Curve(
                xs, [each.mean for each in intervals], name, [each.low for each in intervals],
                [each.high for each in intervals], colour,
            )
        )  # fmt: skip
    return curves


def _errors(result: Equivariance) -> Drawing:
    rows = {way: [getattr(layer, way) for layer in result.layers] for way in PREDICTIONS}
    marks: list[Series] = [Reference(1.0, "the mean"), *_curves(rows)]
    nearby = [layer.local.mean for layer in result.layers if layer.local is not None]
    if nearby:
        marks.append(Curve(np.arange(len(nearby), dtype=float), nearby, "local, no fit", colour="muted", dashed=True))
    return Chart(marks, _axis(result), Axis("normalised error", low=0.0), WIDTH / 2 - 12, 330).drawing()


def _restored(result: Equivariance) -> Drawing:
    assert result.clean is not None
    ways = [way for way in WAYS if way in result.layers[0].restored]
    percent = {way: [_percent(layer.restored[way]) for layer in result.layers] for way in ways}
    clean = [Reference(100 * result.clean.mean, "untransformed")] if result.labelled else []
    marks: list[Series] = [*clean, *_curves(percent)]
    axis = Axis("share of images", low=0.0, high=100.0, unit=" %")
    return Chart(marks, _axis(result), axis, WIDTH / 2 - 12, 330).drawing()


def _percent(share: Interval) -> Interval:
    return Interval(100 * share.mean, 100 * share.low, 100 * share.high, share.count)


def _restored_heading(result: Equivariance) -> str:
    if not result.inverse:
        return "Answered as the transformed image, from mapped values"
    return "Right answers from mapped values" if result.labelled else "Answered as before, from mapped values"


def _example(result: Equivariance) -> Drawing:
    assert result.example is not None
    marks: list[Mark] = []
    height = 0.0
    for index, (pixels, name) in enumerate(zip(result.example, ("image", result.by), strict=True)):
        high = TILE * pixels.shape[0] / pixels.shape[1]
        x = index * (TILE + GAP)
        marks += [
            Image(pixels, x, 0, TILE, high, crisp=False),
            Text(x, high + 18, name, 12, colour="muted"),
        ]
        height = max(height, high + 24)
    return Drawing(2 * TILE + GAP, height, tuple(marks))


def table_of(result: Equivariance) -> Table:
    """Every layer's numbers."""
    header = ["layer", "uncompensated", "places moved", "learned map", "95 % interval"]
    if result.clean is not None:
        ways = [way for way in WAYS if way in result.layers[0].restored]
        header += [f"restored, {WAYS[ways[0]][0]}", *(WAYS[way][0] for way in ways[1:])]
    rows = []
    for layer in result.layers:
        row = [layer.layer, *(number(getattr(layer, way).mean) for way in PREDICTIONS)]
        row.append(f"{number(layer.learned.low)} to {number(layer.learned.high)}")
        if result.clean is not None:
            row += [f"{layer.restored[way].mean:.0%}" for way in ways]
        rows.append(row)
    return Table(header, rows, heading=_sentence(result.words) if result.layers else result.progress)
