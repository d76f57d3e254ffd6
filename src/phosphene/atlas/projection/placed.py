"""New photos on the map of an atlas, which stays as it is: each where its own neighbours among the images are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, Photos
from ...picture import Photo, Sheet, files, read
from .embedding import Embedding, atlas_map
from .placed_picture import sheet_of
from .preservation import VOTERS
from .reduction import Method


@dataclass(frozen=True, eq=False, kw_only=True)
class Placed(Result):
    """Photos (M) and their positions on a map (M, 2), in the map's own units."""

    embedding: Embedding = field(repr=False)
    photos: tuple[Photo, ...] = field(repr=False)
    positions: np.ndarray = field(repr=False)
    near: np.ndarray = field(repr=False)  # (M, 5): rows of the map's images that are nearest to each, nearest first

    @property
    def labels(self) -> tuple[str | None, ...]:
        """For each photo the class that most of the images nearest to it have; None where they have none."""
        return tuple(self._label(row) for row in self.near)

    def _label(self, row: np.ndarray) -> str | None:
        counts = Counter(label for at in row if (label := self.embedding.labels[at]) is not None)
        return max(counts, key=counts.__getitem__) if counts else None

    def words(self) -> str:
        """What each photo came to lie among, and how."""
        sentences = [
            f"{photo.name} lies among {label}" if label is not None else f"{photo.name} lies near {self._key(row)}"
            for photo, label, row in zip(self.photos[:6], self.labels, self.near, strict=False)
        ]
        more = f", and {len(self.photos) - 6:,} more" if len(self.photos) > 6 else ""
        how = "along its axes" if self.embedding.method == "pca" else "by their nearest neighbours among its images"
        return f"{'; '.join(sentences)}{more}. The map stays as it is; photos are placed on it {how}."

    def _key(self, row: np.ndarray) -> str:
        return self.embedding.keys[row[0]]

    def sheet(self, *, names: bool = True, side: int = 56) -> Sheet:
        """The map in grey, and the photos at their places, each with its name.

        - `names`: write the classes' names beside their points
        - `side`: side of a photo's thumbnail, in the drawing's pixels
        """
        if not 8 <= side <= 200:
            raise ValueError(f"a thumbnail has a side of 8 to 200, not {side}")
        return sheet_of(self, names, side)

    def to_dict(self) -> dict[str, Any]:
        whole = self.embedding
        return {
            "network": whole.network,
            "layer": whole.layer,
            "method": whole.method,
            "photos": [
                {
                    "name": photo.name, "x": float(x), "y": float(y), "label": label,
                    "nearest": [{"id": int(whole.ids[at]), "image": whole.keys[at], "label": whole.labels[at]}
                                for at in row],
                }
                for photo, (x, y), label, row in zip(self.photos, self.positions, self.labels, self.near, strict=True)
            ],
        }  # fmt: skip


@instrument
def atlas_place(
    atlas: AtlasLike,
    photos: Photos | Any,
    *,
    features: str | None = None,
    method: Method = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
    sweep: str | None = None,
) -> Placed:
    """The places of new photos on the map of an atlas; the map does not change.

    Raises what `atlas_map` does, and what `read` does for photos that can't be read.

    - `photos`: files, or folders of them; in Python also photos
    - `features`: the layer whose features are used; the first that the atlas stores if not given
    - `method`: how the map is made: tsne, umap or pca
    - `perplexity`: for t-SNE, the effective number of neighbours
    - `seed`: seed of the random numbers
    - `sweep`: whose features to use, if the atlas stores those of several networks
    """
    opened_photos = tuple(read(one) for one in files(photos))
    embedding = atlas_map(atlas, features, method=method, perplexity=perplexity, seed=seed, sweep=sweep)
    positions = embedding.place(list(opened_photos))
    apart = np.linalg.norm(positions[:, None] - embedding.positions[None], axis=2)
    near = apart.argsort(axis=1, kind="stable")[:, :VOTERS]
    return Placed(embedding=embedding, photos=opened_photos, positions=positions, near=near)
