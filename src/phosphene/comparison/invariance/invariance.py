"""Which channels does a transformation of the image leave alone? Layer by layer, by three criteria.

A channel is invariant to g where its values for g(x), at the places that g moves them to, are those for x: the map M_g
of equivariance is the identity for it (K. Lenc and A. Vedaldi, *Understanding image representations by measuring their
equivariance and equivalence*, CVPR 2015). A map is not unique where channels depend on each other, so we ask values
first and the map beside:

    by values   E (φ_c(g x) - P_g φ_c(x))² < τ Var φ_c(g x), on images that fit nothing; τ = 0.5 is ours
    by the map  of all channels, φ_c itself predicts φ_c(g x) best by a line through the means, and the line's slope is
                between 2/3 and 3/2
    firing      the share of a channel's firings that g keeps: values above the threshold that 1 % of all exceed (I.
                Goodfellow and others, *Measuring invariances in deep networks*, NIPS 2009); by chance it would be 1 %.
                Their score is this share over 1 %
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...data.collection import ImageCollection
from ...instrument import Result, instrument
from ...instrument.roles import ImageSource, LayerNames
from ...measures.intervals import LEVEL, Interval
from ...network import Network
from ...picture import Sheet, Table
from ...transformations import Transformation, transformation_of
from ..equivariance.fitting import FEWEST, MEASURE, TURN, Errors, Fitted, Tally, add_errors, fitted
from ..equivariance.layers import layers_of, studied
from ..equivariance.pairs import batch_for, maps_of, pair
from ..roles import By
from .firing import Firing
from .invariance_picture import sheet_of, table_of

THRESHOLD = 0.5
DRAWS = 500  # of images, for the intervals
SLOPES = 2 / 3, 3 / 2


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else number


@dataclass(frozen=True, eq=False)
class LayerKeeps:
    """A layer's channels, and which of them a transformation leaves alone."""

    layer: str
    depth: float  # its place among the network's values, from 0 to 1
    errors: np.ndarray = field(repr=False)  # (channels,): squared change over variance; NaN for a constant channel
    share: Interval  # of channels that are invariant by values, with an interval over images
    by_map: np.ndarray = field(repr=False)  # (channels,) bool
    firing: np.ndarray = field(repr=False)  # (channels,): the share of firings that is kept; NaN for none

    @property
    def share_by_map(self) -> float:
        return float(self.by_map.mean())

    @property
    def firings_kept(self) -> float:
        """The mean over channels."""
        return float(np.nanmean(self.firing)) if not np.isnan(self.firing).all() else float("nan")

    def to_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer, "channels": len(self.errors), "depth": self.depth, "share": _or_none(self.share.mean),
            "share_interval": [_or_none(self.share.low), _or_none(self.share.high)], "share_by_map": self.share_by_map,
            "firings_kept": _or_none(self.firings_kept), "median_error": _or_none(float(np.nanmedian(self.errors))),
        }  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Invariance(Result):
    """The share of channels that a transformation leaves alone, for each layer."""

    network: str
    by: str
    layers: tuple[LayerKeeps, ...]
    images: int  # that measured
    threshold: float
    seed: int
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each layer, with its name and the share of its channels that are invariant."""
        return [each.to_dict() for each in self.layers]

    @property
    def trend(self) -> float:
        """Spearman's rank correlation of depth with the share of invariant channels; NaN for one layer."""
        from scipy.stats import spearmanr

        shares = [each.share.mean for each in self.layers]
        if len(shares) < 2 or len(set(shares)) < 2:
            return float("nan")
        return float(spearmanr([each.depth for each in self.layers], shares).statistic)

    @property
    def words(self) -> str:
        """What comes out, in a sentence."""
        if not self.layers:
            return f"nothing was measured for {self.by} yet"
        first, last = self.layers[0], self.layers[-1]
        words = f"{self.by} leaves {first.share.mean:.0%} of the channels of {first.layer} alone"
        if last is first:
            return words
        words += f" and {last.share.mean:.0%} of those of {last.layer}"
        falls = [
            f"{one.layer} to {other.layer}"
            for one, other in zip(self.layers, self.layers[1:], strict=False)
            if other.share.high < one.share.low
        ]
        if not np.isnan(self.trend):
            words += f"; over the depth the rank correlation is {self.trend:.2f}".replace("-", "−")
        return words + (f", and it falls from {', from '.join(falls)}" if falls else "")

    @property
    def notes(self) -> tuple[str, ...]:
        return (*super().notes, *self.left_out)

    def sheet(self) -> Sheet:
        """The shares over the layers, and the errors of all channels."""
        return sheet_of(self)

    def table(self) -> Table:
        """The numbers of every layer."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network, "by": self.by, "verdict": self.words, "images": self.images,
            "threshold": self.threshold, "trend": _or_none(self.trend), "seed": self.seed, "rows": self.rows,
            "unreadable": list(self.unreadable),
        }  # fmt: skip


@instrument
def invariance(
    network: Network,
    images: ImageSource,
    by: By = "flip-horizontal",
    *,
    layers: LayerNames | None = None,
    threshold: float = THRESHOLD,
    limit: int | None = 300,
    seed: int = 0,
) -> Iterator[Invariance]:
    """How many channels of each layer a transformation of the image leaves alone: by values, by the map, by firing.

    Raises ValueError for fewer than ten images, LookupError for an unknown layer or transformation.

    - `images`: a folder, archive, table or data set of images, or photos
    - `by`: the transformation, such as flip-horizontal, rotate:45, scale:1.25, translate:0.1,0, crop:0.8, grey,
      brightness:1.3, blur:2, or several with + between them
    - `layers`: which layers; if not given, the first convolution and the outputs of blocks, spread over the depth
    - `threshold`: a channel is invariant where its squared change is below this share of its variance
    - `limit`: how many images to use at most, spread over all
    - `seed`: which places of large layers are looked at
    """
    g = transformation_of(by)
    if not 0 < threshold <= 2:
        raise ValueError(f"a threshold is a share of the variance, above 0 and at most 2, not {threshold}")
    chosen = [studied(layer, 1) for layer in layers_of(network, layers)]
    for each in chosen:
        network.steadiness().insist(network.name, each.name, "whether a channel changes is asked of values that repeat")
    collection = ImageCollection(images, [network], limit=limit)
    if collection.count is not None and collection.count < FEWEST:
        raise ValueError(f"this needs {FEWEST} images at least, and there are {collection.count}")
    began = Invariance(network=network.name, by=str(g), layers=(), images=0, threshold=threshold, seed=seed)
    fits: list[Fitted] = []
    step = 0
    with torch.no_grad():
        tally = Tally()
        for words, fit in fitted(network, images, g, chosen, tally, sparse=None, limit=limit, seed=seed):
            step += 1
            fits += [] if fit is None else [fit]
            yield replace(began, progress=words, step=step)
        began = replace(began, unreadable=tally.unreadable)
        for result in _measured(network, images, g, fits, limit, began):
            step += 1
            yield replace(result, step=step)


def _measured(
    network: Network, images: Any, g: Transformation, fits: list[Fitted], limit: int | None, began: Invariance
) -> Iterator[Invariance]:
    layers = [fit.studied.layer for fit in fits]
    errors, firing = [Errors() for _ in fits], [Firing(began.seed) for _ in fits]
    source = ImageCollection(images, [network], limit=limit, turn=(TURN, MEASURE), batch=batch_for(layers))
    for read in source:
        both = pair(network, read.inputs[0], g)
        before, after = (maps_of(network, x, layers) for x in (both.before, both.after))
        for fit, of_layer, fires in zip(fits, errors, firing, strict=True):
            name = fit.studied.name
            add_errors(of_layer, fit, g, network, before[name], after[name])
            resampling = g.resampling(fit.studied.grid, network.preprocessing.size)
            fires.add(resampling(before[name]), after[name], resampling.valid)
        yield replace(began, progress=f"measuring: image {read.start + len(read)}{source.of_all}")
    count = len(errors[0].total)
    if count < 2:
        raise ValueError("too few images could be read to measure by; give more")
    names = [layer.name for layer in network.layers()]
    rows = tuple(
        LayerKeeps(
            fit.studied.name, names.index(fit.studied.name) / max(1, len(names) - 1),
            *_shares(of_layer, began.threshold, began.seed), _by_map(fit), fires.kept(),
        )
        for fit, of_layer, fires in zip(fits, errors, firing, strict=True)
    )  # fmt: skip
    yield replace(began, layers=rows, images=count, unreadable=(*began.unreadable, *source.unreadable), progress="done")


def _shares(errors: Errors, threshold: float, seed: int) -> tuple[np.ndarray, Interval]:
    """Each channel's error, and the share of channels below the threshold with its interval over images."""
    moved, spread = np.stack(errors.moved), np.stack(errors.spread)  # (images, channels)
    alive = spread.sum(0) > 1e-12 * spread.sum(0).max()

    def errors_over(chosen: np.ndarray) -> np.ndarray:
        below = spread[chosen].sum(0)
        return np.where(alive & (below > 0), moved[chosen].sum(0) / np.maximum(below, 1e-300), np.nan)

    every = errors_over(np.arange(len(moved)))
    if not alive.any():
        return every, Interval(np.nan, np.nan, np.nan, len(moved))
    draws = np.random.default_rng(seed).integers(len(moved), size=(DRAWS, len(moved)))
    shares = [np.nanmean(errors_over(draw)[alive] < threshold) for draw in draws]
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return every, Interval(float(np.mean(every[alive] < threshold)), float(low), float(high), len(moved))


def _by_map(fit: Fitted) -> np.ndarray:
    source, weight = fit.single
    return (source == np.arange(len(source))) & (weight > SLOPES[0]) & (weight < SLOPES[1])
