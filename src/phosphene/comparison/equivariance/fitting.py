"""The map of each layer, fitted to images and their transformed versions, its strength chosen on other images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...data.passing import Way, passed
from ...network import Network
from ...transformations import Transformation
from ..maps.layers import Studied, passes
from ..maps.mapping import LinearMap, unchanged
from ..maps.relations import relations
from ..maps.samples import FitAndChoice
from ..maps.transformed import SumsOfPairs, sums_of
from ..regression.ridge import ridge
from ..regression.sparse import pursuit


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


@dataclass(eq=False)
class Tally:
    """How many images took part in the fits, and why others could not."""

    images: int = 0
    stated: bool = True  # whether the class of every one is
    unreadable: tuple[str, ...] = ()


def fitted(
    network: Network, images: Any, transformation: Transformation, layers: Sequence[Studied], tally: Tally, how: Way, *,
    sparse: int | None, limit: int | None, seed: int,
) -> Iterator[tuple[str, Fitted | None]]:  # fmt: skip
    """Fits the map of every layer; yields what it is at in words, and each map once it stands. Fills in the tally."""
    for number, group in enumerate(passes(layers), 1):
        work = SumsOfPairs(images, transformation, tuple(group), limit, seed)
        gathered = work.begin([network])
        for words in passed(f"fitting {number}", work, [network], how, gathered, "fitting"):
            yield words, None
        tally.images, tally.unreadable = gathered.images, tuple(gathered.unreadable)
        tally.stated &= all(gathered.rows["stated"])
        for each in group:
            yield f"fitting: {each.name}", _solved(each, sums_of(gathered, each), sparse)


def _solved(each: Studied, sums: FitAndChoice, sparse: int | None) -> Fitted:
    fit, choice = sums
    if sparse is not None:
        weight, bias = pursuit(fit, sparse)
        strength, centre = np.nan, "zero"
    else:
        try:
            best = ridge(fit, choice, unchanged(each.channels, each.side))
        except ValueError as error:
            raise ValueError(f"{each.name}: {error}") from error
        weight, bias, strength, centre = best.weight, best.bias, best.strength, best.centre
    of_channels = relations(fit, each)
    linear = LinearMap.of(weight, bias, each.side)
    return Fitted(each, linear, strength, centre, of_channels.means, of_channels.correlation)
