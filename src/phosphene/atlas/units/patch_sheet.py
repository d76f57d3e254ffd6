"""A unit's sheet: how it answers over the data set, and its strongest patches, each with its value and its photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    Block,
    Drawing,
    DrawingBlock,
    Image,
    ImageBlock,
    Mark,
    Range,
    Rect,
    Row,
    Sheet,
    Table,
    TextBlock,
    compact,
    counted,
    ranges_caption,
    shifted,
    stacked,
    windowed,
)
from .histogram import histogram
from .projections import changed, in_colours
from .tiles import DENSITY, Cut, Scale, context_marks, cuts, tile_marks

if TYPE_CHECKING:
    from ...attribution.reversed.projecting import Pattern
    from .patches_of_unit import Patches

WIDTH = 1104.0  # inside the sheet's margins
SIDE = 168.0  # of a tile
GUTTER, GAP, BELOW = 8.0, 32.0, 46.0  # between a card's tiles, between cards, for the words below them


def sheet_of(result: Patches, context: bool) -> Sheet:
    """The sheet, with the ranges of the patterns."""
    blocks: list[Block] = [_head(result), TextBlock(_named(result), "ink" if _has_name(result) else "muted")]
    ranges: list[Range] = []
    if result.patches:
        scale = Scale.of(result.patches, SIDE)
        tiles = cuts(result.patches, scale, SIDE if context else None)
        cards = [
            _card(tile, scale, context, *_pattern(result, index, scale, ranges)) for index, tile in enumerate(tiles)
        ]
        blocks.append(DrawingBlock(_flowed(cards), "Where it answers most"))
    else:
        blocks.append(TextBlock("No image has been found that it answers to.", "muted"))
    title = f"The unit {result.title}"
    strongest = "strongest patch" if len(result) == 1 else f"{len(result)} strongest patches"
    many = f"its {strongest} among {counted(result.images, 'image')}"
    subtitle = f"{result.network} · {_sees(result)} · {many}"
    caption = _caption(result, context, tuple(ranges))
    description = f"{result.network}, {result.unit}: {many}. {caption}"
    return Sheet(title, subtitle, blocks, caption=caption, ranges=ranges, description=description, width=WIDTH + 96)


# ---- above the patches


def _head(result: Patches) -> Row:
    """What it would like to see, its numbers, and the distribution of its values."""
    at = dict(zip(result.shares, result.quantiles, strict=True))
    where = "places" if result.places > 1 else "images"
    rows = [
        ("mean", compact(result.mean)),
        ("active", f"{compact(100 * result.active)} % of {where}"),
        *((f"{100 * share:g} % of values are below", compact(at[share])) for share in (0.5, 0.95, 0.999)),
        ("largest", compact(result.largest)),
    ]
    blocks: list[Block] = [Table([f"over {counted(result.images, 'image')}", ""], rows)]
    marked = [(f"{100 * share:g} %", at[share]) for share in (0.999, 0.5, 0.95)]
    plot = histogram(result.counts, result.largest, [patch.value for patch in result.patches], marked, where)
    blocks.append(DrawingBlock(plot))
    if result.image is not None:
        caption = f"What it would like to see: mean {compact(result.reached)}"
        blocks.insert(0, ImageBlock(result.image, caption=caption, width=224.0, crisp=False))
    return Row(blocks, gap=40)


def _has_name(result: Patches) -> bool:
    return result.name is not None and bool(result.name.name)


def _named(result: Patches) -> str:
    if result.name is None:
        return "The images have no labels, so the unit has no name."
    return f"Name: {result.name.name} · {result.name.told}" if result.name.name else f"No name · {result.name.told}"


def _sees(result: Patches) -> str:
    if result.patches and not any(patch.known for patch in result.patches):
        return "what it sees is not known: all that the network sees is shown"
    if result.sees == "the whole image":
        return "it sees the whole image"
    return f"receptive field {result.sees}"


def _caption(result: Patches, context: bool, ranges: tuple[Range, ...]) -> str:
    padded = any(patch.window != patch.sees for patch in result.patches)
    border = ", plain where that is the border's padding" if padded else ""
    sentences = [
        f"Each patch is all that the unit sees from there{border}, in the photo's own pixels. Below it the value."
    ]
    if context:
        sentences.append("Beside it the whole photo.")
    if result.tied:
        sentences.append(f"The last {result.tied} are alike in value; of images that answer so, the first stand here.")
    if result.method:
        where = "Between them" if context else "Beside it"
        signal = f"the signal ({result.method}) that runs back from the unit to its patch, grey where it is zero"
        sentences.append(f"{where} {signal}; {ranges_caption(ranges)}.")
    if result.image is not None:
        sentences.append(f"The image: {result.how}")
    return " ".join(sentences)


# ---- patches


def _pattern(result: Patches, index: int, scale: Scale, ranges: list[Range]) -> tuple[bool, list[Mark], str]:
    """Whether patterns were asked for, this one's marks, and what is to be said of it; notes its range."""
    if not result.patterns:
        return False, [], ""
    pattern, patch = result.patterns[index], result.patches[index]
    if pattern is None:
        return True, [], ""
    pixels, limits = in_colours(pattern)
    ranges.append(limits)
    return True, _signal(pattern, pixels, index, result, scale), changed(pattern, patch, result.largest)


def _signal(pattern: Pattern, pixels: np.ndarray, index: int, result: Patches, scale: Scale) -> list[Mark]:
    """The pattern in a tile like its patch's."""
    height, width = scale.size
    window, box = scale.window(result.patches[index].drawn_window), pattern.box
    edges = (window.left - box.left, window.top - box.top, window.right - box.left, window.bottom - box.top)
    tile = windowed(pixels, edges, (round(height * DENSITY), round(width * DENSITY)))
    return [Rect(0, 0, width, height, fill="panel"), Image(tile, 0, 0, width, height, crisp=False)]


def _card(tile: Cut, scale: Scale, context: bool, patterned: bool, pattern: Sequence[Mark], note: str) -> Drawing:
    """A patch, its pattern and its photo side by side, with the value, label and key below."""
    height, width = scale.size
    marks = tile_marks(tile, scale)
    right = width
    if patterned:
        marks += shifted(pattern, right + GUTTER, 0)
        right += GUTTER + width
    if context:
        marks += shifted(context_marks(tile, SIDE), right + GUTTER, 0)
        right += GUTTER + SIDE
    value = compact(tile.patch.value)
    value += f" · {tile.patch.label}" if tile.patch.label else ""
    value += f" ({note})" if note else ""
    tall = SIDE if context else height
    first, down = stacked(value, 13, 0, tall + 18, right, "bold")
    second, more = stacked(tile.patch.image, 12, 0, tall + 36 + down, right, colour="muted")
    return Drawing(right, tall + BELOW + down + more, (*marks, *first, *second))


def _flowed(cards: Sequence[Drawing]) -> Drawing:
    """The cards in rows, as many beside each other as there is room for."""
    wide, high = cards[0].width, max(card.height for card in cards)
    columns = max(1, min(len(cards), int((WIDTH + GAP) // (wide + GAP))))
    gap = min(GAP, (WIDTH - columns * wide) / max(1, columns - 1))
    marks: list[Mark] = []
    for index, card in enumerate(cards):
        row, column = divmod(index, columns)
        marks += shifted(card.marks, column * (wide + gap), row * (high + 18))
    rows = -(-len(cards) // columns)
    return Drawing(columns * (wide + gap) - gap, rows * (high + 18) - 18, tuple(marks))
