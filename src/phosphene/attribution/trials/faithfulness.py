"""Whether a map says what the network does: three tests that change the image where the map says, and look.

    deletion        pixels are taken away, the strongest first; the class's probability should fall fast
    insertion       pixels are put into a blurred image, the strongest first; it should rise fast
                    (V. Petsiuk, A. Das and K. Saenko, *RISE*, 2018; the area under the curve, in [0, 1])
    sensitivity-n   random sets of n cells are covered; the map's sum over a set should go with the score's drop
                    (M. Ancona et al., *Towards better understanding of gradient-based attribution methods*, 2018;
                    Pearson's correlation over the sets)

Where we differ: pixels that tie are taken in a random order, the same for every map; sensitivity-n takes square cells
instead of single pixels, whose effect on a large image is below rounding, and covers them with the mean colour. None of
these tests tells the method's fault from the network's: a covered image is one that the network has never seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...network import Network
from ..maps.fills import fill_values_of
from .likeness import pearson


def deletion(
    network: Network, x: Tensor, maps: Tensor, classes: Tensor, *, steps: int = 32, fill: str = "mean",
    batch: int = 32, seed: int = 0,
) -> Tensor:  # fmt: skip
    """The probability of each image's class as its strongest pixels are replaced: (N, steps + 1), from none to all.

    `x` (N, C, H, W) is the network's input, `maps` (N, H, W), `classes` (N,). `fill` is mean, zero, blur or noise.
    """
    return _curves(network, x, maps, classes, steps, fill, batch, seed, inserting=False)


def insertion(
    network: Network, x: Tensor, maps: Tensor, classes: Tensor, *, steps: int = 32, fill: str = "blur",
    batch: int = 32, seed: int = 0,
) -> Tensor:  # fmt: skip
    """The probability as the strongest pixels are put into an image of nothing but `fill`; otherwise as `deletion`."""
    return _curves(network, x, maps, classes, steps, fill, batch, seed, inserting=True)


def area(curves: Tensor) -> Tensor:
    """The area under curves (N, steps + 1) over [0, 1], by trapezia: (N,)."""
    return (curves.sum(1) - (curves[:, 0] + curves[:, -1]) / 2) / (curves.shape[1] - 1)


def order(maps: Tensor, seed: int = 0) -> Tensor:
    """Each pixel's place (N, H, W) when the strongest comes first, from 0; ties at random, unknown pixels last."""
    values = maps.detach().double().flatten(1).nan_to_num(nan=float("-inf"))
    shuffled = torch.randperm(values.shape[1], generator=torch.Generator().manual_seed(seed)).to(values.device)
    first = shuffled[values[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    ranks = torch.arange(values.shape[1], device=values.device).expand_as(first)
    return torch.empty_like(first).scatter_(1, first, ranks).view(maps.shape)


def _curves(
    network: Network, x: Tensor, maps: Tensor, classes: Tensor, steps: int, fill: str, batch: int, seed: int, *,
    inserting: bool,
) -> Tensor:  # fmt: skip
    if steps < 1:
        raise ValueError(f"steps is the number of changes, at least 1, not {steps}")
    _check(x, maps)
    pixels = maps[0].numel()
    counts = torch.arange(steps + 1, device=x.device) * pixels // steps
    curves = []
    for index, ranks in enumerate(order(maps.to(x.device), seed)):
        image = x[index : index + 1]
        other = fill_values_of(image, fill, index, "pixels are replaced by")
        start, end = (other, image) if inserting else (image, other)
        values = [
            _probabilities(network, torch.where(ranks < threshold[:, None, None, None], end, start), classes[index])
            for threshold in counts.split(batch)
        ]
        curves.append(torch.cat(values))
    return torch.stack(curves)


def _probabilities(network: Network, images: Tensor, class_: Tensor) -> Tensor:
    return _answers(network, images, "probabilities")[:, int(class_)]


# ---- sensitivity-n


def subsets(size: tuple[int, int], *, cell: int = 16, share: float = 0.2, count: int = 64, seed: int = 0) -> Tensor:
    """Random sets of cells, (count, H, W) of truth values; each covers `share` of the cells of `cell` px squared."""
    rows, columns = (-(-side // cell) for side in size)
    many = max(1, round(share * rows * columns))
    if count < 2 or many >= rows * columns:
        raise ValueError(
            f"{count} sets of {many} of {rows * columns} cells can't be told apart; take at least 2 sets, and a share "
            "and a cell that leave some cells out"
        )
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(count, rows * columns, generator=generator).argsort(1) < many
    grid = chosen.view(count, rows, columns)
    return grid.repeat_interleave(cell, 1).repeat_interleave(cell, 2)[:, : size[0], : size[1]]


def drops(network: Network, x: Tensor, classes: Tensor, sets: Tensor, *, fill: str = "mean", batch: int = 32) -> Tensor:
    """By how much each image's class score (before softmax) drops where a set of pixels is covered: (N, count)."""
    score_drops = []
    for index in range(len(x)):
        image = x[index : index + 1]
        other = fill_values_of(image, fill, index, "pixels are replaced by")
        clean = _scores(network, image, classes[index])
        covered = [
            _scores(network, torch.where(sets_at_once[:, None], other, image), classes[index])
            for sets_at_once in sets.to(x.device).split(batch)
        ]
        score_drops.append(clean - torch.cat(covered))
    return torch.stack(score_drops)


def sensitivity_n(maps: Tensor, sets: Tensor, dropped: Tensor) -> Tensor:
    """The correlation of each map's sums over the sets with the drops there: (N,); NaN where either is constant."""
    sums = maps.detach().double().nan_to_num().flatten(1) @ sets.to(maps.device).double().flatten(1).T
    return pearson(sums, dropped)


def _scores(network: Network, images: Tensor, class_: Tensor) -> Tensor:
    return _answers(network, images, "logits")[:, int(class_)]


def _answers(network: Network, images: Tensor, layer: str) -> Tensor:
    """The answers (N, classes); channels last, which convolutions are a quarter faster in on a CPU."""
    return network.record(images.contiguous(memory_format=torch.channels_last), layer)[layer]


def _check(x: Tensor, maps: Tensor) -> None:
    if maps.ndim != 3 or len(maps) != len(x) or maps.shape[1:] != x.shape[2:]:
        expected = f"({len(x)}, {x.shape[2]}, {x.shape[3]})"
        raise ValueError(f"maps for these images are {expected}, one number for each pixel, not {tuple(maps.shape)}")
