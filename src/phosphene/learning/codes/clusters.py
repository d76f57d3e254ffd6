"""Clusters of codes: k-means on what a system encodes, beside k-means on pixels and on principal components.

    NMI   2 I(classes; clusters) / (H(classes) + H(clusters)): 1 where one tells the other
    ARI   the share of pairs on which both agree, adjusted so that 0 is what chance gives (Hubert & Arabie 1985)

Intervals are 1.96 standard errors to each side, from halves of the images drawn without replacement, whose spread is
that of the whole; the clusters stay as they are. (Images that are drawn twice would agree with themselves.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result
from ...picture import Block, DrawingBlock, Row, Sheet, Table
from ..pictures.plane import class_colours, plane
from ..pictures.tiles import block, is_image
from ..sets.dataset import DataSet
from ..sets.own import data_set
from ..system import CHUNK, System

MOST, AGAIN, TILES = 2000, 200, 16  # images, draws of an interval, and tiles of a cluster
SPACES = ("codes", "principal components", "pixels")


@dataclass(frozen=True, eq=False)
class Clusters(Result):
    """`members` (N,) is the cluster of each image by its code; `agreement` holds for each space (value, low, high)."""

    system: str
    data: str
    members: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)  # (N,) of a code to its cluster's mean
    codes: np.ndarray = field(repr=False)
    images: Tensor = field(repr=False)
    labels: Tensor | None = field(repr=False)
    agreement: dict[str, dict[str, tuple[float, float, float]]]

    def table(self) -> Table:
        rows = []
        for space, numbers in self.agreement.items():
            rows.append([space, *(f"{v:.3f} ({low:.3f} to {high:.3f})" for v, low, high in numbers.values())])
        return Table(["k-means on", "NMI", "ARI"], rows)

    def tiles(self) -> Block:
        """A row for each cluster, of the images nearest to its mean."""
        rows = []
        for cluster in range(self.members.max() + 1):
            inside = np.flatnonzero(self.members == cluster)
            nearest = inside[np.argsort(self.distances[inside], kind="stable")][:TILES]
            row = torch.ones(TILES, *self.images.shape[1:])
            row[: len(nearest)] = self.images[nearest]
            rows.append(row)
        caption = "A row for each cluster: the images nearest to its mean."
        return block(torch.cat(rows), TILES, "Clusters", caption, side=34)

    def map(self) -> Block:
        """Images at the first two principal components of their codes."""
        colours = class_colours(self.labels, len(self.images))
        words = "; a colour each class." if self.labels is not None else "."
        drawing = plane(_components(self.codes, 2), self.images, colours)
        return DrawingBlock(drawing, "Map of codes", f"The first two principal components of the codes{words}")

    def sheet(self) -> Sheet:
        title = f"Clusters of codes: {self.system} on {self.data}"
        pictures = [Row([self.tiles(), self.map()])] if is_image(self.images.shape[1:]) else []
        tables: list[Block] = [self.table()] if self.agreement else []
        caption = f"{len(self.images):,} images that the system has not learned from. Intervals are 95 %."
        return Sheet(title, "", [*tables, *pictures], caption=caption, description=title)


def clusters(system: System, data: Any = "mnist-5k", *, count: int | None = None, seed: int = 0) -> Clusters:
    """Clusters of the codes of held-out images, and how well they agree with the classes where there are any.

    `data` is a data set as `fit` takes it; `count` clusters, or as many as classes. At most 2,000 images are taken.
    """
    from sklearn.cluster import KMeans

    held = data if isinstance(data, DataSet) else data_set(data)
    images = held.test.batch(torch.arange(min(MOST, len(held.test)))).x
    labels = None if held.test.labels is None else held.test.labels[: len(images)]
    count = count or (len(held.classes) if held.classes else 10)
    if not 2 <= count <= len(images):
        raise ValueError(f"{len(images)} images make 2 to {len(images)} clusters, not {count}")
    with torch.no_grad():
        codes = torch.cat([system.eval()(part) for part in images.split(CHUNK)]).double().numpy()
    pixels = images.flatten(1).double().numpy()
    spaces = {"codes": codes, "principal components": _components(pixels, codes.shape[1]), "pixels": pixels}
    made = {space: KMeans(count, n_init=4, random_state=seed).fit(spaces[space]) for space in SPACES}
    agreement: dict[str, dict[str, tuple[float, float, float]]] = {}
    if labels is not None:
        agreement = {space: _agreement(labels.numpy(), means.labels_, seed) for space, means in made.items()}
    own = made["codes"]
    distances = np.linalg.norm(codes - own.cluster_centers_[own.labels_], axis=1)
    return Clusters(system.name, held.name, own.labels_, distances, codes, images, labels, agreement)


def _components(x: np.ndarray, count: int) -> np.ndarray:
    centred = x - x.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:count].T


def _agreement(labels: np.ndarray, members: np.ndarray, seed: int) -> dict[str, tuple[float, float, float]]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    generator = np.random.default_rng(seed)
    halves = [generator.permutation(len(labels))[: len(labels) // 2] for _ in range(AGAIN)]
    numbers = {}
    for name, score in (("NMI", normalized_mutual_info_score), ("ARI", adjusted_rand_score)):
        value = float(score(labels, members))
        reach = 1.96 * float(np.std([score(labels[half], members[half]) for half in halves], ddof=1))
        numbers[name] = (value, value - reach, value + reach)
    return numbers
