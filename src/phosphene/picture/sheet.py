"""A sheet: title, a flow of blocks, and a foot that states the range; a value that any face can set.

Blocks are plain values: images with headings, captions and labels under their tiles; rows of blocks; colour bars;
texts; tables; drawings. The layouter goes from top to bottom: each block is placed at a point, within a width, and says
how much room it took. There is no other state, so a block can be tried out by itself with `place`.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from .blocks import Block, ColourBar, DrawingBlock, ImageBlock, Row, Table, TextBlock
from .colour import swatch
from .drawings.drawing import Drawing, Image, Line, Mark, Text, shifted
from .drawings.paragraph import HEADING, SMALL, SUBTITLE, TITLE, Typeset, Weight, paragraph
from .drawings.typesetting import text_width, wrap
from .numbers import capital, compact, pair
from .ranges import Range, ranges_caption
from .table import set_table, table_width

MARGIN, GAP = 48.0, 30.0
NARROWEST = 150.0  # pixels that a caption gets even below a tiny image
NARROWEST_SHEET = 200.0  # pixels between the margins
LABEL, LABEL_LEADING = 12.0, 1.25  # of a label below a tile


@dataclass(frozen=True, eq=False)
class Sheet:
    """What a result looks like, before anyone sets it: a page of its own, or a part of a longer one.

    `ranges` are those that its colours show; the foot states them unless the caption does. `description` is the whole
    in words, for a notebook's text and for those who can't see it.
    """

    title: str
    subtitle: str = ""
    blocks: Sequence[Block] = ()
    _: KW_ONLY
    caption: str = ""
    ranges: Sequence[Range] = ()
    description: str = ""
    width: float = 1200.0

    def __post_init__(self) -> None:
        if self.width - 2 * MARGIN < NARROWEST_SHEET:
            least = NARROWEST_SHEET + 2 * MARGIN
            raise ValueError(f"a sheet is at least {least:g} pixels wide, not {self.width:g}.")

    @property
    def foot(self) -> str:
        """The caption and the ranges."""
        return footer(self.caption, tuple(self.ranges))

    def drawing(self) -> Drawing:
        """The page: the blocks below each other under the title, and the foot."""
        inner = self.width - 2 * MARGIN
        marks: list[Mark] = []
        y = MARGIN
        head: tuple[tuple[str, float, str, Weight], ...] = (
            (self.title, TITLE, "ink", "bold"),
            (self.subtitle, SUBTITLE, "muted", "regular"),
        )
        for text, size, colour, weight in head:
            if text:
                block = paragraph(text, size, colour, MARGIN, y, inner, weight)
                marks += block.marks
                y += block.height + 4
        block = self._flow(MARGIN, y + GAP - 8, inner)
        marks += block.marks
        y += GAP - 8 + block.height
        if self.foot:
            marks.append(Line(MARGIN, round(y) + 0.5, self.width - MARGIN, round(y) + 0.5))
            block = paragraph(self.foot, SMALL, "muted", MARGIN, y + 14, inner)
            marks += block.marks
            y += block.height + 14 + GAP
        return Drawing(self.width, round(y - GAP + MARGIN), tuple(marks))

    def body(self) -> Drawing:
        """The blocks alone, for a page that sets title and foot itself."""
        typeset = self._flow(0, 0, self.width - 2 * MARGIN)
        return Drawing(self.width - 2 * MARGIN, max(1.0, typeset.height - GAP), typeset.marks)

    def _flow(self, left: float, top: float, width: float) -> Typeset:
        """The blocks below each other, each with a gap after it."""
        marks: list[Mark] = []
        y = top
        for block in self.blocks:
            typeset = set_block(block, left, y, width)
            marks += typeset.marks
            y += typeset.height + GAP
        return Typeset(tuple(marks), width, y - top)


def footer(caption: str, ranges: tuple[Range, ...]) -> str:
    """The caption followed by the ranges, unless it states them already."""
    range_text = ranges_caption(ranges) if ranges else ""
    if not range_text or range_text[1:] in caption:  # in a sentence, or as one
        return caption
    range_text = f"{capital(range_text)}."
    return f"{caption.rstrip()} {range_text}" if caption else range_text


def set_block(block: Block, left: float, top: float, width: float) -> Typeset:
    """The block's marks with its corner at (left, top), within `width`, and the room that it takes."""
    match block:
        case ImageBlock():
            return set_image(block, left, top, width)
        case DrawingBlock():
            body = shifted(block.drawing.marks, 0, 0)
            return framed(block, body, block.drawing.width, block.drawing.height, left, top, width)
        case ColourBar():
            return set_bar(block, left, top, width)
        case TextBlock():
            return paragraph(block.text, block.size, block.colour, left, top, width, block.weight)
        case Table():
            return set_table(block, left, top, width)
        case Row():
            return set_row(block, left, top, width)


def natural_width(block: Block) -> float:
    """The width that a block takes where there is room."""
    match block:
        case ImageBlock():
            image = float(block.width or block.pixels.shape[1])
            return max(image, caption_width(block.heading, block.caption, image))
        case DrawingBlock():
            return max(block.drawing.width, caption_width(block.heading, block.caption, block.drawing.width))
        case ColourBar():
            return block.width
        case TextBlock():
            return max(text_width(line, block.size, block.weight) for line in block.text.split("\n"))
        case Table():
            return table_width(block)
        case Row():
            return sum(map(natural_width, block.blocks)) + block.gap * max(0, len(block.blocks) - 1)


def caption_width(heading: str, caption: str, body: float) -> float:
    """What the words around an image of width `body` ask for: a narrow one's may stand out a little to the right."""
    words = max(text_width(heading, HEADING, "bold"), text_width(caption, SMALL))
    return min(words + 1, max(NARROWEST, body))


def framed(
    block: ImageBlock | DrawingBlock,
    body: tuple[Mark, ...],
    body_width: float,
    body_height: float,
    left: float,
    top: float,
    width: float,
) -> Typeset:
    """A body laid out at (0, 0), with its heading above and its caption below."""
    marks: list[Mark] = []
    room = min(width, max(body_width, NARROWEST))
    y = top
    if block.heading:
        heading = paragraph(block.heading, HEADING, "ink", left, y, room, "bold")
        marks += heading.marks
        y = round(y + heading.height + 6)
    marks += shifted(body, left, y)
    y += body_height
    if block.caption:
        words = paragraph(block.caption, SMALL, "muted", left, y + 7, room)
        marks += words.marks
        y += words.height + 7
    return Typeset(tuple(marks), max(body_width, caption_width(block.heading, block.caption, body_width)), y - top)


def set_image(block: ImageBlock, left: float, top: float, width: float) -> Typeset:
    high, wide = block.pixels.shape[:2]
    image_width = min(block.width or wide, width)
    factor = image_width / wide
    crisp = block.crisp and factor >= 1
    if not block.labels:
        body: tuple[Mark, ...] = (Image(without_gutters(block), 0, 0, image_width, high * factor, crisp),)
        return framed(block, body, image_width, high * factor, left, top, width)
    size, lines = label_lines(block, factor)
    most: dict[int, int] = {}  # lines below each row of tiles
    for (_, y0, _, _), label in zip(block.cells, lines, strict=True):
        most[y0] = max(most.get(y0, 1), len(label))
    above, extra = {}, 0.0  # how far each row is moved down by the words above it
    for edge in sorted(most):
        above[edge] = extra
        extra += size * (1.7 + LABEL_LEADING * (most[edge] - 1))
    marks: list[Mark] = []
    for (x0, y0, x1, y1), label in zip(block.cells, lines, strict=True):
        down = y0 * factor + above[y0]
        marks.append(
            Image(block.pixels[y0:y1, x0:x1], x0 * factor, down, (x1 - x0) * factor, (y1 - y0) * factor, crisp)
        )
        for at, words in enumerate(filter(None, label)):
            y = down + (y1 - y0) * factor + size * (1.15 + LABEL_LEADING * at)
            marks.append(Text((x0 + x1) / 2 * factor, y, words, size, anchor="middle", colour="muted", mono=True))
    return framed(block, tuple(marks), image_width, high * factor + extra, left, top, width)


def label_lines(block: ImageBlock, factor: float) -> tuple[float, list[list[str]]]:
    """The size of the labels of a block that is shown at `factor`, and the lines of each."""
    step = min((b[0] - a[0] for a, b in pairwise(block.cells) if b[0] > a[0]), default=block.pixels.shape[1])
    rooms = [max(step * factor - 4, (x1 - x0) * factor) for x0, _, x1, _ in block.cells]
    size = label_size(block.labels, rooms)
    return size, [wrap(label, size, room) for label, room in zip(block.labels, rooms, strict=True)]


def label_size(labels: Sequence[str], rooms: Sequence[float]) -> float:
    """The size in which no number or short word of the labels has to be broken; 12 where there is room, 8 at least."""
    size = LABEL
    pairs = [(word, room) for label, room in zip(labels, rooms, strict=True) for word in label.split() if len(word) < 9]
    while size > 8 and any(text_width(word, size) > room for word, room in pairs):
        size -= 1
    return size


def without_gutters(block: ImageBlock) -> np.ndarray:
    """The pixels with everything between the cells transparent, so that a grid stands on any paper."""
    if not block.cells:
        return block.pixels
    clear = np.zeros((*block.pixels.shape[:2], 4), np.uint8)
    for left, top, right, bottom in block.cells:
        clear[top:bottom, left:right, :3] = block.pixels[top:bottom, left:right]
        clear[top:bottom, left:right, 3] = 255
    return clear


def set_bar(block: ColourBar, left: float, top: float, width: float) -> Typeset:
    length = min(block.width, width)
    marks: list[Mark] = []
    y = top
    if block.label:
        label = paragraph(block.label, SMALL, "muted", left, y, length)
        marks += label.marks
        y = round(y + label.height + 4)
    pixels = swatch(block.map, 257)
    marks.append(Image(pixels, left, y, length, 12, crisp=False))
    low, high = block.range.low, block.range.high
    size, below = 12.0, y + 12
    if low != low:  # NaN: there was no finite value
        marks.append(Text(left, below + 17, block.range.caption(), size, colour="muted"))
        return Typeset(tuple(marks), length, below + 22 - top)
    if low == high:
        ticks = [(0.5, pair(low, high)[0])]
    else:
        first, last = pair(low, high)
        ticks = [(0.0, first), (1.0, last)]
        if low < 0 < high:
            zero = -low / (high - low)
            space = text_width("0", size) / 2 + 10
            if text_width(first, size) + space < zero * length < length - text_width(last, size) - space:
                ticks.insert(1, (zero, compact(0)))
    for share, words in ticks:
        x = left + share * length
        anchor: Literal["start", "middle", "end"] = "start" if share == 0 else "end" if share == 1 else "middle"
        pin = min(max(round(x), round(left) + 1), round(left + length)) - 0.5
        marks.append(Line(pin, below, pin, below + 4, "muted"))
        marks.append(Text(x, below + 17, words, size, anchor=anchor, colour="muted", mono=True))
    return Typeset(tuple(marks), length, below + 22 - top)


def set_row(block: Row, left: float, top: float, width: float) -> Typeset:
    widths = [natural_width(child) for child in block.blocks]
    gaps = block.gap * max(0, len(widths) - 1)
    total = sum(widths)
    share = min(1.0, (width - gaps) / total) if total else 1.0
    marks: list[Mark] = []
    x, height = left, 0.0
    for child, room in zip(block.blocks, widths, strict=True):
        typeset = set_block(child, x, top, max(room * share, 1.0))
        marks += typeset.marks
        x += max(room * share, 1.0) + block.gap
        height = max(height, typeset.height)
    return Typeset(tuple(marks), max(0.0, x - block.gap - left), height)
