"""The map of each layer, fitted to images and their transformed versions, and its error on others.

Images are taken in turns: of five, three fit the map, one chooses the strength of its penalty, one measures the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.collection import ImageCollection
from ...network import Network
from ...transformations import Transformation
from ..regression.moments import Moments
from ..regression.ridge import ridge
from ..regression.sparse import pursuit
from .layers import Studied, passes
from .mapping import LinearMap, neighbourhoods, unchanged
from .pairs import batch_for, maps_of, pair

TURN = 5  # images in a turn
FIT, CHOOSE, MEASURE = frozenset({0, 1, 2}), frozenset({3}), frozenset({4})
CELLS = 256  # places of an image that a fit takes at most
FEWEST = 10  # images
WAYS = ("uncompensated", "permuted", "learned")  # of predicting the values after the transformation


@dataclass(frozen=True, eq=False)
class Fitted:
    """A layer's map, with how it was chosen."""

    studied: Studied
    map: LinearMap
    strength: float  # of the ridge's penalty; NaN for a sparse map
    centre: str
    means: Tensor = field(repr=False)  # (C,): of the transformed images' values, over the images that fit
    # (C, C): the correlation of each channel (row) after with each channel (column) before, at the moved place
    correlation: np.ndarray = field(repr=False)
    single: tuple[np.ndarray, np.ndarray] = field(repr=False)  # (C,): each channel's best single source, and its weight


@dataclass(eq=False)
class Tally:
    """How many images took part in the fits, and why others could not."""

    images: int = 0
    stated: bool = True  # whether the class of every one is
    unreadable: tuple[str, ...] = ()


def fitted(
    network: Network, images: Any, transformation: Transformation, layers: Sequence[Studied], tally: Tally, *,
    sparse: int | None, limit: int | None, seed: int,
) -> Iterator[tuple[str, Fitted | None]]:  # fmt: skip
    """Fits the map of every layer; yields what it is at in words, and each map once it stands. Fills in the tally."""
    for group in passes(layers):
        sums = {each.name: (_moments(each), _moments(each)) for each in group}
        batch = batch_for([each.layer for each in group])
        source = ImageCollection(images, [network], limit=limit, batch=batch, turn=(TURN, FIT | CHOOSE))
        for read in source:
            roles = torch.tensor([entry.place % TURN in CHOOSE for entry in read.entries])
            with torch.no_grad():
                both = pair(network, read.inputs[0], transformation)
                before, after = (maps_of(network, x, [each.layer for each in group]) for x in (both.before, both.after))
            for each in group:
                _add(sums[each.name], each, transformation, network, before[each.name], after[each.name], roles, seed)
            tally.images = read.start + len(read)
            tally.stated &= bool((read.classes(network) >= 0).all())
            yield f"fitting: image {tally.images}{source.of_all}", None
        tally.unreadable = source.unreadable
        for each in group:
            yield f"fitting: {each.name}", _solved(each, *sums.pop(each.name), sparse)


def _moments(each: Studied) -> Moments:
    return Moments(each.depth, each.channels)


def _add(
    sums: tuple[Moments, Moments], each: Studied, transformation: Transformation, network: Network,
    before: Tensor, after: Tensor, chooses: Tensor, seed: int,
) -> None:  # fmt: skip
    """Adds each image's samples to the sums to fit by, or to those to choose by."""
    resampling = transformation.resampling(each.grid, network.preprocessing.size)
    places = resampling.valid.flatten().nonzero()[:, 0]
    if len(places) > CELLS:
        generator = torch.Generator().manual_seed(seed)
        places = places[torch.randperm(len(places), generator=generator)[:CELLS]]
    places = places.to(before.device)
    z = neighbourhoods(resampling(before), each.side)[..., places]  # (N, depth, places)
    y = after.flatten(2)[..., places]
    for target, chosen in zip(sums, (~chooses, chooses), strict=True):
        some = chosen.to(z.device)
        target.add(z[some].movedim(1, 2).flatten(0, 1), y[some].movedim(1, 2).flatten(0, 1))


def _solved(each: Studied, fit: Moments, held_out: Moments, sparse: int | None) -> Fitted:
    means = fit.means()[1]
    if sparse is not None:
        weight, bias = pursuit(fit, sparse)
        strength, centre = np.nan, "zero"
    else:
        try:
            best = ridge(fit, held_out, unchanged(each.channels, each.side))
        except ValueError as error:
            raise ValueError(f"{each.name}: {error}") from error
        weight, bias, strength, centre = best.weight, best.bias, best.strength, best.centre
    linear = LinearMap.of(weight, bias, each.side)
    return Fitted(each, linear, strength, centre, means, *_relations(fit, each))


def _relations(fit: Moments, each: Studied) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The correlations of channels before and after, and each one's best single source with its weight."""
    zz, zy, yy = fit.centred()
    middle = torch.arange(each.channels) * each.side**2 + each.side**2 // 2
    across, before, after = zy[middle].T, zz.diagonal()[middle].clamp(min=0), yy
    floor = [1e-12 * float(part.max()) + 1e-30 for part in (before, after)]
    correlation = across / (before.clamp(min=floor[0])[None] * after.clamp(min=floor[1])[:, None]).sqrt()
    correlation = torch.where((before > floor[0])[None] & (after > floor[1])[:, None], correlation, 0.0).clamp(-1, 1)
    source = correlation.abs().argmax(1)
    rows = torch.arange(each.channels)
    weight = across[rows, source] / before[source].clamp(min=floor[0])
    return correlation.float().numpy(), (source.numpy(), weight.numpy())


@dataclass(eq=False)
class Errors:
    """The squared errors of a layer's three predictions for each image that measures, and what they are shares of."""

    ways: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    total: list[float] = field(default_factory=list)
    moved: list[np.ndarray] = field(default_factory=list)  # (C,) a channel's squared change where only places move
    spread: list[np.ndarray] = field(default_factory=list)  # (C,) and its squared distance from its mean


def add_errors(
    errors: Errors, fit: Fitted, transformation: Transformation, network: Network, before: Tensor, after: Tensor
) -> None:
    """Adds the errors of each image, over all places whose values come from inside the frame."""
    resampling = transformation.resampling(fit.studied.grid, network.preprocessing.size)
    valid = resampling.valid.to(after.device)
    moved = resampling(before)
    predictions: Mapping[str, Tensor] = {"uncompensated": before, "permuted": moved, "learned": fit.map(moved)}
    for way, prediction in predictions.items():
        errors.ways[way] += (prediction - after)[..., valid].double().square().sum((1, 2)).tolist()
    distance = (after - fit.means.to(after).view(1, -1, 1, 1))[..., valid].double().square().sum(2)
    errors.total += distance.sum(1).tolist()
    errors.spread += list(distance.cpu().numpy())
    errors.moved += list((moved - after)[..., valid].double().square().sum(2).cpu().numpy())
