"""What tells kinds of photos apart, as objectives: is an image more like its own kind than the others of its batch?

With f_i what a layer says of image i (its means over places, brought to length 1) and c_k the mean of that over the
photos of kind k,

    affinity(i, k) = cos( f_i − mean over j of f_j,  c_k − mean over l of c_l ).

All that synthesised images have in common, and photos have not, would hide the difference; so the means are taken off.
The images of kinds stand first in the batch, one for each; those behind them (restarts) are compared to no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import Layer
from ..engine.layers.default_layers import as_maps
from ..engine.layers.gram import mean_of_others
from ..engine.objectives import Objective, Values, objective


def affinities(codes: Tensor, centres: Tensor) -> Tensor:
    """affinity(i, k) of codes (N, D) of images and centres (N, D) of kinds: (N, N), in [-1, 1]."""
    codes, centres = F.normalize(codes, dim=1), centres.to(codes)
    return F.normalize(codes - codes.mean(0), dim=1) @ F.normalize(centres - centres.mean(0), dim=1).T


def own_kind(layer: Layer, centres: Tensor) -> Objective:
    """affinity(i, i) of each image that has a kind, 0 of those behind (N,)."""

    def measure(codes: Tensor) -> Tensor:
        return affinities(codes, centres).diagonal()

    return _of_the_first(f"affinity at {layer.name}", layer, len(centres), measure)


def nearest(layer: Layer, centres: Tensor) -> Objective:
    """1 where an image is nearer to its own kind than to any other, else 0 (N,); no gradient."""

    def measure(codes: Tensor) -> Tensor:
        likeness = affinities(codes.detach(), centres)
        return (likeness.argmax(1) == torch.arange(len(likeness), device=likeness.device)).to(codes)

    return _of_the_first(f"nearest to its own kind at {layer.name}", layer, len(centres), measure)


def likeness(layer: Layer, parts: int = 2) -> Objective:
    """Each image's mean cosine, of the layer's means over its places, with the others of its part of the batch (N,)."""
    codes = _codes(layer)

    def measure(value: Tensor) -> Tensor:
        means = F.normalize(codes(value), dim=1)
        return torch.cat([mean_of_others(part @ part.T) for part in means.chunk(parts)])

    return objective(f"likeness at {layer.name}", layer.name, measure)


def drawn_to_kinds(base: Objective, layers: Sequence[Layer], centres: Mapping[str, Tensor], weight: float) -> Objective:
    """The objective and, at each of the layers, `weight` shares of the images' mean score for affinity to their kind.

    `centres` (N, D) are by the layer's name. The mean score is taken as a number.
    """
    pulls = [own_kind(layer, centres[layer.name]) for layer in layers]
    reads = tuple(sorted(base.reads.union(*(pull.reads for pull in pulls))))

    def measure(*read: Tensor) -> Tensor:
        values: Values = dict(zip(reads, read, strict=True))
        many = len(centres[layers[0].name])
        scale = base.score(values)[:many].detach().mean().abs()
        return scale * torch.stack([pull.score(values) for pull in pulls]).sum(0)

    names = " and ".join(layer.name for layer in layers)
    return base + weight * objective(f"affinity to its own kind at {names}, in shares of the score", reads, measure)


def _codes(layer: Layer) -> Callable[[object], Tensor]:
    maps = as_maps(layer)
    return lambda value: maps(value).flatten(2).mean(2)


def _of_the_first(name: str, layer: Layer, many: int, measure: Callable[[Tensor], Tensor]) -> Objective:
    codes = _codes(layer)

    def all_of_them(value: Tensor) -> Tensor:
        read = codes(value)
        first = measure(read[:many])
        return torch.cat([first, first.new_zeros(len(read) - many)])

    return objective(name, layer.name, all_of_them)
