"""A pass over the images that choose and those that measure: errors of the maps, and answers.

Columns, one in each for an image that measures: `total LAYER` and `WAY error LAYER` are squares, the images' own and
the errors'; `compensated LAYER` and `whole LAYER` are those of the local error. Answers are of images that choose, too,
which the column `chooses` tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...network import Network
from ...transformations import Transformation
from ..maps.pairs import Pair, batch_for, maps_of, pair
from ..maps.turns import CHOOSE, MEASURE, TURN, chooses
from .fitting import Fitted
from .local import Local
from .restoring import REFUSED, Answering

WAYS = ("uncompensated", "permuted", "learned")  # of predicting the values after the transformation
EXAMPLE = "example before", "example after"  # columns of the first image that measures, and its version


@dataclass(frozen=True, eq=False)
class Measuring:
    """What a study of equivariance measures on images that fit nothing."""

    images: Any
    transformation: Transformation
    fits: tuple[Fitted, ...]
    answering: Answering | None
    nearby: Local | None
    limit: int | None

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        batch = batch_for([fit.studied.layer for fit in self.fits])
        turn = TURN, MEASURE if self.answering is None else CHOOSE | MEASURE
        return ImageCollection(self.images, networks, limit=self.limit, turn=turn, batch=batch)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        return Gathered()

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        (network,) = networks
        if self.answering is not None and REFUSED not in gathered.rows:
            self.answering.add(network, gathered, read)
        choosing = chooses(read.entries)
        gathered.extend("chooses", choosing.tolist())
        x = read.inputs[0][~choosing.to(read.inputs[0].device)]
        if not len(x):
            return
        layers = [fit.studied.layer for fit in self.fits]
        both = pair(network, x, self.transformation)
        before, after = (maps_of(network, images, layers) for images in (both.before, both.after))
        for fit in self.fits:
            name = fit.studied.name
            self._add_errors(network, gathered, fit, before[name], after[name])
        if self.nearby is not None:
            self.nearby.add(network, gathered, both.before, layers)
        if EXAMPLE[0] not in gathered.rows:
            for column, image in zip(EXAMPLE, shown(network, both), strict=True):
                gathered.extend(column, [image])

    def _add_errors(self, network: Network, gathered: Gathered, fit: Fitted, before: Tensor, after: Tensor) -> None:
        """Adds the errors of each image, over all places whose values come from inside the frame."""
        name = fit.studied.name
        resampling = self.transformation.resampling(fit.studied.grid, network.preprocessing.size)
        valid = resampling.valid.to(after.device)
        moved = resampling(before)
        predictions: Mapping[str, Tensor] = {"uncompensated": before, "permuted": moved, "learned": fit.map(moved)}
        for way, prediction in predictions.items():
            gathered.extend(f"{way} error {name}", _squares(prediction - after, valid))
        gathered.extend(f"total {name}", _squares(after - fit.means.to(after).view(1, -1, 1, 1), valid))


def _squares(maps: Tensor, valid: Tensor) -> list[float]:
    return maps[..., valid].double().square().sum((1, 2)).tolist()


def shown(network: Network, both: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The first image and its version as pixels (H, W, 3)."""

    def pixels(x: Tensor) -> np.ndarray:
        image = network.denormalise(x[:1]).float().clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
        colours = np.repeat(image, 3, 2) if image.shape[2] == 1 else image
        return (255 * colours).round().astype(np.uint8)

    return pixels(both.before), pixels(both.after)
