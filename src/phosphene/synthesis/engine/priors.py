"""Priors: what images are like, as terms of an objective or as changes after each step.

Terms are costs, to be subtracted: `unit(...) - 0.1 * total_variation()`. They are means over pixels, so that a weight
means the same at every size. Steps change the pixels after the optimiser has: they get the pixels and the gradient that
led there, and give new pixels. Both take `mean`, the colour that counts as nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from .objectives import IMAGES, Objective, objective

Prior = Callable[[Tensor, Tensor, int], Tensor]  # (pixels, gradient, number of the step from 1) -> pixels


def squared_norm(mean: float = 0.5) -> Objective:
    """The mean square of the pixels' distance from `mean` (K. Simonyan et al. 2014, eq. 1), each image's (N,)."""
    return objective("squared norm", IMAGES, lambda images: (images - mean).flatten(1).square().mean(1))


def alpha_norm(alpha: float = 6.0, mean: float = 0.5) -> Objective:
    """The mean of |x - mean| to the power of alpha, which keeps values in range (A. Mahendran and A. Vedaldi 2015)."""
    return objective(f"{alpha:g}-norm", IMAGES, lambda images: (images - mean).flatten(1).abs().pow(alpha).mean(1))


def total_variation(beta: float = 2.0) -> Objective:
    """V^beta: the mean over pixels of (dx² + dy²)^(beta / 2), differences between neighbours (Mahendran and Vedaldi,
    eq. 4). beta = 2 as in their experiments; below 2 spikes vanish and edges stay.
    """

    def measure(images: Tensor) -> Tensor:
        right = F.pad(images[..., :, 1:] - images[..., :, :-1], (0, 1))
        down = F.pad(images[..., 1:, :] - images[..., :-1, :], (0, 0, 0, 1))
        squares = right.square() + down.square()
        if beta != 2:
            squares = (squares + 1e-8).pow(beta / 2)  # the root has no gradient at zero
        return squares.flatten(1).mean(1)

    return objective(f"total variation (beta {beta:g})", IMAGES, measure)


@dataclass(frozen=True)
class Decay:
    """Pulls the pixels towards `mean` by the share `rate` at every step (J. Yosinski et al. 2015)."""

    rate: float
    mean: float = 0.5

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return self.mean + (pixels - self.mean) * (1 - self.rate)


@dataclass(frozen=True)
class Blur:
    """Blurs every `every` steps with a Gaussian of `sigma_px` pixels (Yosinski et al. 2015)."""

    sigma_px: float
    every: int = 4

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return pixels if number % self.every else blurred(pixels, self.sigma_px)


@dataclass(frozen=True)
class ClipNorm:
    """Sets the pixels whose norm over the colours is below the image's `percentile` to `mean` (Yosinski 2015)."""

    percentile: float
    mean: float = 0.5

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return _cleared(pixels, (pixels - self.mean).norm(dim=1), self.percentile, self.mean)


@dataclass(frozen=True)
class ClipContribution:
    """Sets the pixels that contribute least, by |sum over colours of x · gradient|, to `mean` (same)."""

    percentile: float
    mean: float = 0.5

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        contribution = ((pixels - self.mean) * gradient).sum(1).abs()
        return _cleared(pixels, contribution, self.percentile, self.mean)


def _cleared(pixels: Tensor, worth: Tensor, percentile: float, mean: float) -> Tensor:
    """The pixels, those whose `worth` (N, H, W) is below the percentile of their image's set to `mean`."""
    low = torch.quantile(worth.flatten(1), percentile / 100, dim=1)
    return torch.where(worth[:, None] < low[:, None, None, None], mean, pixels)


def blurred(images: Tensor, sigma_px: float) -> Tensor:
    """The images (N, C, H, W) blurred with a Gaussian, their border mirrored."""
    radius = min(math.ceil(3 * sigma_px), min(images.shape[-2:]) - 1)
    return gaussian_blur(images, [2 * radius + 1] * 2, [sigma_px] * 2)
