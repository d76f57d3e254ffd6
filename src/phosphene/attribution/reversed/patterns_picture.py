"""How patterns are drawn: for each unit the patches that it sees, and beside them the signals, in tiles of one size.

A tile is as large as the largest window on the page; what the image's border cuts off is left blank, on its own side.
Both halves of a pair show the same box: the photo from its own pixels, the signal from the input's. The photo's half
goes on around it as far as the resizing reaches, so that it holds all that the unit can have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...network import UNKNOWN, WHOLE, Box
from ...picture import (  # fmt: skip
    Drawing,
    DrawingBlock,
    Image,
    Mark,
    Range,
    Rect,
    Sheet,
    Text,
    apply_range,
    as_rgb,
    capital,
    compact,
    map_range,
    ranges_caption,
    shifted,
    windowed,
    wrap,
)
from ..maps.paging import page_of

if TYPE_CHECKING:
    from .patterns import Patterns
    from .projecting import Pattern

WIDTH = 1104.0  # inside a sheet's margins
ALONE, AMONG = 171.0, 84.0  # pixels of a tile's longer side: in a pair, in a grid of patches
SIDE = 3  # tiles in a row of a unit's grid
GUTTER, BETWEEN = 4.0, 12.0  # between tiles, between patches and signals
HEAD, LINE = 42.0, 18.0  # for a unit's name and values in two lines; each further line
GAP = 32.0
SMALL, LEADING = 10.0, 13.0  # the words below a tile among others


def sheet_of(result: Patterns, rule: str, per: str, page: int) -> Sheet:
    """The sheet of one page. ValueError for a page that is none."""
    if per not in ("tile", "unit", "picture"):
        raise ValueError(f"a range is per tile, unit or picture, not {per!r}")
    single = len(result.units) == 1
    every = [(pattern,) for pattern in result.units[0]] if single else list(result.units)
    indices, where = page_of(len(every), page, "units" if not single else "patterns")
    cards = [every[index] for index in indices]
    # all cards alike in size, each with its ranges and its words
    ranges = _ranges(cards, rule, per)
    tile = _tile(cards)
    words = [_words(card, tile, single) for card in cards]
    head = HEAD + LINE * (max(map(len, words)) - 2)
    drawings = [
        _card(card, card_ranges, tile, card_words, head)
        for card, card_ranges, card_words in zip(cards, ranges, words, strict=True)
    ]
    # title and caption
    names = list(dict.fromkeys(result.looked_at))
    photos = ", ".join(names) if len(names) <= 3 else f"{len(result.looked_at)} photos"
    sizes_text = _sizes_in_words(cards, result.receptive_field)
    title = f"Patterns that {result.layer if not single else 'unit ' + _unit(cards[0][0])} answers to"
    if result.place is not None:
        layer = cards[0][0].address.layer
        who = f"the units of {layer} answer" if not single else f"unit {_unit(cards[0][0])} answers"
        title = f"Patterns that {who} to at row {result.place[0]}, column {result.place[1]}"
    subtitle = f"{result.network} on {photos} · {sizes_text}{where}"
    all_ranges = tuple(each for card_ranges in ranges for each in card_ranges)
    range_text = ranges_caption(all_ranges)
    how = f"Each part of the photo beside the signal ({result.method}) that runs back to it from that one place. "
    how += "Grey is zero. " if all(each.low == -each.high for each in all_ranges) else ""
    if max(tile.margin) > 0:
        how += "The photo goes on around the signal's box as far as the resizing reaches. "
    block = DrawingBlock(_flowed(drawings))
    width = max(640.0, block.drawing.width + 96)
    description = f"{result.network}, {result.layer} on {photos}: patterns by {result.method}; {range_text}"
    return Sheet(
        title,
        subtitle,
        [block],
        caption=f"{how}{capital(range_text)}.",
        ranges=all_ranges,
        description=description,
        width=width,
    )


# ---- numbers as colours


def _ranges(cards: Sequence[Sequence[Pattern]], rule: str, per: str) -> list[list[Range]]:
    """The range of every signal, by card."""
    flat = [[pattern.signal.detach().double().cpu().numpy().ravel() for pattern in card] for card in cards]

    def of(values: list[np.ndarray]) -> Range:
        return map_range(np.concatenate(values)[None], rule, "picture").ranges[0]

    if per == "picture":
        shared = of([values for card in flat for values in card])
        return [[shared] * len(card) for card in cards]
    return [[of(card)] * len(card) if per == "unit" else [of([values]) for values in card] for card in flat]


def coloured(signal: np.ndarray, limits: Range) -> np.ndarray:
    """A signal (C, height, width) as pixels; other than three channels by their mean."""
    planes = signal if len(signal) == 3 else np.repeat(signal.mean(0, keepdims=True), 3, 0)
    return as_rgb(apply_range(planes.transpose(1, 2, 0), limits))


def patch(pattern: Pattern, per_pixel: float, margin: tuple[int, int] = (0, 0)) -> np.ndarray:
    """The pattern's box of the photo with `margin` of the input's pixels around it (down, across), as RGBA.

    `per_pixel` pixels stand for each of the input's; what the unit can't have seen is transparent.
    """
    (down, across), box = margin, pattern.box
    wide = Box(box.left - across, box.top - down, box.right + across, box.bottom + down)
    size = (max(1, round(wide.height * per_pixel)), max(1, round(wide.width * per_pixel)))
    window = pattern.frame.to_photo(wide).as_tuple()
    return windowed(pattern.photo.pixels, window, size, pattern.window.as_tuple(), crisp=False)


def reach(pattern: Pattern) -> tuple[int, int]:
    """How many of the input's pixels what the unit can have seen reaches beyond the box: down, across."""
    if pattern.window.empty:  # nothing but padding
        return 0, 0
    box, made_of = pattern.box, pattern.frame.to_input(pattern.window)
    down = max(box.top - made_of.top, made_of.bottom - box.bottom, 0)
    across = max(box.left - made_of.left, made_of.right - box.right, 0)
    return math.ceil(round(down, 6)), math.ceil(round(across, 6))


# ---- tiles


@dataclass(frozen=True)
class _Tile:
    """All tiles of a page: so many of the input's pixels, `margin` among them on each side, each drawn so large."""

    height: float
    width: float
    scale: float
    margin: tuple[int, int]  # down, across

    @property
    def size(self) -> tuple[float, float]:
        return self.height * self.scale, self.width * self.scale

    def marks(self, pattern: Pattern, limits: Range) -> tuple[list[Mark], list[Mark]]:
        """The patch and the signal, each at (0, 0)."""
        box, scale, (down, across) = pattern.box, self.scale, self.margin
        height, width = pattern.frame.size
        spare_down, spare_across = self.height - 2 * down - box.height, self.width - 2 * across - box.width
        top = spare_down if box.top <= 0 < spare_down and box.bottom < height else 0.0
        left = spare_across if box.left <= 0 < spare_across and box.right < width else 0.0
        photo = (left * scale, top * scale, (box.width + 2 * across) * scale, (box.height + 2 * down) * scale)
        inner = ((left + across) * scale, (top + down) * scale, box.width * scale, box.height * scale)
        back: list[Mark] = []
        if (box.height, box.width) != (self.height, self.width):
            back.append(Rect(0, 0, self.width * scale, self.height * scale, fill="panel"))
        signal = pattern.signal.detach().float().cpu().numpy()
        return (
            [*back, Image(patch(pattern, 2 * max(scale, 0.5), self.margin), *photo, crisp=False)],
            [*back, Image(coloured(signal, limits), *inner, crisp=scale >= 2)],
        )


def _tile(cards: Sequence[Sequence[Pattern]]) -> _Tile:
    """Windows that are drawn larger are enlarged a whole number of times."""
    patterns = [pattern for card in cards for pattern in card]
    downs, acrosses = zip(*(reach(pattern) for pattern in patterns), strict=True)
    height = max(pattern.box.height for pattern in patterns) + 2 * max(downs)
    width = max(pattern.box.width for pattern in patterns) + 2 * max(acrosses)
    wanted = (ALONE if max(map(len, cards)) == 1 else AMONG) / max(height, width)
    return _Tile(height, width, float(int(wanted)) if wanted >= 1 else wanted, (max(downs), max(acrosses)))


# ---- cards


def _sizes(card: Sequence[Pattern], tile: _Tile) -> tuple[int, float, float, float]:
    """The columns of tiles, the width of half the card, what is between its halves, and its whole width."""
    columns = 2 if len(card) == 4 else min(SIDE, len(card))
    half = columns * (tile.size[1] + GUTTER) - GUTTER
    between = GUTTER if columns == 1 else BETWEEN
    return columns, half, between, max(2 * half + between, 150.0)


def _words(card: Sequence[Pattern], tile: _Tile, single: bool) -> list[Text]:
    """A unit's name and values, wrapped."""
    first, width = card[0], _sizes(card, tile)[3]
    name = first.name if len(card) == 1 else _unit(first)
    values = f"activation {compact(first.value)}"
    if len(card) > 1:
        values += f" to {compact(card[-1].value)}, in {len(card)} photos"
    elif single:
        values += f" · {first.photo.name}"
    names = wrap(name, 14, width, "bold")
    return [
        *(Text(0, 14 + LINE * at, line, 14, "bold") for at, line in enumerate(names)),
        *(
            Text(0, 14 + LINE * (len(names) + at), line, 12, colour="muted")
            for at, line in enumerate(wrap(values, 12, width))
        ),
    ]


def _card(card: Sequence[Pattern], ranges: Sequence[Range], tile: _Tile, words: Sequence[Text], head: float) -> Drawing:
    """A unit's name and values over its patches and, right of them, its signals."""
    columns, half, between, width = _sizes(card, tile)
    rows = -(-len(card) // columns)
    high, wide = tile.size
    lines_below = [_below(pattern, wide) for pattern in card] if len(card) > 1 else []
    pitch = high + GUTTER + LEADING * max((len(lines) for halves in lines_below for lines in halves), default=0)
    marks: list[Mark] = list(words)
    for index, (pattern, limits) in enumerate(zip(card, ranges, strict=True)):
        row, column = divmod(index, columns)
        x, y = column * (wide + GUTTER), head + row * pitch
        lefts = (x, x + half + between)
        for half_marks, left in zip(tile.marks(pattern, limits), lefts, strict=True):
            marks += shifted(half_marks, left, y)
        for lines, left in zip(lines_below[index] if lines_below else (), lefts, strict=False):
            for at, line in enumerate(lines):
                marks.append(Text(left, y + high + LEADING * (at + 0.85), line, SMALL, colour="muted"))
    return Drawing(width, head + rows * pitch - GUTTER, tuple(marks))


def _below(pattern: Pattern, wide: float) -> tuple[list[str], list[str]]:
    """What stands below a patch and below its signal: the unit's value and place, and the photo's name."""
    place = pattern.address.place
    at = "" if place is None else f" @{place[0]},{place[1]}"
    return wrap(f"{compact(pattern.value)}{at}", SMALL, wide), wrap(pattern.photo.name, SMALL, wide)


def _flowed(cards: Sequence[Drawing]) -> Drawing:
    """The cards side by side in rows, all in the same columns."""
    wide = max(card.width for card in cards)
    columns = max(1, min(len(cards), int((WIDTH + GAP) // (wide + GAP))))
    marks: list[Mark] = []
    y = 0.0
    for start in range(0, len(cards), columns):
        row = cards[start : start + columns]
        for index, card in enumerate(row):
            marks += shifted(card.marks, index * (wide + GAP), y)
        y += max(card.height for card in row) + GAP
    return Drawing(columns * (wide + GAP) - GAP, y - GAP, tuple(marks))


# ---- words


def _unit(pattern: Pattern) -> str:
    """The unit without its place."""
    return pattern.name if pattern.address.place is None else f"{pattern.address.layer}:{pattern.address.channel}"


def _sizes_in_words(cards: Sequence[Sequence[Pattern]], field: str) -> str:
    """What the units on the page see."""
    sees = [pattern.sees for card in cards for pattern in card]
    if all(one is WHOLE for one in sees):
        return "each unit sees the whole image"
    if all(one is UNKNOWN for one in sees):
        return "what a unit sees is not known: shown whole"
    if any(one is UNKNOWN for one in sees):
        return f"receptive field {field}; where it is not known, the whole image"
    if any(isinstance(one, Box) and one.empty for one in sees):
        return f"receptive field {field}; some see nothing but padding: shown whole"
    return f"receptive field {field}"
