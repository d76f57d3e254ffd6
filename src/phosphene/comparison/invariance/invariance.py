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
from ...data.passing import passed, way_of
from ...instrument import Result, instrument
from ...instrument.roles import CheckpointFolder, Cluster, ImageSource, LayerNames
from ...measures.intervals import Interval
from ...network import Network
from ...network.room import human
from ...picture import Sheet, Table
from ...transformations import transformation_of
from ..maps.layers import Studied, depth_of, layers_of, passes, studied
from ..maps.relations import Relations, relations
from ..maps.samples import check_sums
from ..maps.transformed import FITS, SumsOfPairs
from ..maps.turns import check_enough
from ..roles import By
from .invariance_picture import sheet_of, table_of
from .measuring import CHANGE, FIRINGS, Changes, shares

THRESHOLD = 0.5
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
    sums_bytes: int = 0  # of the sums that a pass holds at once
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
            "threshold": self.threshold, "trend": _or_none(self.trend), "seed": self.seed,
            "sums_bytes": self.sums_bytes, "rows": self.rows, "unreadable": list(self.unreadable),
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
    ray: Cluster | None = None,
    checkpoint: CheckpointFolder | None = None,
) -> Iterator[Invariance]:
    """How many channels of each layer a transformation of the image leaves alone: by values, by the map, by firing.

    Of five images three say what a map would make of each channel, and one measures. Memory does not grow with the
    images: sums hold the change of channels, and firings are looked at in 256 images at most, drawn at random. Raises
    ValueError for fewer than ten images, LookupError for an unknown layer or transformation.

    - `images`: a folder, archive, table or data set of images, or photos
    - `by`: the transformation, such as flip-horizontal, rotate:45, scale:1.25, translate:0.1,0, crop:0.8, grey,
      brightness:1.3, blur:2, or several with + between them
    - `layers`: which layers; if not given, the first convolution and the outputs of blocks, spread over the depth
    - `threshold`: a channel is invariant where its squared change is below this share of its variance
    - `limit`: how many images to use at most, spread over all
    - `seed`: which places of large layers are looked at, and in which images
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one
    - `checkpoint`: a folder that holds how far the run is, so that a killed run goes on from there
    """
    g = transformation_of(by)
    if not 0 < threshold <= 2:
        raise ValueError(f"a threshold is a share of the variance, above 0 and at most 2, not {threshold}")
    chosen = [studied(layer, 1) for layer in layers_of(network, layers)]
    for each in chosen:
        network.steadiness().insist(network.name, each.name, "whether a channel changes is asked of values that repeat")
    check_enough(ImageCollection(images, [network], limit=limit), "this needs")
    groups = passes(chosen)
    sizes = [[(each.depth, each.channels) for each in group] for group in groups]
    size = check_sums(sizes, "choose layers of fewer channels", fits=False)
    account = {"instrument": "invariance", "transformation": g, "layers": [each.name for each in chosen], "seed": seed}
    how = way_of(ray, checkpoint, [network], account)
    began = Invariance(
        network=network.name, by=str(g), layers=(), images=0, threshold=threshold, seed=seed, sums_bytes=size
    )
    yield replace(began, progress=f"relating channels: sums of {human(size)}", step=1)
    related: list[Relations] = []
    unreadable: list[str] = []
    step = 1
    with torch.no_grad():
        for number, group in enumerate(groups, 1):
            fit = SumsOfPairs(images, g, tuple(group), limit, seed, choosing=False)
            gathered = fit.begin([network])
            for words in passed(f"relating {number}", fit, [network], how, gathered, "relating channels"):
                step += 1
                yield replace(began, progress=words, step=step)
            related += [_related(each, gathered.sums[each.name + FITS]) for each in group]
            unreadable = gathered.unreadable
        work = Changes(images, g, tuple(chosen), tuple(each.means for each in related), limit, seed)
        gathered = work.begin([network])
        for words in passed("measuring", work, [network], how, gathered):
            step += 1
            yield replace(began, progress=words, step=step)
    if gathered.images < 2:
        raise ValueError("too few images could be read to measure by; give more")
    rows = tuple(
        LayerKeeps(
            each.name, depth_of(network, each.name),
            *shares(gathered.sums[CHANGE + each.name], threshold, gathered.images), _by_map(of_channels),
            gathered.sums[FIRINGS + each.name].kept(),
        )
        for each, of_channels in zip(chosen, related, strict=True)
    )  # fmt: skip
    yield replace(
        began, layers=rows, images=gathered.images, progress="done", step=step + 1,
        unreadable=tuple(dict.fromkeys((*unreadable, *gathered.unreadable))),
    )  # fmt: skip
    how.done()


def _related(each: Studied, sums: Any) -> Relations:
    if sums.count < 2 or not float(sums.centred()[2].sum()) > 0:
        raise ValueError(
            f"{each.name}: the values don't vary over these images, so that none of its channels can be said to stay"
        )
    return relations(sums, each)


def _by_map(related: Relations) -> np.ndarray:
    itself = related.source == np.arange(len(related.source))
    return itself & (related.slope > SLOPES[0]) & (related.slope < SLOPES[1])
