"""The result of a similarity: a matrix of two networks' layers, with intervals and the images that it is of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ...instrument import Result
from ...picture import Sheet, Table, counted
from .similarity_picture import sheet_of, table_of

Kind = Literal["cka", "rsa", "procrustes", "cca"]
Kernel = Literal["linear", "rbf"]
Estimate = Literal["unbiased", "biased"]  # of cka
NAMES = {
    "cka": "CKA", "rsa": "RSA, Spearman's rank correlation", "procrustes": "Procrustes similarity",
    "cca": "mean canonical correlation",
}  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Similarity(Result):
    """A number for each pair of layers: rows are those of the first network, columns those of the second."""

    a: str
    b: str
    kind: Kind
    kernel: Kernel
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    values: np.ndarray = field(repr=False)  # (layers of a, layers of b)
    low: np.ndarray = field(repr=False)  # of 95 % intervals over batches (cka) or images (rsa); NaN elsewhere
    high: np.ndarray = field(repr=False)
    images: int
    hash: str  # of the images' contents, in their order
    same: bool  # whether both are the same network
    seed: int
    estimate: Estimate = "unbiased"
    chance: float = 0.0  # the value for images in another order; 0 in expectation for unbiased cka
    rest: int = 0  # images of batches that were too small to compare
    remarks: tuple[str, ...] = ()  # what the values are, where they are not a layer's own
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def streamed(self) -> bool:
        """Whether it is a mean over batches: unbiased CKA."""
        return self.kind == "cka" and self.estimate == "unbiased"

    @property
    def notes(self) -> tuple[str, ...]:
        left = [f"left out: {counted(self.rest, 'image')}, too few for a batch"] if self.rest else []
        return (*super().notes, *self.remarks, *left)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each layer of the first network: the layer of the second that is most alike, and how much."""
        rows: list[dict[str, Any]] = []
        for index, layer in enumerate(self.layers[0]):
            values = self.values[index]
            if np.isnan(values).all():
                rows.append({"layer": layer, "most_alike": None, "value": None, "interval": [None, None]})
                continue
            best = int(np.nanargmax(values))
            ends = [None if np.isnan(end) else float(end) for end in (self.low[index, best], self.high[index, best])]
            rows.append(
                {"layer": layer, "most_alike": self.layers[1][best], "value": float(values[best]), "interval": ends}
            )
        return rows

    @property
    def order(self) -> float:
        """Spearman's rank correlation of a layer's place with that of the layer most alike; NaN for few layers."""
        from scipy.stats import spearmanr

        places = [self.layers[1].index(row["most_alike"]) for row in self.rows if row["most_alike"] is not None]
        if len(places) < 3 or len(set(places)) < 2:
            return float("nan")
        return float(spearmanr(np.arange(len(places)), places).statistic)

    @property
    def words(self) -> str:
        """What comes out, in a sentence."""
        rows = [row for row in self.rows if row["value"] is not None]
        if not rows:
            return "nothing was measured yet"
        values = [row["value"] for row in rows]
        name = NAMES[self.kind].split(",")[0]
        name = f"biased {name}" if self.kind == "cka" and not self.streamed else name
        words = f"the layer of {self.b} that is most alike to one of {self.a} has {name} {min(values):.2f} to "
        words += f"{max(values):.2f}, {np.median(values):.2f} in the middle"
        if not self.streamed:
            words += f" (images in another order: {self.chance:.2f})"
        if np.isnan(self.order):
            return words
        return f"{words}; these layers come in the same order (rank correlation {self.order:.2f})".replace("-", "−")

    def sheet(self) -> Sheet:
        """The matrix as a heat map, with the most alike layers marked."""
        return sheet_of(self)

    def table(self) -> Table:
        """Each layer's most alike one."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        def listed(matrix: np.ndarray) -> list[list[float | None]]:
            return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]

        return {
            "a": self.a, "b": self.b, "kind": self.kind, "kernel": self.kernel, "estimate": self.estimate,
            "verdict": self.words, "images": self.images,
            "chance": None if np.isnan(self.chance) else self.chance, "hash": self.hash,
            "layers": [list(names) for names in self.layers],
            "values": listed(self.values), "low": listed(self.low), "high": listed(self.high), "seed": self.seed,
            "order": None if np.isnan(self.order) else self.order, "rows": self.rows,
            "remarks": list(self.remarks), "unreadable": list(self.unreadable),
        }  # fmt: skip
