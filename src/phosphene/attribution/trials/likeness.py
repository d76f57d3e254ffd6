"""How alike two maps are, in numbers that don't depend on their scale.

    pearson    correlation of the values
    spearman   correlation of their ranks; values that tie share the mean of their ranks
    ssim       structural similarity (Z. Wang et al., 2004) of the maps, each divided by its largest magnitude

All are 1 for a map and itself. The structural similarity is the mean over the pixels, with a Gaussian window of
sigma 1.5 px and 11 taps, and the paper's constants 0.01 and 0.03 for values that span [-1, 1] (signed) or [0, 1].
J. Adebayo et al. (*Sanity Checks for Saliency Maps*, 2018) compare maps with the last two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TAPS, SIGMA = 11, 1.5


def pearson(one: Tensor, other: Tensor) -> Tensor:
    """The correlation of each pair, (N,) from (N, ...); NaN where a map is constant or pixels of neither are known."""
    a, b = (each.detach().double().flatten(1) for each in (one, other))
    both = ~(a.isnan() | b.isnan())
    count = both.sum(1, keepdim=True)
    a, b = (torch.where(both, each, 0.0) for each in (a, b))
    a, b = (torch.where(both, each - each.sum(1, keepdim=True) / count, 0.0) for each in (a, b))
    norm = a.norm(dim=1) * b.norm(dim=1)
    return torch.where(norm > 0, (a * b).sum(1) / norm, torch.nan).clamp(-1, 1)


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """The correlation of the ranks of each pair, (N,) from (N, ...); NaN as in `pearson`."""
    a, b = (each.detach().double().flatten(1) for each in (one, other))
    unknown = a.isnan() | b.isnan()
    return pearson(*(ranks(each.masked_fill(unknown, torch.nan)) for each in (a, b)))


def ranks(values: Tensor) -> Tensor:
    """The rank of each value in its row (N, M), from 0; ties share their mean rank, NaN stays NaN."""
    from scipy.stats import rankdata

    numbers = values.detach().double().cpu().numpy()
    return torch.from_numpy(rankdata(numbers, axis=1, nan_policy="omit") - 1.0).to(values.device)


def ssim(one: Tensor, other: Tensor, signed: bool = False) -> Tensor:
    """The structural similarity of each pair of maps, (N,) from (N, H, W); unknown pixels count as 0."""
    a, b = (_scaled(each.detach().double().nan_to_num()) for each in (one, other))
    weights = torch.exp(-((torch.arange(TAPS, device=a.device, dtype=a.dtype) - TAPS // 2) ** 2) / (2 * SIGMA**2))
    weights = weights / weights.sum()

    def mean(values: Tensor) -> Tensor:
        padded = F.pad(values[:, None], [TAPS // 2] * 4, mode="replicate")
        return F.conv2d(F.conv2d(padded, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))[:, 0]

    span = 2.0 if signed else 1.0
    first, second = (0.01 * span) ** 2, (0.03 * span) ** 2
    u, v = mean(a), mean(b)
    uu, vv, uv = mean(a * a) - u * u, mean(b * b) - v * v, mean(a * b) - u * v
    similarity = (2 * u * v + first) * (2 * uv + second) / ((u * u + v * v + first) * (uu + vv + second))
    return similarity.mean((1, 2))


def _scaled(maps: Tensor) -> Tensor:
    most = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(most > 0, most, 1.0)
