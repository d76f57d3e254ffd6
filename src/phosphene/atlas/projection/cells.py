"""A map cut into square cells, and what the images in each cell have in common: their mean features and their label."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .embedding import Embedding
from .stretches import shortened


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells (M) of a map that hold enough images, row by row from the top left."""

    rows: int  # of all cells, also those that are left out
    columns: int
    places: np.ndarray = field(repr=False)  # (M, 2): row and column
    members: tuple[np.ndarray, ...] = field(repr=False)  # of each the rows of the map's images
    labels: tuple[str | None, ...]  # the commonest of each; None where its images have none
    shares: tuple[float, ...]  # of its images that have this label
    left_out: int  # images in cells with too few

    @property
    def counts(self) -> tuple[int, ...]:
        """How many images each has."""
        return tuple(len(rows) for rows in self.members)

    def means(self, vectors: np.ndarray) -> np.ndarray:
        """The mean (M, D) of each cell's features, of those of all images (N, D)."""
        return np.stack([vectors[rows].mean(0, dtype=np.float64) for rows in self.members])


def cut(embedding: Embedding, across: int, fewest: int) -> Cells:
    """Cuts the map into squares, `across` along its longer side, and keeps those with at least `fewest` images.

    Wide empty stretches are narrower (stretches.py). ValueError where no cell has as many.
    """
    positions = embedding.positions
    if embedding.method != "pca":
        positions, _ = shortened(positions)
    reach = np.ptp(positions, axis=0)
    side = max(float(reach.max()) / across, 1e-12)
    columns, rows = (int(min(across, max(1, np.ceil(length / side - 1e-9)))) for length in reach)
    column = np.minimum((positions[:, 0] - positions[:, 0].min()) // side, columns - 1).astype(int)
    row = np.minimum((positions[:, 1].max() - positions[:, 1]) // side, rows - 1).astype(int)
    cell = row * columns + column
    order = cell.argsort(kind="stable")
    numbers, starts = np.unique(cell[order], return_index=True)
    parts = zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)
    rows_of_cell = {number: cell_rows for number, cell_rows in parts if len(cell_rows) >= fewest}
    if not rows_of_cell:
        raise ValueError(
            f"no cell of {rows} × {columns} holds {fewest} of the {len(positions):,} images; take fewer, larger cells "
            "or a smaller fewest"
        )
    labels = [_label(embedding, cell_rows) for cell_rows in rows_of_cell.values()]
    return Cells(
        rows, columns, np.array([divmod(at, columns) for at in rows_of_cell]), tuple(rows_of_cell.values()),
        tuple(label for label, _ in labels), tuple(share for _, share in labels),
        len(positions) - sum(len(cell_rows) for cell_rows in rows_of_cell.values()),
    )  # fmt: skip


def _label(embedding: Embedding, cell_rows: np.ndarray) -> tuple[str | None, float]:
    counts = Counter(label for row in cell_rows if (label := embedding.labels[row]) is not None)
    if not counts:
        return None, 0.0
    label, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return label, count / len(cell_rows)
