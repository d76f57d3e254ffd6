"""The layers of stitches, fitted by regression, and trained through the top's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...network import Network
from ..maps.going_on import scores_where
from ..maps.pairs import batch_for, maps_of
from ..maps.samples import add_samples, some_of
from ..maps.turns import CHOOSE, FIT, TURN, chooses
from ..regression.by_task import Linear, trained
from ..regression.moments import Moments
from ..regression.ridge import ridge
from .pairs import LayerPair

CELLS = 196  # places of an image that a fit takes at most
SOURCES = ("learned", "untrained", "shuffled")  # of the values that a layer is fitted to


@dataclass(frozen=True, eq=False)
class PairFit:
    """The layers that were fitted for a pair, by the values they are fitted to."""

    layers: Mapping[str, Linear] = field(repr=False)
    strength: float
    means: Tensor = field(repr=False)  # (channels of B,): over the images that fit


@dataclass(frozen=True, eq=False)
class Stitches:
    """Pairs of layers of the networks A, A before its training, and B, and images that run through all three."""

    images: Any
    pairs: tuple[LayerPair, ...]
    limit: int | None
    seed: int

    def source(self, networks: Sequence[Network], turn: frozenset[int], batch: int | None = None) -> ImageCollection:
        layers = [layer for pair in self.pairs for layer in (pair.a, pair.a, pair.b)]
        return ImageCollection(
            self.images, networks, limit=self.limit, turn=(TURN, turn), batch=batch or batch_for(layers)
        )

    def inputs(self, networks: Sequence[Network], read: Batch) -> list[tuple[dict[str, Tensor], Tensor]]:
        """For each pair what its layers are fitted to, at B's places, and the target."""
        first, second = [pair.a for pair in self.pairs], [pair.b for pair in self.pairs]
        of_each = zip(networks, read.inputs, (first, first, second), strict=True)
        of_a, of_blank, of_b = (maps_of(network, x, layers) for network, x, layers in of_each)
        result = []
        for pair in self.pairs:
            target = of_b[pair.b.name]
            order = torch.randperm(pair.channels[1], generator=torch.Generator().manual_seed(self.seed))
            inputs = {
                "learned": pair.places(of_a[pair.a.name].to(target.device)),
                "untrained": pair.places(of_blank[pair.a.name].to(target.device)),
                "shuffled": target[:, order.to(target.device)],
            }
            result.append((inputs, target))
        return result


@dataclass(frozen=True, eq=False)
class StitchSums:
    """The sums that the layers are fitted by; a row for each image: whether B's classes hold its own."""

    stitches: Stitches

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        return self.stitches.source(networks, FIT | CHOOSE)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        sums = {}
        for index, pair in enumerate(self.stitches.pairs):
            for name in SOURCES:
                for what in ("fit", "choose"):
                    sums[f"{index} {name} {what}"] = Moments(pair.channels[name == "shuffled"], pair.channels[1])
        return Gathered(sums)

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        which = chooses(read.entries)
        for index, (inputs, target) in enumerate(self.stitches.inputs(networks, read)):
            places = some_of(torch.arange(target[0, 0].numel()), CELLS, self.stitches.seed).to(target.device)
            y = target.flatten(2)[..., places]
            for name in SOURCES:
                add_samples(self.sums(gathered, index, name), inputs[name].flatten(2)[..., places], y, which)
        gathered.extend("stated", (read.classes(networks[2]) >= 0).tolist())

    def sums(self, gathered: Gathered, index: int, name: str) -> tuple[Moments, Moments]:
        fit, choice = (gathered.sums[f"{index} {name} {what}"] for what in ("fit", "choose"))
        return fit, choice

    def solved(self, gathered: Gathered) -> Iterator[PairFit]:
        """The layers of each pair."""
        for index, pair in enumerate(self.stitches.pairs):
            layers, strength = {}, 0.0
            for name in SOURCES:
                try:
                    best = ridge(*self.sums(gathered, index, name))
                except ValueError as error:
                    raise ValueError(f"{pair.name}: {error}") from error
                layers[name] = best.weight.T.float(), best.bias.float()
                strength = best.strength if name == "learned" else strength
            yield PairFit(layers, strength, self.sums(gathered, index, "learned")[0].means()[1])


def trained_by_answers(
    stitches: Stitches, networks: Sequence[Network], fits: Sequence[PairFit], stated: bool, steps: int
) -> Iterator[tuple[str, int, Linear]]:
    """Trains each pair's layer by the classifier's loss: in words where it is, the pair's number, and its layer so far.

    The answers are the stated classes where those of all images are known, else B's own.
    """
    a, _, b = networks

    def targets() -> Iterator[tuple[Tensor, Tensor]]:
        for read in stitches.source(networks, FIT, 16):
            own = b.scores(read.inputs[2])
            wanted = F.one_hot(read.classes(b), own.shape[1]).to(own) if stated else b.probabilities(own)
            yield read.inputs[0], wanted

    for index, each in enumerate(stitches.pairs if steps else ()):

        def scores(x: Tensor, layer: Linear, pair: LayerPair = each) -> Tensor:
            return scores_of_top(b, pair, pair.places(maps_of(a, x, [pair.a])[pair.a.name]), layer)

        for step, loss, layer in trained(fits[index].layers["learned"], scores, targets, steps):
            yield f"training: {each.name}, step {step} of {steps}, loss {loss:.3g}", index, layer


def scores_of_top(b: Network, pair: LayerPair, maps: Tensor, layer: Linear | None) -> Tensor:
    """The top's scores for the bottom's maps at its places, through a layer or without one."""
    on_grid = maps.to(b.device)
    mapped = applied(layer, on_grid) if layer is not None else fitting_channels(on_grid, pair.channels[1])
    size = (b.channels or 3, *b.preprocessing.size)
    blank = torch.zeros(len(mapped), *size, device=b.device, dtype=b.dtype)
    if b.steadiness(tuple(size[1:])).coupled:  # images go through the top one by one
        each = zip(blank.split(1), mapped.split(1), strict=True)
        return torch.cat([scores_where(b, x, pair.b, partial(_instead, one)) for x, one in each])
    return scores_where(b, blank, pair.b, partial(_instead, mapped))


def _instead(mapped: Tensor, own: Tensor) -> Tensor:
    """What comes from the bottom, in the place of the top's own maps."""
    return mapped


def applied(layer: Linear, maps: Tensor) -> Tensor:
    """Maps (N, channels in, rows, columns) through an affine map of channels."""
    weight, bias = layer
    return torch.einsum("oc,nchw->nohw", weight.to(maps), maps) + bias.to(maps).view(1, -1, 1, 1)


def fitting_channels(maps: Tensor, channels: int) -> Tensor:
    """The first so many channels, with zeros for those that are missing: what a stitch without a layer has."""
    missing = channels - maps.shape[1]
    return F.pad(maps, (0, 0, 0, 0, 0, missing)) if missing > 0 else maps[:, :channels]
