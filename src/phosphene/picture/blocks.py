"""What a sheet is made of: plain values that say what to show, not where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .drawings.drawing import Drawing
from .ranges import Range
from .tiles import Cell


@dataclass(frozen=True, eq=False)
class ImageBlock:
    """Pixels at their own size, or at `width`; never wider than the sheet. Crisp unless they are a photo.

    `cells` are the boxes of tiles in the pixels, as `grid` gives them, and `labels` one text for each, set below. The
    gutters between cells are left to the paper.
    """

    pixels: np.ndarray = field(repr=False)
    heading: str = ""
    caption: str = ""
    cells: Sequence[Cell] = ()
    labels: Sequence[str] = ()
    width: float | None = None
    crisp: bool = True

    def __post_init__(self) -> None:
        if self.labels and len(self.labels) != len(self.cells):
            raise ValueError(f"there are {len(self.labels)} labels for {len(self.cells)} cells; give one for each.")


@dataclass(frozen=True)
class DrawingBlock:
    """A drawing at its own size, as one block."""

    drawing: Drawing
    heading: str = ""
    caption: str = ""


@dataclass(frozen=True)
class ColourBar:
    """A colour map with its range's ends, and zero where it lies between them."""

    map: str
    range: Range
    label: str = ""
    width: float = 260.0


@dataclass(frozen=True)
class TextBlock:
    """A wrapped text; newlines stay."""

    text: str
    colour: str = "ink"
    size: float = 14.0
    weight: Literal["regular", "bold"] = "regular"


@dataclass(frozen=True)
class Table:
    """Rows of texts or numbers under headings. A column is set right and in tabular figures if it holds numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    heading: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"a row of {len(row)} cells stands in a table of {len(self.header)} columns: {row!r}.")


@dataclass(frozen=True)
class Row:
    """Blocks side by side, their tops level; all are narrowed alike if they don't fit."""

    blocks: Sequence["Block"]
    gap: float = 32.0


Block = ImageBlock | DrawingBlock | ColourBar | TextBlock | Table | Row
