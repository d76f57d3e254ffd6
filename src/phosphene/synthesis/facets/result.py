"""What facets give: an image for each group of photos, as many restarts, and how far each are from one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...picture import Block, DrawingBlock, ImageBlock, Row, Sheet, Table, compact, grid
from ...picture.chart import over_steps
from ..engine.synthesis import WIDTH, Synthesis, pixels, tiled
from .groups import Group

FACET, COLUMNS = 300.0, 3  # pixels of a facet's width on the sheet, and photos in a row


@dataclass(frozen=True, eq=False, kw_only=True)
class Facets(Synthesis):
    """An image for each group of the photos that a unit answers to most, and as many from noise."""

    layer: str  # where photos are grouped
    pulling: tuple[str, ...]  # where images are drawn to their photos
    measured: str  # where images are compared
    pull: float
    groups: tuple[Group, ...]
    begun: Tensor = field(repr=False)  # (N, 3, H, W): the groups' means, with more contrast
    restarts: Tensor = field(repr=False)  # (N, 3, H, W)
    restart_scores: Tensor  # (N,)
    restart_history: Tensor = field(repr=False)
    distances: dict[str, float]  # of "facets" and of "restarts", mean over pairs, where images are compared
    matched: int  # facets that are nearer to their own photos' centre than to any other's, there
    photo_score: float  # the best of all photos
    unreadable: tuple[str, ...] = ()

    def frame(self) -> np.ndarray:
        """The facets above the restarts, as one frame of a film."""
        return grid(pixels(torch.cat([self.images, self.restarts])), scale=1, columns=len(self.images)).pixels

    def sheet(self, *, photos: bool = True) -> Sheet:  # type: ignore[override]
        """For each facet its image, its starting image and photos of its group; then the restarts, and the comparison.

        - `photos`: show the photos of each group, and their mean
        """
        captions = [
            f"{compact(float(score))}: {_photos(group)}" for score, group in zip(self.scores, self.groups, strict=True)
        ]
        blocks: list[Block] = (
            self._with_photos(captions) if photos else [tiled(self.images, captions, len(captions), "Facets")]
        )
        scores = [compact(float(score)) for score in self.restart_scores]
        blocks.append(tiled(self.restarts, scores, len(scores), "For comparison: from noise"))
        lines = [each.float().mean(1).tolist() for each in (self.history, self.restart_history)]
        plot = over_steps(lines, ["facets", "from noise"], up=self.objective, width=520)
        blocks.append(Row([DrawingBlock(plot), self._table()], gap=48))
        return self.sheet_of(blocks)

    def _with_photos(self, captions: list[str]) -> list[Block]:
        rows: list[Block] = []
        for number, group in enumerate(self.groups):
            image, start = pixels(torch.stack([self.images[number], self.begun[number]]))
            full = max(1, len(group.photos) // COLUMNS) * COLUMNS  # no row is left half empty
            photos = grid(pixels(group.photos[:full]), columns=COLUMNS, gutter=8)
            row = [
                ImageBlock(image, f"Facet {number + 1}", captions[number], width=FACET, crisp=False),
                ImageBlock(start, "its start", width=FACET / 2, crisp=False),
                ImageBlock(photos.pixels, "photos of its group", width=WIDTH - 2 * FACET, crisp=False),
            ]
            rows.append(Row(row, gap=28))
        return rows

    def _table(self) -> Table:
        means = [compact(float(scores.double().mean())) for scores in (self.scores, self.restart_scores)]
        rows = [
            ("mean score", *means),
            ("distance of any two", *(compact(self.distances[name]) for name in ("facets", "restarts"))),
            ("nearest to their own photos", f"{self.matched} of {len(self.images)}", "–"),
            ("best photo's score", compact(self.photo_score), "–"),
        ]
        return Table(["", "facets", "from noise"], rows)

    @property
    def heading(self) -> str:
        return f"{len(self.images)} facets of {self.objective}"

    @property
    def caption(self) -> str:
        pull_text = f"Drawn to them with {self.pull:g} at {' and '.join(self.pulling)}. " if self.pull else ""
        return (
            f"{super().caption} Photos are grouped by the means of {self.layer} over its places. {pull_text}Images are "
            f"compared by those of {self.measured}; distances are 1 − the cosine."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "layer": self.layer,
            "pulling": list(self.pulling),
            "measured": self.measured,
            "pull": self.pull,
            "groups": [{"count": group.count, "photos": list(group.names)} for group in self.groups],
            "restart_scores": self.restart_scores.tolist(),
            "restart_history": self.restart_history.tolist(),
            "distances": self.distances,
            "matched": self.matched,
            "photo_score": self.photo_score,
            "unreadable": list(self.unreadable),
        }


def _photos(group: Group) -> str:
    return f"{group.count} photo{'s' * (group.count != 1)}"
