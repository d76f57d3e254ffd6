"""A unit's sensitivities as a sheet: the versions of its strongest image, and a dot with its interval for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    Block,
    Drawing,
    DrawingBlock,
    Image,
    Mark,
    Sheet,
    Text,
    TextBlock,
    compact,
    counted,
    stacked,
    windowed,
)
from ...picture.chart import Axis, Chart, Dots, Reference
from .versions import COLOUR, FORM, VERSIONS
from .words import percent

if TYPE_CHECKING:
    from .sensitivities import Sensitivities

TILE, GAP, BELOW, DENSITY = 168.0, 16.0, 58.0, 2
COLUMNS = 6  # the original, what is changed of its colours, and its contrast; then its form
WIDTH = COLUMNS * (TILE + GAP) - GAP
ROW = 27.0  # of the chart
INK = {**dict.fromkeys(COLOUR, "accent2"), **dict.fromkeys(FORM, "accent")}


def sheet_of(result: Sensitivities) -> Sheet:
    """The whole sheet."""
    words = result.words
    heading = f"{result.images[0]}, to which it answers most, and its versions"
    blocks: list[Block] = [
        TextBlock(words[:1].upper() + words[1:] + ".", size=16, weight="bold"),
        DrawingBlock(_tiles(result), heading),
        DrawingBlock(_chart(result), f"What each version keeps of the response, over {_images(result)}"),
    ]
    blocks += [TextBlock(note, "muted", 12.0) for note in result.notes]
    subtitle = f"{result.network} · {result.sees} · {_images(result)} of {result.looked_at:,}"
    return Sheet(
        f"Colour or form: {result.unit}", subtitle, blocks, caption=_caption(result), width=WIDTH + 96,
        description=f"{result.network}, {result.unit} over {_images(result)}: {words}",
    )  # fmt: skip


def _images(result: Sensitivities) -> str:
    return counted(len(result.images), "image")


def _caption(result: Sensitivities) -> str:
    asked = "at its place" if result.where == "place" else "at its largest value within the window"
    said = [
        "Tiles: what the unit sees, in the network's own pixels, RGB from 0 to 1; below each the unit's response "
        f"{asked}, and its share of the response to the original."
    ]
    if len(result.images) > 1:
        said.append("Dots: the mean share over images with its 95 % bootstrap interval over them.")
    else:
        said.append("Dots: its share; one image has no interval.")
    said.append("Shuffled: mean of 4 permutations of the window's blocks, of which the first is drawn.")
    if result.colours:
        left = "" if np.isnan(result.paled) else f" {result.paled:.0%} of the chroma are left;"
        said.append(
            f"Hues are turned at equal luma, and paled where they would leave the range:{left} "
            f"the windows' mean chroma is {compact(result.chroma)} (pure red: 0.63)."
        )
    return " ".join(said)


def _tiles(result: Sensitivities) -> Drawing:
    """The versions in rows, all at the scale of the first."""
    height, width = result.tiles.shape[1:3]
    factor = TILE / max(height, width)
    high, wide = height * factor, width * factor
    marks: list[Mark] = []
    bottom = 0.0
    row, column = 0, 0
    for name, pixels in zip(result.tile_names, result.tiles, strict=True):
        if name in FORM and row == 0:
            row, column = 1, 0
        x, y = column * (TILE + GAP), row * (high + BELOW)
        size = (max(1, round(high * DENSITY)), max(1, round(wide * DENSITY)))
        marks.append(Image(windowed(pixels, (0, 0, width, height), size)[..., :3], x, y, wide, high, crisp=False))
        value = result.original[0] if name == "original" else result.responses[name][0]
        share = "" if name == "original" else f" · {100 * value / result.original[0]:.0f} %".replace("-", "−")
        first, down = stacked(name, 13, x, y + high + 18, TILE, "bold")
        marks += [*first, Text(x, y + high + 36 + down, f"{compact(float(value))}{share}", 12, colour="muted")]
        bottom = max(bottom, y + high + 40 + down)
        column += 1
    return Drawing(WIDTH, bottom, tuple(marks))


def _chart(result: Sensitivities) -> Drawing:
    names = [name for name in VERSIONS if result.kept(name).count]
    kept = [result.kept(name) for name in names]
    dots = Dots(
        [100 * each.mean for each in kept], [100 * each.low for each in kept], [100 * each.high for each in kept],
        numbers=[percent(each) for each in kept], colours=[INK.get(name, "series3") for name in names],
    )  # fmt: skip
    ends = [100 * value for each in kept for value in (each.low, each.mean, each.high) if not np.isnan(value)]
    axis = Axis("share of the response to the original", low=min(0.0, *ends), high=max(105.0, *ends), unit=" %")
    labels = [f"{name} ({result.how[name]})" if result.how[name] else name for name in names]
    references = [Reference(0.0, on="across"), Reference(100.0, on="across")]
    return Chart([*references, dots], axis, Axis(names=labels), WIDTH, len(names) * ROW + 44).drawing()
