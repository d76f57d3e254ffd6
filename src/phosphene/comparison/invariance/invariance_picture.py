"""Invariance as a sheet: the share of channels over the layers, and how far each channel changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import Block, Drawing, DrawingBlock, Row, Sheet, Table, TextBlock, counted
from ...picture.chart import Axis, Chart, Curve, Points, Reference, Series

if TYPE_CHECKING:
    from .invariance import Invariance

WIDTH, HIGH = 1104.0, 330.0
MOST = 2.0  # errors beyond are drawn at the edge


def sheet_of(result: Invariance) -> Sheet:
    """The whole sheet."""
    title = f"Which channels of {result.network} does {result.by} leave alone?"
    if not result.layers:
        return Sheet(title, result.progress, [TextBlock("Nothing is measured yet.")], description=result.words)
    words = result.words
    blocks: list[Block] = [
        TextBlock(words[:1].upper() + words[1:] + ".", size=16, weight="bold"),
        Row(
            [
                DrawingBlock(_shares(result), "Invariant channels, by layer"),
                DrawingBlock(_errors(result), "Change of each channel"),
            ]
        ),
    ]
    blocks += [TextBlock(note, "muted", 12.0) for note in result.notes]
    caption = (
        f"By values: the channel's squared change is below {result.threshold:g} of its variance, at the places that "
        "the transformation moves values to; band: 95 % bootstrap interval over images. By the map: of all channels "
        "the channel itself predicts its new values best, with a slope from 2/3 to 3/2. Firings kept: of a channel's "
        "1 % largest values, the share that stays among them, mean over channels; by chance 1 %. Right: a dot for each "
        f"channel, its squared change over its variance; {MOST:g} and more at the edge."
    )
    subtitle = f"{counted(result.images, 'image')} measured"
    return Sheet(title, subtitle, blocks, caption=caption, width=WIDTH + 96, description=f"{title} {words}.")


def _shares(result: Invariance) -> Drawing:
    xs = np.arange(len(result.layers), dtype=float)
    values = [layer.share for layer in result.layers]
    curves = [
        Curve(
            xs, [100 * each.mean for each in values], "by values", [100 * each.low for each in values],
            [100 * each.high for each in values], "accent",
        ),
        Curve(xs, [100 * layer.share_by_map for layer in result.layers], "by the map", colour="accent2", dashed=True),
        Curve(xs, [100 * layer.firings_kept for layer in result.layers], "firings kept", colour="series3"),
    ]  # fmt: skip
    across = Axis(names=[layer.layer for layer in result.layers])
    return Chart(curves, across, Axis("share", low=0.0, high=100.0, unit=" %"), WIDTH / 2 - 12, HIGH).drawing()


def _errors(result: Invariance) -> Drawing:
    xs, ys = [], []
    for index, layer in enumerate(result.layers):
        good = layer.errors[np.isfinite(layer.errors)]
        order = np.random.default_rng(index).permutation(len(good))
        xs += list(index + 0.6 * ((order + 0.5) / max(1, len(good)) - 0.5))
        ys += list(np.minimum(good, MOST))
    across = Axis(names=[layer.layer for layer in result.layers])
    marks: list[Series] = [Points(xs, ys, colour="accent"), Reference(result.threshold, "invariant below")]
    return Chart(marks, across, Axis("squared change / variance", low=0.0, high=MOST), WIDTH / 2 - 12, HIGH).drawing()


def table_of(result: Invariance) -> Table:
    """Every layer's numbers."""
    header = ["layer", "channels", "invariant", "95 % interval", "by the map", "firings kept"]
    rows = [
        [
            layer.layer, str(len(layer.errors)), f"{layer.share.mean:.0%}",
            f"{layer.share.low:.0%} to {layer.share.high:.0%}", f"{layer.share_by_map:.0%}",
            f"{layer.firings_kept:.0%}",
        ]
        for layer in result.layers
    ]  # fmt: skip
    words = result.words
    return Table(header, rows, heading=words[:1].upper() + words[1:])
