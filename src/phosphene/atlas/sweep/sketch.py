"""Quantiles of a stream of values, for every channel of a layer at once, in memory that does not grow.

A histogram whose bins are as wide as an eighth of the power of two below them: a number's sign, exponent and first
three bits are its bin, as in HdrHistogram. A quantile is read to within an eighth of its value, mostly much closer,
as values are taken to lie evenly in their bin; what is nearer to 0 than 2^-12 counts as 0, what is beyond 2^12 as
that. Counts are whole numbers, so that parts add up to the same whole in any order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

FIRST, LAST, BITS = -12, 12, 3  # powers of two from and up to which values are told apart, and bits within each
HALF = (LAST - FIRST) << BITS  # bins of one sign
BINS = 2 * HALF + 1  # negative, zero, positive, in rising order


def empty(channels: int, device: torch.device | str = "cpu") -> Tensor:
    """Counts (C, bins), int32."""
    return torch.zeros(channels, BINS, dtype=torch.int32, device=device)


def add(counts: Tensor, values: Tensor) -> None:
    """Counts the values (N, C, any number)."""
    bins = _bin(values.float().transpose(0, 1))  # a channel after the other, so that its counts stay in the cache
    bins += BINS * torch.arange(len(counts), dtype=bins.dtype, device=bins.device)[:, None, None]
    flat = bins.flatten().long()
    counts.view(-1).scatter_add_(0, flat, torch.ones((), dtype=counts.dtype, device=counts.device).expand(len(flat)))


def _bin(values: Tensor) -> Tensor:
    bits = values.contiguous().view(torch.int32)
    steps = (bits & 0x7FFFFFFF) >> (23 - BITS)
    steps.sub_(((127 + FIRST) << BITS) - 1).clamp_(0, HALF)
    return steps.mul_((bits >> 31) | 1).add_(HALF)  # the sign as 1 or -1


def edges() -> np.ndarray:
    """The bins' edges (bins + 1), in rising order; the middle bin is that of 0."""
    steps = np.arange(HALF + 1)
    up = 2.0 ** (FIRST + (steps >> BITS)) * (1 + (steps & ((1 << BITS) - 1)) / (1 << BITS))
    return np.concatenate([-up[::-1], up])


def quantiles(counts: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """The values (C, shares) below which these shares of what was counted lie; NaN where nothing was."""
    borders = edges()
    below = np.concatenate([np.zeros((len(counts), 1)), counts.cumsum(1, dtype=np.float64)], 1)
    result = np.full((len(counts), len(shares)), np.nan)
    rows = below[:, -1].nonzero()[0]
    below = below[rows]
    for column, share in enumerate(shares):
        rank = share * below[:, -1]
        at = np.clip((below < rank[:, None]).sum(1) - 1, 0, BINS - 1)[:, None]
        low, high = np.take_along_axis(below, at, 1)[:, 0], np.take_along_axis(below, at + 1, 1)[:, 0]
        at = at[:, 0]
        values = borders[at] + (rank - low) / np.maximum(high - low, 1) * (borders[at + 1] - borders[at])
        result[rows, column] = np.where(at == HALF, 0.0, values)
    return result


def heights(counts: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """The share (C, bars) of what was counted that lies between rising `borders` (bars + 1); NaN where nothing was.

    Values are taken to lie evenly in their bin, those of the middle bin just above 0.
    """
    bin_edges = edges()
    bin_edges[HALF : HALF + 2] = 0.0, 2.0**-40
    below = np.concatenate([np.zeros((len(counts), 1)), counts.cumsum(1, dtype=np.float64)], 1)
    reached = np.stack([np.interp(borders, bin_edges, row) for row in below])
    with np.errstate(invalid="ignore"):
        return np.diff(reached, axis=1) / below[:, -1:]
