"""Priors: what images are like, as terms of an objective, as changes after each step, or as ways of a spectrum.

Terms are costs, to be subtracted: `unit(...) - 0.1 * total_variation()`. They are means over pixels, so that a weight
means the same at every size. Steps change the pixels after the optimiser has: they get the pixels and the gradient that
led there, and give new pixels. Both take `mean`, the colour that counts as nothing. A spectrum has ways of its own: how
its frequencies weigh, whether its colours are decorrelated, and how fast it fades.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from .objectives import IMAGES, Objective, objective
from .options import count, positive

Prior = Callable[[Tensor, Tensor, int], Tensor]  # (pixels, gradient, number of the step from 1) -> pixels
GREY = 0.5


def squared_norm(mean: float = GREY) -> Objective:
    """The mean square of the pixels' distance from `mean` (K. Simonyan et al. 2014, eq. 1), each image's (N,)."""
    spec = f"l2:{{weight}}{_mean(mean)}"
    return objective("squared norm", IMAGES, lambda images: (images - mean).flatten(1).square().mean(1), spec)


def alpha_norm(alpha: float = 6.0, mean: float = GREY) -> Objective:
    """The mean of |x - mean| to the power of alpha, which keeps values in range (A. Mahendran and A. Vedaldi 2015)."""
    at_least_one(alpha, "p")
    spec = f"lp:{{weight}},p={exact(alpha)}{_mean(mean)}"
    return objective(
        f"{alpha:g}-norm", IMAGES, lambda images: (images - mean).flatten(1).abs().pow(alpha).mean(1), spec
    )


def total_variation(beta: float = 2.0) -> Objective:
    """V^beta: the mean over pixels of (dx² + dy²)^(beta / 2), differences between neighbours (Mahendran and Vedaldi,
    eq. 4). beta = 2 as in their experiments; below 2 spikes vanish and edges stay.
    """
    at_least_one(beta, "beta")

    def measure(images: Tensor) -> Tensor:
        right = F.pad(images[..., :, 1:] - images[..., :, :-1], (0, 1))
        down = F.pad(images[..., 1:, :] - images[..., :-1, :], (0, 0, 0, 1))
        squares = right.square() + down.square()
        if beta != 2:
            squares = (squares + 1e-8).pow(beta / 2)  # the root has no gradient at zero
        return squares.flatten(1).mean(1)

    spec = f"tv:{{weight}}{f',beta={exact(beta)}' if beta != 2 else ''}"
    return objective(f"total variation (beta {beta:g})", IMAGES, measure, spec)


@dataclass(frozen=True)
class Decay:
    """Pulls the pixels towards `mean` by the share `rate` at every step (J. Yosinski et al. 2015)."""

    rate: float
    mean: float = GREY

    def __post_init__(self) -> None:
        within(self.rate, "a decay", 1)

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return self.mean + (pixels - self.mean) * (1 - self.rate)


@dataclass(frozen=True)
class Blur:
    """Blurs every `every` steps with a Gaussian of `sigma_px` pixels (Yosinski et al. 2015)."""

    sigma_px: float
    every: int = 4

    def __post_init__(self) -> None:
        positive(self.sigma_px, "a blur's sigma")
        count(self.every, "every")

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return pixels if number % self.every else blurred(pixels, self.sigma_px)


@dataclass(frozen=True)
class ClipNorm:
    """Sets the pixels whose norm over the colours is below the image's `percentile` to `mean` (Yosinski 2015)."""

    percentile: float
    mean: float = GREY

    def __post_init__(self) -> None:
        within(self.percentile, "a percentile", 100)

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        return _cleared(pixels, (pixels - self.mean).norm(dim=1), self.percentile, self.mean)


@dataclass(frozen=True)
class ClipContribution:
    """Sets the pixels that contribute least, by |sum over colours of x · gradient|, to `mean` (same)."""

    percentile: float
    mean: float = GREY

    def __post_init__(self) -> None:
        within(self.percentile, "a percentile", 100)

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        contribution = ((pixels - self.mean) * gradient).sum(1).abs()
        return _cleared(pixels, contribution, self.percentile, self.mean)


@dataclass(frozen=True)
class Fade:
    """A spectrum loses the `share` of what it is at every step, so that only what the gradient renews stays.

    If no share is given it is twice Adam's rate. It is Adam's decoupled decay (I. Loshchilov and F. Hutter 2019), so
    that it holds for objectives of every scale.
    """

    share: float | None = None

    def __post_init__(self) -> None:
        if self.share is not None:
            within(self.share, "a fade", 1)


@dataclass(frozen=True)
class Falling:
    """A spectrum's frequency f weighs f to the power of -`power`: 0 for all alike, 1 to 2 as in photos."""

    power: float

    def __post_init__(self) -> None:
        positive(self.power, "a spectrum's power", zero=True)


@dataclass(frozen=True)
class Colours:
    """A spectrum's colours: uncorrelated over natural images, as in C. Olah et al. 2017, or red, green and blue."""

    kind: Literal["decorrelated", "rgb"]

    def __post_init__(self) -> None:
        if self.kind not in ("decorrelated", "rgb"):
            raise ValueError(f"colours are decorrelated or rgb, not {self.kind!r}")


OfSpectrum = Fade | Falling | Colours


def within(value: Any, name: str, most: float) -> float:
    """A number from 0 to `most`."""
    number = positive(value, name, zero=True)
    if number > most:
        raise ValueError(f"{name} is from 0 to {most:g}, not {value!r}")
    return number


def at_least_one(value: Any, name: str) -> float:
    """A number of at least 1: below, gradients have no bound."""
    number = positive(value, name)
    if number < 1:
        raise ValueError(f"{name} is at least 1, not {value!r}")
    return number


def exact(value: float) -> str:
    """The number as a text that gives it back."""
    return text if float(text := f"{value:g}") == value else repr(float(value))


def _mean(mean: float) -> str:
    return f",mean={exact(mean)}" if mean != GREY else ""


def _cleared(pixels: Tensor, worth: Tensor, percentile: float, mean: float) -> Tensor:
    """The pixels, those whose `worth` (N, H, W) is below the percentile of their image's set to `mean`."""
    low = torch.quantile(worth.flatten(1), percentile / 100, dim=1)
    return torch.where(worth[:, None] < low[:, None, None, None], mean, pixels)


def blurred(images: Tensor, sigma_px: float) -> Tensor:
    """The images (N, C, H, W) blurred with a Gaussian, their border mirrored."""
    radius = min(math.ceil(3 * sigma_px), min(images.shape[-2:]) - 1)
    return gaussian_blur(images, [2 * radius + 1] * 2, [sigma_px] * 2)
