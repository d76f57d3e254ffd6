"""How alike images are: the cosine of their Gram matrices at a layer, and the difference of their pixels.

What an image shows at a layer, wherever it shows it, is its Gram matrix G = F F^T of the layer's maps F (channels ×
places): which channels answer together (L. Gatys et al. 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....network import Layer
from ..objectives import Objective, objective
from .default_layers import as_maps


def gram_likeness(layer: Layer, groups: int = 1) -> Objective:
    """Each image's mean cosine, of Gram matrices of the layer's maps, with the other images (N,).

    With `groups` the batch is that many batches in a row, each compared within itself.
    """
    maps = as_maps(layer)

    def measure(value: Tensor) -> Tensor:
        return torch.cat([mean_of_others(gram_cosines(part)) for part in maps(value).chunk(groups)])

    return objective(f"Gram likeness at {layer.name}", layer.name, measure)


def gram_cosines(maps: Tensor) -> Tensor:
    """The cosine between the Gram matrices of any two of the maps (N, C, rows, columns): (N, N)."""
    flat = maps.flatten(2)
    if flat.shape[2] < flat.shape[1]:  # <F F^T, H H^T> = |F^T H|²: fewer numbers where places are fewer than channels
        products = torch.einsum("icp,jcq->ijpq", flat, flat).square().sum((2, 3))
    else:
        matrices = (flat @ flat.transpose(1, 2)).flatten(1)
        products = matrices @ matrices.T
    lengths = products.diagonal().clamp(min=torch.finfo(products.dtype).tiny ** 0.5).sqrt()
    return products / (lengths[:, None] * lengths)


def mean_of_others(cosines: Tensor) -> Tensor:
    """Each row's mean without its diagonal (N,)."""
    return (cosines.sum(1) - cosines.diagonal()) / max(1, len(cosines) - 1)


@dataclass(frozen=True)
class Apart:
    """How far images are from each other: means over all pairs."""

    gram: float  # 1 − the cosine of their Gram matrices
    pixels: float  # root mean square of the difference of pixels in [0, 1]


def apart(likeness: Tensor, images: Tensor) -> Apart:
    """How far the images (N, 3, H, W) are from each other, with their likeness (N,)."""
    return Apart(1 - float(likeness.double().mean()), pairwise_rms(images))


def pairwise_rms(values: Tensor) -> float:
    """The root mean square difference of two of the values (N, ...), mean over all pairs."""
    flat = values.detach().flatten(1).double().cpu()
    first, second = torch.triu_indices(len(flat), len(flat), 1)
    return float((flat[first] - flat[second]).square().mean(1).sqrt().mean())
