"""The sheet of neighbours: a row a query, the query first and apart, then its neighbours from the nearest on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from ...input_photo import seen as seen_part
from ...picture import (
    Drawing,
    DrawingBlock,
    Image,
    Mark,
    Photo,
    Rect,
    Sheet,
    Text,
    TextBlock,
    compact,
    shifted,
    stacked,
    wrap,
)
from .search import NONE

if TYPE_CHECKING:
    from .neighbours import Neighbours
    from .queries import Query

WIDTH = 1104.0  # inside the sheet's margins
SIDE = 150.0  # of a tile, at most
GAP, APART, BELOW = 10.0, 34.0, 62.0  # between neighbours, beside the query, for the words below
SMALL, TINY = 12.0, 10.5
LEADING = 16.0
DENSITY = 2  # pixels of a tile for each one on the sheet


def sheet_of(result: Neighbours, rows: int, seen: bool) -> Sheet:
    """The sheet."""
    if rows < 1:
        raise ValueError(f"at least one query is shown, not {rows}")
    k = result.numbers.shape[1]
    across = min(k, 12)
    side = min(SIDE, (WIDTH - APART - GAP * (across - 1)) / (across + 1))
    marks: list[Mark] = [
        Text(0, 13, "query", 13, "bold"),
        Text(side + APART, 13, "its nearest" if k == 1 else "from the nearest on", 13, "bold"),
    ]
    # a row for each query
    y = 24.0
    rows_shown = min(rows, len(result.queries))
    for index in range(rows_shown):
        row, height = _row(result, index, side, across, seen)
        marks += shifted(row, 0, y)
        y += height
    width = side + APART + across * (side + GAP) - GAP
    blocks: list = [DrawingBlock(Drawing(width, y, tuple(marks)))]
    if rows_shown < len(result.queries):
        blocks.append(TextBlock(f"{len(result.queries) - rows_shown} more queries are not shown.", "muted"))
    # the words, of which each is said only where it applies
    distance = "Euclidean distance" if result.metric == "euclidean" else "cosine distance (1 − cosine)"
    subtitle = f"{result.network} · {distance} in {result.layer}, {result.length:,} values"
    labelled = any(label is not None for row in result.labels[:rows_shown] for label in row)
    sentences = [
        f"Below each image {'its label, its distance and its key' if labelled else 'its key and its distance'}."
    ]
    if any(query.label is not None for query in result.queries[:rows_shown]):
        sentences.append("A label stands out where it is the query's.")
    sentences.append(f"{result.how[0].upper()}{result.how[1:]}.")
    if any(query.number is not None for query in result.queries[:rows_shown]):
        sentences.append("A query of the atlas is not its own neighbour." if not _holds_itself(result) else "")
    if seen:
        sentences.append("Each image as far as the network sees it.")
    caption = " ".join(filter(None, sentences))
    title = "Nearest neighbours" if len(result.queries) > 1 else f"The images nearest to {result.queries[0].name}"
    description = f"{result.network}, {result.layer}: nearest neighbours by {distance}. {caption}"
    return Sheet(title, subtitle, blocks, caption=caption, description=description, width=max(640.0, width + 96))


def _holds_itself(result: Neighbours) -> bool:
    return any(query.number in row for query, row in zip(result.queries, result.numbers.tolist(), strict=True))


def _row(result: Neighbours, index: int, side: float, across: int, seen: bool) -> tuple[list[Mark], float]:
    """The marks of one query and its neighbours, wrapped after `across` of these, and their height."""
    query = result.queries[index]
    take = partial(_tile, result, seen, side)
    query_photo = query.photo
    marks = take((lambda: query_photo) if query_photo is not None else partial(result.photo, query.number or 0))
    marks.append(Rect(-2.5, -2.5, side + 5, side + 5, stroke="accent", stroke_width=2.0))
    where = "in the atlas" if query.number is not None else "not in the atlas"
    words, high = _words(_name_of(query), where, query.name if query.label is not None else "", side, "ink")
    marks += words
    y, reached = 0.0, 0
    for at, number in enumerate(result.numbers[index].tolist()):
        if number == NONE:
            break
        line, column = divmod(at, across)
        if line > reached:
            y, high, reached = y + high, 0.0, line
        label = result.labels[index][at]
        like = label is not None and label == query.label
        key = result.keys[index][at]
        tile = take(partial(result.photo, number))
        away = compact(float(result.distances[index, at]))
        words, wanted = _words(label or key, away, key if label else "", side, "ink" if like else "muted")
        high = max(high, wanted)
        marks += shifted([*tile, *words], side + APART + column * (side + GAP), y)
    return marks, y + high + 8


def _name_of(query: Query) -> str:
    return query.label if query.label is not None else query.name


def _words(first: str, second: str, key: str, side: float, colour: str) -> tuple[list[Mark], float]:
    """A name, a line below it, and in small type the key of an image that is called by its label; and the height of
    the tile with them."""
    marks, down = stacked(first, SMALL, 0, side + 18, side, colour=colour)
    lines, more = stacked(second, SMALL, 0, side + 18 + LEADING + down, side, colour="muted", mono=True)
    down += more
    marks += lines
    if key:
        lines, more = stacked(key, TINY, 0, side + 17 + 2 * LEADING + down, side, colour="muted")
        marks += lines
        down += more
    return marks, side + BELOW + down


def _tile(result: Neighbours, seen: bool, side: float, opening: Callable[[], Photo]) -> list[Mark]:
    """The photo within a square, or the words why there is none."""
    try:
        photo = opening()
    except (OSError, LookupError, ValueError) as error:
        lines = wrap(str(error), 11, side - 12)[: int(side // 16) - 1]
        words = [Text(6, 18 + 15 * at, line, 11, colour="muted") for at, line in enumerate(lines)]
        return [Rect(0, 0, side, side, fill="panel"), *words]
    if seen:
        photo = seen_part(photo, result.preprocessing.frame(photo.height, photo.width))[0]
    factor = side / max(photo.height, photo.width)
    height, width = photo.height * factor, photo.width * factor
    pixels = photo.pixels
    if factor * DENSITY < 1:
        size = (max(1, round(width * DENSITY)), max(1, round(height * DENSITY)))
        pixels = np.asarray(photo.pil().resize(size, Pillow.Resampling.LANCZOS))
    return [Image(pixels, (side - width) / 2, (side - height) / 2, width, height, crisp=factor > 2)]
