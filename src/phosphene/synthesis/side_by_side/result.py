"""The sheet of several networks: their images beside each other, and what each makes of the others' images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...picture import (
    Block,
    Drawing,
    DrawingBlock,
    ImageBlock,
    Mark,
    Row,
    Sheet,
    Table,
    Text,
    capital,
    compact,
    counted,
    grid,
    set_block,
    wrap,
)
from ...picture.sheet import label_lines
from ..engine.synthesis import WIDTH, Synthesis, pixels

ACROSS = 5  # networks beside each other, at most
BEST = 5  # a class counts as seen where it is among so many
GAP, TILE, HEADING = 32.0, 260.0, 15.0  # between networks, an image's side, the type of networks' names


@dataclass(frozen=True)
class Judged:
    """What a network makes of the images of a class that were made for another, or for itself."""

    probability: float  # of the class, mean over the images
    seen: int  # images that have it among the best five


@dataclass(frozen=True, eq=False, kw_only=True)
class SideBySide(Synthesis):
    """For each network so many images, the networks' one after the other in `images`."""

    names: tuple[str, ...]  # of the networks
    columns: int  # images of each
    judged: tuple[tuple[Judged, ...], ...] = ()  # [made for][seen by]; for classes, at the end

    def row(self, index: int) -> slice:
        """Where the images of network number `index` are."""
        return slice(index * self.columns, (index + 1) * self.columns)

    def frame(self) -> np.ndarray:
        """A column for each network, as one frame of a film."""
        tiles = pixels(self.images)
        across = tiles.reshape(len(self.names), self.columns, *tiles.shape[1:]).swapaxes(0, 1)
        return grid(across.reshape(tiles.shape), scale=1, columns=len(self.names)).pixels

    def sheet(self) -> Sheet:  # type: ignore[override]
        """The networks' images beside each other; for a class, also what each network makes of the others' images."""
        count = len(self.names)
        lines = -(-count // ACROSS)
        across = -(-count // lines)
        width = (WIDTH - GAP * (across - 1)) / across
        blocks: list[Block] = [
            self._beside(range(first, min(first + across, count)), width) for first in range(0, count, across)
        ]
        if self.judged:
            blocks.append(self._table())
        return self.sheet_of(blocks, counted(len(self.names), "network"))

    def _beside(self, indices: Sequence[int], width: float) -> Row:
        """These networks, each with its name over its images, in equal columns."""
        heads = [wrap(self.names[index], HEADING, width, "bold") for index in indices]
        high = HEADING * 1.3 * max(map(len, heads)) + 8
        columns = max(1, min(self.columns, round(width / TILE)))
        column_width = min(width, columns * TILE * 1.3)
        blocks = level([self._images(index, columns, column_width) for index in indices])
        columns_drawn: list[Block] = []
        for head, block in zip(heads, blocks, strict=True):
            marks: list[Mark] = [
                Text(0, HEADING * (0.9 + 1.3 * at), line, HEADING, "bold") for at, line in enumerate(head)
            ]
            images = set_block(block, 0, high, width)
            columns_drawn.append(DrawingBlock(Drawing(width, high + images.height, (*marks, *images.marks))))
        return Row(columns_drawn, GAP)

    def _images(self, index: int, columns: int, width: float) -> ImageBlock:
        """A network's images with their scores, and with what each is of where that is not the same for all."""
        rows = self.row(index)
        labels = [compact(float(score)) for score in self.scores[rows]]
        if len(set(self.titles[rows])) > 1 or self.objective not in self.titles[rows]:
            labels = [f"{title} · {label}" for title, label in zip(self.titles[rows], labels, strict=True)]
        tiles = grid(pixels(self.images[rows]), columns=columns, gutter=max(2, self.images.shape[-1] // 14))
        return ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels, width=width, crisp=False)

    def _table(self) -> Table:
        rows = [
            (name, *(f"{each.seen} of {self.columns}, p = {each.probability:.2f}" for each in row))
            for name, row in zip(self.names, self.judged, strict=True)
        ]
        heading = f"The class among the best {BEST}, and its probability (mean)"
        return Table(["images made for", *(f"seen by {name}" for name in self.names)], rows, heading)

    @property
    def progress(self) -> str:
        return f"{self.objective}: {compact(float(self.scores.nanmean()))}"

    @property
    def heading(self) -> str:
        return f"{self.objective}, side by side"

    @property
    def caption(self) -> str:
        height, width = self.images.shape[-2:]
        each = self.steps // len(self.names)
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        effort = f"{counted(each, 'step')} for each network{stopped}"
        return f"{capital(self.how)}; {height} × {width} px, {effort}, seed {self.seed}."

    def to_dict(self) -> dict[str, Any]:
        judged = [[{"probability": each.probability, "seen": each.seen} for each in row] for row in self.judged]
        return {**super().to_dict(), "names": list(self.names), "columns": self.columns, "judged": judged}


def level(blocks: Sequence[ImageBlock]) -> list[ImageBlock]:
    """The networks' images with labels of as many lines in each row, so that the images below stand level."""
    lines = [label_lines(block, (block.width or 1) / block.pixels.shape[1])[1] for block in blocks]
    most = [max(map(len, lines_of_label)) for lines_of_label in zip(*lines, strict=True)]
    return [
        replace(
            block,
            labels=[
                "\n".join([*lines_of_label, *[""] * (wanted - len(lines_of_label))])
                for lines_of_label, wanted in zip(each, most, strict=True)
            ],
        )
        for block, each in zip(blocks, lines, strict=True)
    ]
