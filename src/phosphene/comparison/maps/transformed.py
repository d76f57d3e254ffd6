"""A pass over images and their transformed versions: the sums that the maps of layers are fitted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...network import Network
from ...transformations import Transformation
from ..regression.moments import Moments
from .layers import Studied
from .mapping import neighbourhoods
from .pairs import batch_for, maps_of, pair
from .samples import FitAndChoice, add_samples, some_of
from .turns import CHOOSE, FIT, TURN, chooses

CELLS = 256  # places of an image that a fit takes at most


@dataclass(frozen=True, eq=False)
class SumsOfPairs:
    """Of each layer the samples z, its values at moved places, and y, those for the transformed image.

    One in `rows` for each image: whether its class is stated. With `choosing` there are sums to choose by, too.
    """

    images: Any
    transformation: Transformation
    layers: tuple[Studied, ...]
    limit: int | None
    seed: int
    choosing: bool = True

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        batch = batch_for([each.layer for each in self.layers])
        turn = TURN, FIT | CHOOSE if self.choosing else FIT
        return ImageCollection(self.images, networks, limit=self.limit, batch=batch, turn=turn)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        sums = {name: Moments(each.depth, each.channels) for each in self.layers for name in _names(each)}
        return Gathered(sums if self.choosing else {name: sums[name] for name in sums if name.endswith(FITS)})

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        (network,) = networks
        both = pair(network, read.inputs[0], self.transformation)
        layers = [each.layer for each in self.layers]
        before, after = (maps_of(network, x, layers) for x in (both.before, both.after))
        for each in self.layers:
            resampling = self.transformation.resampling(each.grid, network.preprocessing.size)
            places = some_of(resampling.valid.flatten().nonzero()[:, 0], CELLS, self.seed).to(after[each.name].device)
            z = neighbourhoods(resampling(before[each.name]), each.side)[..., places]  # (N, depth, places)
            y = after[each.name].flatten(2)[..., places]
            if self.choosing:
                add_samples(sums_of(gathered, each), z, y, chooses(read.entries))
            else:
                gathered.sums[_names(each)[0]].add(z.movedim(1, 2).flatten(0, 1), y.movedim(1, 2).flatten(0, 1))
        gathered.extend("stated", (read.classes(network) >= 0).tolist())


FITS, CHOOSES = " to fit by", " to choose by"


def _names(each: Studied) -> tuple[str, str]:
    return each.name + FITS, each.name + CHOOSES


def sums_of(gathered: Gathered, each: Studied) -> FitAndChoice:
    """A layer's sums to fit by, and to choose by."""
    fit, choice = (gathered.sums[name] for name in _names(each))
    return fit, choice
