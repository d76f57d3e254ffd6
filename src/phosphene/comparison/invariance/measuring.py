"""A pass over the images that measure: how far each channel changes, and which of its firings stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...measures.intervals import LEVEL, Interval
from ...measures.redrawn import RedrawnSums
from ...network import Network
from ...transformations import Transformation
from ..maps.layers import Studied
from ..maps.pairs import batch_for, maps_of, pair
from ..maps.turns import MEASURE, TURN
from .firing import Firing

DRAWS = 500  # of images, for the intervals
CHANGE, FIRINGS = "change of ", "firings of "


@dataclass(frozen=True, eq=False)
class Changes:
    """Sums of each channel's squared change where only places move, and of its squared distance from its mean."""

    images: Any
    transformation: Transformation
    layers: tuple[Studied, ...]
    means: tuple[Tensor, ...]  # (C,) of each layer: of the transformed images' values, over the images that fit
    limit: int | None
    seed: int

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        batch = batch_for([each.layer for each in self.layers])
        return ImageCollection(self.images, networks, limit=self.limit, turn=(TURN, MEASURE), batch=batch)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        changes = {CHANGE + each.name: RedrawnSums(2 * each.channels, DRAWS, self.seed) for each in self.layers}
        return Gathered({**changes, **{FIRINGS + each.name: Firing(self.seed) for each in self.layers}})

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        (network,) = networks
        both = pair(network, read.inputs[0], self.transformation)
        layers = [each.layer for each in self.layers]
        before, after = (maps_of(network, x, layers) for x in (both.before, both.after))
        for each, means in zip(self.layers, self.means, strict=True):
            resampling = self.transformation.resampling(each.grid, network.preprocessing.size)
            moved, target = resampling(before[each.name]), after[each.name]
            valid = resampling.valid.to(target.device)
            changed = (moved - target)[..., valid].double().square().sum(2)
            spread = (target - means.to(target).view(1, -1, 1, 1))[..., valid].double().square().sum(2)
            squares = np.concatenate([part.cpu().numpy() for part in (changed, spread)], 1)
            for index, entry in enumerate(read.entries):
                gathered.sums[CHANGE + each.name].add(entry.place, squares[index])
                gathered.sums[FIRINGS + each.name].add(entry.place, moved[index], target[index], resampling.valid)


def shares(sums: RedrawnSums, threshold: float, count: int) -> tuple[np.ndarray, Interval]:
    """Each channel's error, and the share of channels below the threshold with its interval over images."""
    _, spread = np.split(sums.all, 2)
    alive = spread > 1e-12 * spread.max()

    def errors_of(each: np.ndarray) -> np.ndarray:
        changed, below = np.split(each, 2, axis=-1)
        return np.where(alive & (below > 0), changed / np.maximum(below, 1e-300), np.nan)

    every = errors_of(sums.all)
    if not alive.any():
        return every, Interval(np.nan, np.nan, np.nan, count)
    drawn = errors_of(sums.drawn)[:, alive]
    drawn = drawn[~np.isnan(drawn).all(1)]  # where few images are drawn from, a draw may take none of them
    below = np.where(np.isnan(drawn), 0, drawn < threshold).sum(1) / (~np.isnan(drawn)).sum(1)
    low, high = np.quantile(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return every, Interval(float(np.mean(every[alive] < threshold)), float(low), float(high), count)
