"""How selective a reversed signal is: does it change with the unit that it starts at?

A projection is shown as "the pattern that this unit answers to", so that projections of different units should differ.
A. Mahendran and A. Vedaldi (*Salient Deconvolutional Networks*, ECCV 2016) find that those of the deconvnet and of
guided backprop mostly don't. Here it is a number. For each rule, signals run back from several starts in four groups;
within a group every two projections are compared, and the mean over all pairs is reported:

    strongest   the strongest channels of a layer, each at its largest activation
    random      the strongest channel, and random channels that are active at that channel's place, all started there
    noise       the strongest channel, and vectors of Gaussian noise over all channels, started at its place
    classes     the best class and random classes, started at their scores

A rule without any selectivity has similarity 1 in all of them. `starting` chooses the starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Images, LayerName
from ...measures.intervals import DRAWS, LEVEL, Interval
from ...network import Frame, Network, near
from ...network.running.outputs import main_tensor
from ...picture import Photo, Sheet
from ..maps.attribution import photo_fields
from ..trials.likeness import ranks
from .reversing import Reversal
from .selectivity_picture import sheet_of
from .starting import GROUPS, deepest, starts_of

RULES: dict[str, Reversal] = {  # names of Mahendran and Vedaldi in brackets
    "gradient": Reversal("forward"),  # SaliNet
    "deconvnet": Reversal("backward"),  # DeConvNet
    "guided": Reversal("both"),  # DeSaliNet
    "none": Reversal("none"),
    "gradient-centre": Reversal("forward", "centre"),
    "deconvnet-centre": Reversal("backward", "centre"),
    "guided-centre": Reversal("both", "centre"),
}
MEASURES = ("signal", "map", "rank")


@dataclass(frozen=True, eq=False, kw_only=True)
class Selectivity(Result):
    """Similarities of projections: for each rule and group a matrix (starts, starts) for each of N images.

    `signal` is the magnitude of the correlation of the signals (C, H, W); `map` the correlation of their maps, the
    largest magnitudes over the channels; `rank` the correlation of the maps' ranks. NaN where a projection is zero.
    """

    network: str
    layer: str
    photos: tuple[tuple[Photo, Frame], ...] = field(repr=False)
    rules: tuple[str, ...]
    groups: tuple[str, ...]
    starts: dict[str, tuple[str, ...]] = field(repr=False)  # of the first image, by group
    matrices: dict[tuple[str, str, str], np.ndarray] = field(repr=False)  # (rule, group, measure) -> (N, k, k)
    signals: dict[str, Tensor] = field(repr=False)  # by rule: the first image's strongest projections (k, C, H, W)
    seed: int

    def similarity(self, rule: str, group: str, measure: str = "signal") -> Interval:
        """The mean over all pairs of different starts and all images, with its 95 % bootstrap interval."""
        return of_pairs(self.matrices[rule, group, measure], self.seed)

    def sheet(self) -> Sheet:
        """For each rule a row: projections of different units side by side, and how alike those of each group are."""
        caption = f"{self.network}, how selective reversed signals from {self.layer} are: {', '.join(self.rules)}"
        return replace(sheet_of(self), description=caption)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "images": [photo.name for photo, _ in self.photos],
            "starts": {group: list(names) for group, names in self.starts.items()},
            "similarities": [
                {"rule": rule, "group": group, "measure": measure, **self.similarity(rule, group, measure).to_dict()}
                for rule, group, measure in self.matrices
            ],
        }


@instrument
def selectivity(
    network: Network,
    images: Images,
    layer: LayerName | None = None,
    *,
    rules: str | Sequence[str] = "gradient,deconvnet,guided",
    units: int = 6,
    seed: int = 0,
) -> Selectivity:
    """How much reversed signals depend on the unit they start from: similarities of the projections of different units.

    Raises LookupError for a layer or rule that does not exist, and if the network has nothing that a rule changes.

    - `layer`: where signals start; if not given, the last convolution
    - `rules`: names with commas between them: gradient, deconvnet, guided, none (no rectifiers), and the first three
      with -centre (max pooling sends signals to its windows' centres)
    - `units`: how many starting points in each group
    - `seed`: seed of random units, classes and noise
    """
    names = tuple(part.strip() for part in (rules.split(",") if isinstance(rules, str) else rules) if part.strip())
    for name in names:
        if name not in RULES:
            raise LookupError(f"there is no rule {name!r}{near(name, RULES)}; the rules are {', '.join(RULES)}")
    if not names or units < 2:
        raise ValueError(f"compare at least 2 units under at least 1 rule, not {units} under {len(names)}")
    x = network.inputs(images).detach()
    layer = layer or deepest(network, x)
    rows: dict[tuple[str, str, str], list[np.ndarray]] = {}
    signals: dict[str, Tensor] = {}
    first: dict[str, tuple[str, ...]] = {}
    for index in range(len(x)):
        image = x[index : index + 1]
        generator = torch.Generator().manual_seed(seed + index)
        for group, where, start_names, seeds in starts_of(network, image, layer, units, generator):
            first.setdefault(group, start_names)
            for rule in names:
                projected = projections(network, image, where, seeds, RULES[rule])
                if index == 0 and group == "strongest":
                    signals[rule] = projected.float().cpu()
                for measure, matrix in zip(MEASURES, _matrices(projected), strict=True):
                    rows.setdefault((rule, group, measure), []).append(matrix)
    groups = tuple(group for group in GROUPS if group in first)
    matrices = {
        (rule, group, measure): _stacked(rows[rule, group, measure], units)
        for rule in names for group in groups for measure in MEASURES
    }  # fmt: skip
    return Selectivity(
        network=network.name, layer=layer, photos=photo_fields(network, images)["photos"], rules=names, groups=groups,
        starts=first, matrices=matrices, signals=signals, seed=seed,
    )  # fmt: skip


def projections(network: Network, x: Tensor, layer: str, seeds: Tensor, reversal: Reversal) -> Tensor:
    """Signals (K, C, H, W) at one input `x` (1, C, H, W) that start as `seeds` (K, ...), shaped like the layer's value.

    One pass forward; all run back together.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = main_tensor(network.record(x, layer, rules=reversal.rules())[layer])
        assert value is not None
        (gradients,) = torch.autograd.grad(value, x, seeds.to(value)[:, None], is_grads_batched=True)
    return gradients[:, 0].detach()


# ---- how alike they are


def _matrices(result: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarities (K, K) of signals (K, C, H, W): of the signals, of their maps, of the maps' ranks."""
    maps = result.abs().amax(1)
    flat = result.detach().double().flatten(1)
    return _correlations(flat).abs().numpy(), _correlations(maps).numpy(), _correlations(ranks(maps.flatten(1))).numpy()


def _correlations(values: Tensor) -> Tensor:
    rows = values.detach().double().flatten(1).cpu()
    rows = rows - rows.mean(1, keepdim=True)
    norm = rows.norm(dim=1)
    rows = torch.where(norm[:, None] > 0, rows / norm[:, None], torch.nan)
    return (rows @ rows.T).clamp(-1, 1)


def _stacked(matrices: Sequence[np.ndarray], units: int) -> np.ndarray:
    """All images' matrices as one array (N, units, units); NaN where an image had fewer starts."""
    out = np.full((len(matrices), units, units), np.nan)
    for index, matrix in enumerate(matrices):
        out[index, : len(matrix), : len(matrix)] = matrix
    return out


def of_pairs(matrices: np.ndarray, seed: int = 0) -> Interval:
    """The mean over pairs of different starts of (N, K, K), and its interval: images are drawn anew, and in each the
    starts, as both are samples; a start drawn twice makes no pair with itself."""
    starts = matrices.shape[1]
    pairs = ~np.isnan(matrices) & ~np.eye(starts, dtype=bool)
    with_pairs, pairs = matrices[pairs.any((1, 2))], pairs[pairs.any((1, 2))]
    if not len(with_pairs):
        return Interval(np.nan, np.nan, np.nan, 0)
    generator = np.random.default_rng(seed)
    values = np.where(pairs, with_pairs, 0.0)
    counts = generator.multinomial(starts, np.full(starts, 1 / starts), size=(len(with_pairs), DRAWS)).astype(float)
    weight = np.einsum("ndk,nkl,ndl->nd", counts, pairs.astype(float), counts)
    of_image = np.where(
        weight > 0,
        np.einsum("ndk,nkl,ndl->nd", counts, values, counts) / np.maximum(weight, 1),
        np.nan,
    )
    images, which = (generator.integers(many, size=(DRAWS, len(with_pairs))) for many in (len(with_pairs), DRAWS))
    resampled = of_image[images, which]
    count = (~np.isnan(resampled)).sum(1)
    means = np.nansum(resampled, 1)[count > 0] / count[count > 0]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean = (values.sum((1, 2)) / pairs.sum((1, 2))).mean()
    return Interval(float(mean), float(low), float(high), len(with_pairs))
