"""Photos parted into kinds by what a layer says of them, and an image to begin at for each kind.

As in A. Nguyen, J. Yosinski and J. Clune (2016): 50 principal components, t-SNE into the plane, k-means there, and the
mean of the photos nearest to each centre. t-SNE spreads photos evenly: without it k-means makes groups of one or two
outliers. Three things are ours. Features are brought to one length first, else the loudest photos are a group. The
paper takes 15 photos of hundreds; we take at most a third of a group, as those 15 are alike. And a mean of photos,
which is nearly grey, is given back half of a photo's contrast, so that there is something to keep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import Layer, Network
from ..engine.collection import PhotoAnswers
from ..engine.images.from_start import logits
from ..engine.layers.default_layers import as_maps
from ..engine.objectives import Size
from ..engine.priors import blurred
from .clusters import in_the_plane, k_means, principal
from .starts import fitted

COMPONENTS, NEAREST = 50, 15  # the paper's
BLUR = 1.5 / 128  # of the longer side: the edges of single photos go
CONTRAST, MOST = 0.7, 4.0  # standard deviation of logits, where a photo has 1.3; and how often it may be raised
SHOWN = 6  # photos of a group that are kept


@dataclass(frozen=True, eq=False)
class Group:
    """Photos that look alike to the later layer."""

    count: int  # of all photos in it
    names: tuple[str, ...]  # of those that the start is the mean of, nearest to the centre first
    photos: Tensor = field(repr=False)  # some of them (k, 3, H, W) in [0, 1]


@dataclass(frozen=True, eq=False)
class Kinds:
    """The groups, the largest first."""

    groups: tuple[Group, ...]
    begun: Tensor = field(repr=False)  # (N, 3, H, W) in [0, 1]: where each facet begins
    centres: dict[str, Tensor] = field(repr=False)  # (N, D) by layer: means of its photos' features of length 1


def kinds_of(
    network: Network, answers: PhotoAnswers, layers: Sequence[Layer], *, many: int, top: int, size: Size, seed: int
) -> Kinds:
    """The `top` photos with the highest score in `many` groups, by what the first of the layers says of them.

    Raises ValueError for photos that are fewer than groups, or that look alike.
    """
    best = np.argsort(-answers.scores, kind="stable")[:top]
    codes = features(network, answers, best, layers)
    points = codes[layers[0].name]
    assigned = parted(points, many, seed)
    groups, begun = [], []
    for group in range(many):
        inside = torch.nonzero(assigned == group)[:, 0]
        away = (points[inside] - points[inside].mean(0)).norm(dim=1)
        count = min(NEAREST, math.ceil(len(inside) / 3))
        near = [int(best[index]) for index in inside[away.argsort(stable=True)][:count]]
        images = torch.cat([fitted(answers.image(network, index), size) for index in near])
        groups.append(Group(len(inside), tuple(answers.names[index] for index in near), images[:SHOWN]))
        begun.append(images.mean(0, keepdim=True))
    starts = strengthened(blurred(torch.cat(begun), BLUR * max(size)))
    centres = {
        name: torch.stack([each[assigned == group].mean(0) for group in range(many)]) for name, each in codes.items()
    }
    return Kinds(tuple(groups), starts, centres)


def features(
    network: Network, answers: PhotoAnswers, rows: Sequence[int] | np.ndarray, layers: Sequence[Layer]
) -> dict[str, Tensor]:
    """What each layer says of the chosen photos: its means over places, brought to length 1 (N, D), by its name."""
    read = {layer.name: as_maps(layer) for layer in layers}
    by_layer: dict[str, list[Tensor]] = {name: [] for name in read}
    for index in rows:
        with torch.no_grad():
            values = network.record(network.inputs(answers.photo(int(index))), *read)
        for name, maps in read.items():
            by_layer[name].append(maps(values[name]).flatten(2).mean(2).float().cpu())
    return {name: F.normalize(torch.cat(each), dim=1) for name, each in by_layer.items()}


def parted(points: Tensor, many: int, seed: int) -> Tensor:
    """Each point's group (N,), the largest first. ValueError for points fewer than groups, or that are alike."""
    if len(points) < many:
        raise ValueError(f"{len(points)} photos can't be parted into {many} groups; give more photos or ask for fewer")
    different = len(torch.unique((points * 1e5).round(), dim=0))
    if different < many:
        raise ValueError(f"the photos look alike and make {different} of {many} groups; give others or ask for fewer")
    return k_means(in_the_plane(principal(points, COMPONENTS), seed), many, seed)[0]


def strengthened(images: Tensor) -> Tensor:
    """The images (N, 3, H, W) in [0, 1] with the contrast of their logits raised to `CONTRAST` where it is less."""
    values = logits(images)
    middle = values.mean((1, 2, 3), keepdim=True)
    deviation = (values - middle).std((1, 2, 3), keepdim=True)
    return (middle + (values - middle) * (CONTRAST / deviation).clamp(1, MOST)).sigmoid()
